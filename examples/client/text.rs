//! Text for a terminal: without control characters, and as wide as there is room.

/// The same on one line, without characters that would move the cursor, colour, or turn around what follows.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_control(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Cut to `width` columns, with an ellipsis if something is missing.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut fitted = String::new();
    let mut left = width.saturating_sub(1);
    for c in text.chars() {
        let Some(after) = left.checked_sub(char_columns(c)) else { break };
        left = after;
        fitted.push(c);
    }
    if width > 0 {
        fitted.push('…');
    }
    fitted
}

/// In rows of at most `width` columns, broken between words where that is possible.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let mut room = used == 0 || used + columns(word.trim_end()) <= width;
        for c in word.chars() {
            room &= used == 0 || c == ' ' || used + char_columns(c) <= width;
            if !room {
                rows.push(String::new());
                (used, room) = (0, true);
            }
            used += char_columns(c);
            rows.last_mut().expect("the first one").push(c);
        }
    }
    for row in &mut rows {
        row.truncate(row.trim_end().len());
    }
    rows
}

pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

/// How many columns a character takes: an approximation of Unicode's UAX 11 by blocks. What it takes for too wide
/// leaves a gap at the margin, and nothing worse.
pub(crate) fn char_columns(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f | 0x200b..=0x200d | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f => {
            0
        }
        0x1100..=0x115f
        | 0x231a..=0x231b
        | 0x2614..=0x27bf
        | 0x2e80..=0xa4cf
        | 0xa960..=0xa97c
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f000..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// C0, C1, the separators of lines, and the marks that change the direction of writing.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_nothing_else() {
        assert_eq!(escaped("two\nlines\tand \x1b[2J"), r"two\nlines\tand \u{1b}[2J");
        assert_eq!(escaped("\u{9b}31m \u{202e}gpj.exe"), r"\u{9b}31m \u{202e}gpj.exe");
        assert_eq!(escaped("Ça va, 🦊? это 日本 \\ \""), "Ça va, 🦊? это 日本 \\ \"");
    }

    #[test]
    fn rows_are_broken_between_words_if_they_can_be() {
        assert_eq!(wrapped("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrapped("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("日本語 テキスト", 8), ["日本語", "テキスト"]);
        assert_eq!(wrapped("", 4), [""]);
        for width in 2..20 {
            let rows = wrapped("one two  three 日本 abcdefghijklmnop q", width);
            assert!(rows.iter().all(|row| columns(row) <= width), "{width}: {rows:?}");
            let text: String = rows.concat().split(' ').collect();
            assert_eq!(text, "onetwothree日本abcdefghijklmnopq");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        assert_eq!(fit("hello", 5), "hello");
        assert_eq!(fit("hello!", 5), "hell…");
        assert_eq!(fit("日本語", 6), "日本語");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("e\u{301}e", 2), "e\u{301}e");
        assert_eq!(fit("hello", 0), "");
        for width in 0..8 {
            assert!(columns(&fit("a日b本c🦊", width)) <= width);
        }
    }
}
