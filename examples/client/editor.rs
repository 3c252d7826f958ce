//! The line that is being typed, key by key: the terminal is in raw mode, so that what arrives meanwhile can be printed above it.

use super::text::char_columns;

/// A line under the cursor, and those before it.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    line: Vec<char>,
    /// How many characters are in front of the cursor.
    cursor: usize,
    history: Vec<Vec<char>>,
    /// Which of those is looked at, from the latest.
    looked_back: usize,
    /// The beginning of a character, or of a key that is more than one.
    partial: Vec<u8>,
}

/// What a key has brought to an end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty line.
    End,
}

impl Editor {
    /// Takes one byte from the terminal.
    pub(crate) fn feed(&mut self, byte: u8) -> Option<Entered> {
        self.partial.push(byte);
        match self.partial.first() {
            Some(0x1b) => self.sequence(),
            Some(0x00..=0x1f | 0x7f) => {
                self.partial.clear();
                return self.control(byte);
            }
            _ => self.character(),
        }
        None
    }

    /// What of the line is seen in `width` columns, and at which of them the cursor is.
    pub(crate) fn view(&self, width: usize) -> (String, usize) {
        // As much as fits in front of the cursor, and then behind it.
        let mut start = self.cursor;
        let mut column = 0;
        while let Some(c) = start.checked_sub(1).and_then(|before| self.line.get(before)) {
            let wider = column + char_columns(*c);
            if wider + 1 > width {
                break;
            }
            column = wider;
            start -= 1;
        }
        let mut seen = String::new();
        let mut left = width;
        for c in self.line.iter().skip(start) {
            let Some(after) = left.checked_sub(char_columns(*c)) else { break };
            left = after;
            seen.push(if *c == '\t' { ' ' } else { *c });
        }
        (seen, column)
    }

    fn control(&mut self, byte: u8) -> Option<Entered> {
        match byte {
            b'\r' | b'\n' => return Some(Entered::Line(self.take())),
            0x03 => return Some(Entered::Interrupt),
            0x04 if self.line.is_empty() => return Some(Entered::End),
            0x04 => self.delete(self.cursor, self.cursor + 1),
            0x08 | 0x7f => self.delete(self.cursor.saturating_sub(1), self.cursor),
            0x01 => self.cursor = 0,
            0x05 => self.cursor = self.line.len(),
            0x02 => self.cursor = self.cursor.saturating_sub(1),
            0x06 => self.cursor = self.line.len().min(self.cursor + 1),
            0x0b => self.delete(self.cursor, self.line.len()),
            0x15 => self.delete(0, self.cursor),
            0x17 => self.delete(self.word(), self.cursor),
            0x10 => self.look_back(self.looked_back + 1),
            0x0e => self.look_back(self.looked_back.saturating_sub(1)),
            // As it comes when several columns are pasted.
            b'\t' => self.insert('\t'),
            _ => {}
        }
        None
    }

    /// A key that begins with an escape: the arrows, Home, End, Delete. Others do nothing.
    fn sequence(&mut self) {
        match *self.partial {
            [0x1b] | [0x1b, b'[' | b'O'] => return,
            [0x1b, b'[', .., last] if !(0x40..=0x7e).contains(&last) => return,
            [0x1b, b'[' | b'O', b'A'] => self.look_back(self.looked_back + 1),
            [0x1b, b'[' | b'O', b'B'] => self.look_back(self.looked_back.saturating_sub(1)),
            [0x1b, b'[' | b'O', b'C'] => self.cursor = self.line.len().min(self.cursor + 1),
            [0x1b, b'[' | b'O', b'D'] => self.cursor = self.cursor.saturating_sub(1),
            [0x1b, b'[' | b'O', b'H'] | [0x1b, b'[', b'1', b'~'] => self.cursor = 0,
            [0x1b, b'[' | b'O', b'F'] | [0x1b, b'[', b'4', b'~'] => self.cursor = self.line.len(),
            [0x1b, b'[', b'3', b'~'] => self.delete(self.cursor, self.cursor + 1),
            _ => {}
        }
        self.partial.clear();
    }

    fn character(&mut self) {
        match std::str::from_utf8(&self.partial) {
            Ok(text) => {
                let c = text.chars().next();
                self.partial.clear();
                if let Some(c) = c.filter(|c| !c.is_control()) {
                    self.insert(c);
                }
            }
            // More of it is to come, unless it is none.
            Err(error) if error.error_len().is_some() => self.partial.clear(),
            Err(_) => {}
        }
    }

