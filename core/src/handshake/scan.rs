//! Where the head of an HTTP/1.1 message ends (RFC 9112 section 2.1).
//!
//! Two readers that disagree about where a header ends are how requests are smuggled. So this one
//! knows only the strict form, and nothing is looked at that it has not passed.

use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use super::classes::{is_field_byte, skip_printable};
use super::error::HandshakeError;
use super::headers::{Field, Headers};
use super::limits::Limits;
use super::span::Span;

/// Which kind of start line a head has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartLine {
    Request,
    Status,
}

/// A whole head in its strict form, as it was received.
#[derive(Debug)]
pub(super) struct Head {
    /// Without its line end.
    pub(super) start_line: Span,
    /// The whole head, and its other lines, each as if it were a value without a name.
    pub(super) headers: Headers,
}

/// The longest beginning of a status line that is known: another protocol's greeting need not be
/// waited out until the deadline.
const STATUS: &[u8] = b"HTTP/";

/// Looks for the end of a head, at each byte once, and refuses what is not strictly formed as soon
/// as it is seen. So where the input was cut cannot make a difference.
#[derive(Debug)]
struct HeadScanner {
    kind: StartLine,
    head_bytes: usize,
    request_line: usize,
    header_lines: usize,
    /// Bytes of earlier heads.
    earlier: usize,
    /// Bytes seen of this head.
    seen: usize,
    /// Complete lines of this head.
    lines: usize,
    /// Bytes of the current line.
    line: usize,
    /// Whether the byte before was CR.
    cr: bool,
    start_line: Span,
    /// The other lines, as in [`Head`].
    fields: Vec<Field>,
}

impl HeadScanner {
    const fn new(kind: StartLine, limits: Limits) -> Self {
        // Places in a head are 32 bits wide.
        let widest = u32::MAX as usize;
        let head_bytes = if limits.head_bytes > widest { widest } else { limits.head_bytes };
        Self {
            kind,
            head_bytes,
            request_line: limits.request_line,
            header_lines: limits.header_lines,
            earlier: 0,
            seen: 0,
            lines: 0,
            line: 0,
            cr: false,
            start_line: Span::EMPTY,
            fields: Vec::new(),
        }
    }

    /// How many bytes there may be still.
    const fn room(&self) -> usize {
        self.head_bytes.saturating_sub(self.earlier).saturating_sub(self.seen)
    }

    /// Takes what nobody could object to, and says how much: the rest of the current line if it is
    /// ordinary, then whole ordinary lines.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        let begun = match self.kind {
            StartLine::Status if self.lines == 0 => STATUS.len(),
            StartLine::Request | StartLine::Status => 1,
        };
        if self.cr || self.line < begun {
            return 0;
        }
        let before = self.seen;
        let bytes = bytes.get(..self.room()).unwrap_or(bytes);
        let mut rest = skip_printable(bytes);
        // The request line has a limit of its own.
        if self.kind == StartLine::Request && self.lines == 0 {
            let longest = self.request_line.saturating_sub(self.line);
            if bytes.len().saturating_sub(rest.len()) > longest {
                rest = bytes.get(longest..).unwrap_or_default();
            }
        }
        let mut begin = self.seen.saturating_sub(self.line);
        let place = |rest: &[u8]| before.saturating_add(bytes.len().saturating_sub(rest.len()));
        while let [b'\r', b'\n', b'!'..=b'~', next @ ..] = rest
            && self.lines < self.header_lines
        {
            let end = place(rest);
            self.keep_line(begin, end);
            begin = end.saturating_add(2);
            rest = skip_printable(next);
        }
        self.seen = place(rest);
        self.line = self.seen.saturating_sub(begin);
        bytes.len().saturating_sub(rest.len())
    }

    /// Says whether `byte` is the last one of the head.
    fn step(&mut self, byte: u8) -> Result<bool, HandshakeError> {
        if self.room() == 0 {
            return Err(HandshakeError::HeadTooLarge);
        }
        self.seen = self.seen.saturating_add(1);
        if self.cr {
            return self.end_line(byte);
        }
        match byte {
            b'\r' => {
                self.cr = true;
                return Ok(false);
            }
            b'\n' => return Err(HandshakeError::BareLineFeed),
            // RFC 9112 section 5.2: a server "MUST either reject the message" or replace the fold.
            b' ' | b'\t' if self.line == 0 && self.lines > 0 => {
                return Err(HandshakeError::ObsoleteFolding);
            }
            // RFC 9112 section 4: a reason phrase may hold anything printable, and means nothing.
            0x80.. if self.kind == StartLine::Status && self.lines == 0 => {}
            0x80.. => return Err(HandshakeError::NonAscii),
            _ if !is_field_byte(byte) => return Err(HandshakeError::ControlCharacter),
            _ => {}
        }
        if self.lines > self.header_lines {
            return Err(HandshakeError::TooManyHeaders);
        }
        if self.lines == 0 {
            self.check_start_line(byte)?;
        }
        self.line = self.line.saturating_add(1);
        Ok(false)
    }

    fn end_line(&mut self, byte: u8) -> Result<bool, HandshakeError> {
        if byte != b'\n' {
            return Err(HandshakeError::ControlCharacter);
        }
        self.cr = false;
        if self.line == 0 {
            return if self.lines == 0 {
                Err(HandshakeError::MalformedStartLine)
            } else {
                Ok(true)
            };
        }
        let end = self.seen.saturating_sub(2);
        self.keep_line(end.saturating_sub(self.line), end);
        self.line = 0;
        Ok(false)
    }

    /// Begins with the next head, and gives away what was kept of this one.
    fn next(&mut self) -> (Span, Vec<Field>) {
        self.earlier = self.earlier.saturating_add(mem::take(&mut self.seen));
        (self.lines, self.line, self.cr) = (0, 0, false);
        (mem::take(&mut self.start_line), mem::take(&mut self.fields))
    }

    #[inline]
    fn keep_line(&mut self, begin: usize, end: usize) {
        let line = Span::new(begin, end);
        if self.lines == 0 {
            self.start_line = line;
            self.fields.reserve_exact(FIELDS);
        } else {
            self.fields.push(Field { name: Span::EMPTY, value: line });
        }
        self.lines = self.lines.saturating_add(1);
    }

    fn check_start_line(&self, byte: u8) -> Result<(), HandshakeError> {
        match self.kind {
            StartLine::Request if self.line >= self.request_line => {
                Err(HandshakeError::RequestLineTooLong)
            }
            StartLine::Status if STATUS.get(self.line).is_some_and(|&b| b != byte) => {
                Err(HandshakeError::MalformedStartLine)
            }
            StartLine::Request | StartLine::Status => Ok(()),
        }
    }
}

/// Room for the fields that a browser sends.
const FIELDS: usize = 16;

/// Received bytes up to and a little beyond the end of a head.
#[derive(Debug)]
pub(super) struct HeadReader {
    /// Grows as bytes arrive; the part behind `filled` is spare.
    bytes: Vec<u8>,
    filled: usize,
    complete: bool,
    scanner: HeadScanner,
}

impl HeadReader {
    /// The first allocation: most heads fit.
    const FIRST: usize = 1024;

    /// How much may be read beyond the longest head: what follows stays with the transport.
    const BEYOND: usize = 4096;

    pub(super) const fn new(kind: StartLine, limits: Limits) -> Self {
        let scanner = HeadScanner::new(kind, limits);
        Self { bytes: Vec::new(), filled: 0, complete: false, scanner }
    }

    /// Where the next bytes belong.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        if self.filled == self.bytes.len() {
            let most = self.scanner.head_bytes.saturating_add(Self::BEYOND);
            self.bytes
                .resize(self.filled.saturating_mul(2).clamp(Self::FIRST, most.max(Self::FIRST)), 0);
        }
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    /// Records that the first `n` bytes of [`spare`](Self::spare) were filled.
    pub(super) fn advance(&mut self, n: usize) {
        self.filled = self.filled.saturating_add(n).min(self.bytes.len());
    }

    /// Scans what has arrived since, and says whether a head is complete.
    pub(super) fn scan(&mut self) -> Result<bool, HandshakeError> {
        let mut rest = self.bytes.get(self.scanner.seen..self.filled).unwrap_or_default();
        while !self.complete {
            let ordinary = self.scanner.skip(rest);
            let Some((&byte, behind)) = rest.get(ordinary..).and_then(<[u8]>::split_first) else {
                return Ok(false);
            };
            self.complete = self.scanner.step(byte)?;
            rest = behind;
        }
        Ok(true)
    }

    /// Takes the head, once complete, and makes ready for another one behind it. The limit on bytes
    /// is for both together.
    pub(super) fn take_head(&mut self) -> Head {
        let rest = self.rest().to_vec();
        self.filled = rest.len();
        self.complete = false;
        let mut text = mem::replace(&mut self.bytes, rest);
        text.truncate(self.scanner.seen);
        let (start_line, fields) = self.scanner.next();
        Head { start_line, headers: Headers::received(text, fields) }
    }

    /// What followed the heads that were taken.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.scanner.seen..self.filled).unwrap_or_default()
    }

    /// Whether the head begins so, as far as it has arrived.
    pub(super) fn begins_with(&self, beginning: &[u8]) -> bool {
        self.bytes.get(..self.filled).is_some_and(|bytes| bytes.starts_with(beginning))
    }

    /// Drops everything that was received.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
        self.scanner.next();
    }

    /// Gives back memory, if nothing is in it.
    pub(super) fn release(&mut self) {
        if self.filled == 0 {
            self.bytes = Vec::new();
        }
    }

    /// What followed the heads that were taken, for whoever comes next.
    pub(super) fn into_rest(mut self) -> Bytes {
        self.bytes.truncate(self.filled);
        Bytes::from(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h19_each_byte_is_scanned_once_and_memory_follows_arrival() {
        let mut reader = HeadReader::new(StartLine::Request, Limits::DEFAULT);
        for (i, byte) in b"GET / HTTP/1.1\r\n".iter().chain([b'a'; 9_000].iter()).enumerate() {
            reader.spare()[0] = *byte;
            reader.advance(1);
            assert_eq!(reader.scan(), Ok(false));
            assert_eq!(reader.scanner.seen, i + 1);
            assert!(reader.bytes.len() <= HeadReader::FIRST.max(2 * (i + 1)));
        }
        reader.advance(usize::MAX);
        assert_eq!(reader.filled, reader.bytes.len());
    }
}