    fn insert(&mut self, c: char) {
        self.line.insert(self.cursor, c);
        self.cursor += 1;
    }

    fn delete(&mut self, from: usize, to: usize) {
        self.line.drain(from..to.min(self.line.len()).max(from));
        self.cursor = from.min(self.line.len());
    }

    /// Where the word in front of the cursor begins.
    fn word(&self) -> usize {
        let before = self.line.get(..self.cursor).unwrap_or_default();
        let end = before.iter().rposition(|c| !c.is_whitespace()).map_or(0, |last| last + 1);
        before.iter().take(end).rposition(|c| c.is_whitespace()).map_or(0, |space| space + 1)
    }

    fn look_back(&mut self, to: usize) {
        let found = self.history.len().checked_sub(to);
        let Some(index) = found.filter(|_| to != self.looked_back) else { return };
        self.line = self.history.get(index).cloned().unwrap_or_default();
        self.looked_back = to;
        self.cursor = self.line.len();
    }

    fn take(&mut self) -> String {
        let line = std::mem::take(&mut self.line);
        self.cursor = 0;
        self.looked_back = 0;
        let text = line.iter().collect();
        if !line.is_empty() && self.history.last() != Some(&line) {
            if self.history.len() >= REMEMBERED {
                self.history.remove(0);
            }
            self.history.push(line);
        }
        text
    }
}

/// Lines that Up brings back.
const REMEMBERED: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(editor: &mut Editor, keys: &str) -> Vec<Entered> {
        keys.bytes().filter_map(|byte| editor.feed(byte)).collect()
    }

    fn line(keys: &str) -> String {
        let mut editor = Editor::default();
        match typed(&mut editor, &format!("{keys}\r")).pop() {
            Some(Entered::Line(line)) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn characters_arrive_byte_by_byte() {
        assert_eq!(line("Ça va, 🦊?"), "Ça va, 🦊?");
        let mut editor = Editor::default();
        for byte in [b'a', 0xff, 0xc3, b'b', b'c'] {
            editor.feed(byte);
        }
        assert_eq!(editor.view(10).0, "ac", "what is not UTF-8 is dropped, with what it began");
    }

    #[test]
    fn keys_move_and_delete() {
        assert_eq!(line("helo\x1b[Dl"), "hello");
        assert_eq!(line("xhello\x01\x1b[3~"), "hello");
        assert_eq!(line("hello, worms\x7f\x7fld"), "hello, world");
        assert_eq!(line("one two  \x17three"), "one three");
        assert_eq!(line("one\x15two"), "two");
        assert_eq!(line("one two\x1bOH\x1b[C\x1b[C\x1b[C\x0b"), "one");
        assert_eq!(line("\x7f\x04\x1b[Da\x1b[C\x1b[C"), "a");
        assert_eq!(line("a\x1b[15~b"), "ab", "unknown keys do nothing");
    }

    #[test]
    fn earlier_lines_come_back() {
        let mut editor = Editor::default();
        typed(&mut editor, "one\rtwo\r");
        typed(&mut editor, "\x1b[A\x1b[A\x1b[A");
        assert_eq!(editor.view(10).0, "one");
        typed(&mut editor, "\x1b[B");
        assert_eq!(editor.view(10).0, "two");
        typed(&mut editor, "\x1b[B");
        assert_eq!(editor.view(10).0, "");
    }

    #[test]
    fn ctrl_c_interrupts_and_ctrl_d_ends_an_empty_line() {
        let mut editor = Editor::default();
        assert_eq!(typed(&mut editor, "ab\x03"), [Entered::Interrupt]);
        assert_eq!(typed(&mut editor, "\x04\x15\x04"), [Entered::End]);
    }

    #[test]
    fn a_long_line_is_seen_around_the_cursor() {
        let mut editor = Editor::default();
        typed(&mut editor, "abcdefghij");
        assert_eq!(editor.view(5), (String::from("ghij"), 4));
        typed(&mut editor, "\x01");
        assert_eq!(editor.view(5), (String::from("abcde"), 0));
        typed(&mut editor, "\x05日本");
        assert_eq!(editor.view(6), (String::from("j日本"), 5));
        assert_eq!(editor.view(0), (String::new(), 0));
    }
}
