use alloc::vec::Vec;

use super::headers::Headers;

/// The body of a refusal, read up to a limit (RFC 9112 section 6.3).
///
/// Whoever sends it has already declined, so nothing here is an error: what cannot be read, or is
/// too much, is left out, and [`is_truncated`](Self::is_truncated) says so.
#[derive(Debug)]
pub(super) struct Body {
    framing: Framing,
    bytes: Vec<u8>,
    limit: usize,
    /// How many bytes may still be spent on the framing of chunks.
    overhead: usize,
    truncated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked(Chunk),
    UntilEof,
    Done,
}

/// Where in a chunked body (RFC 9112 section 7.1) the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// In the size, with the digits so far.
    Size(Option<u64>),
    /// In the rest of the size's line.
    Extension(u64),
    SizeEnd(u64),
    Data(u64),
    DataCr,
    DataEnd,
    /// At the start of a line of the trailer.
    Line,
    Trailer,
    TrailerEnd,
    LastEnd,
}

impl Body {
    /// The body that follows a head with `status` and `headers`.
    pub(super) fn new(status: u16, headers: &Headers, limit: usize) -> Self {
        let framing = if matches!(status, 100..=199 | 204 | 304) {
            Framing::Done
        } else if headers.contains("Transfer-Encoding") {
            // "If a message is received with both a Transfer-Encoding and a Content-Length header
            // field, the Transfer-Encoding overrides the Content-Length."
            let last = headers.list("Transfer-Encoding").last().unwrap_or_default();
            if last.eq_ignore_ascii_case(b"chunked") {
                Framing::Chunked(Chunk::Size(None))
            } else {
                Framing::UntilEof
            }
        } else {
            content_length(headers).map_or(Framing::UntilEof, Framing::Length)
        };
        let overhead = limit.saturating_mul(8).saturating_add(1024);
        let mut body = Self { framing, bytes: Vec::new(), limit, overhead, truncated: false };
        body.feed(&[]);
        body
    }

    pub(super) fn is_done(&self) -> bool {
        self.framing == Framing::Done
    }

    pub(super) const fn is_truncated(&self) -> bool {
        self.truncated
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Takes what has arrived. Bytes behind the body are dropped.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            match self.framing {
                Framing::Length(left) => {
                    let left = left.saturating_sub(self.take(&mut bytes, left));
                    if !self.is_done() {
                        self.framing = Framing::Length(left);
                        if left == 0 {
                            self.framing = Framing::Done;
                        } else if self.bytes.len() >= self.limit {
                            self.stop();
                        }
                    }
                    return;
                }
                Framing::UntilEof => {
                    self.take(&mut bytes, u64::MAX);
                    return;
                }
                Framing::Chunked(Chunk::Data(left)) if left > 0 => {
                    if bytes.is_empty() {
                        return;
                    }
                    let left = left.saturating_sub(self.take(&mut bytes, left));
                    if !self.is_done() {
                        self.framing = Framing::Chunked(Chunk::Data(left));
                    }
                }
                Framing::Chunked(Chunk::Data(_)) => self.framing = Framing::Chunked(Chunk::DataCr),
                Framing::Chunked(chunk) => {
                    let Some((&byte, rest)) = bytes.split_first() else { return };
                    bytes = rest;
                    self.overhead = self.overhead.saturating_sub(1);
                    match chunk.next(byte).filter(|_| self.overhead > 0) {
                        Some(framing) => self.framing = framing,
                        None => self.stop(),
                    }
                }
                Framing::Done => return,
            }
        }
    }

    /// Nothing more will arrive: at the end of the stream if `orderly`, else because of a failure.
    pub(super) fn end(&mut self, orderly: bool) {
        if self.framing == Framing::UntilEof && orderly {
            self.framing = Framing::Done;
        } else if !self.is_done() {
            self.stop();
        }
    }

    fn stop(&mut self) {
        self.truncated = true;
        self.framing = Framing::Done;
    }

    /// Keeps at most `most` bytes, and says how many.
    fn take(&mut self, bytes: &mut &[u8], most: u64) -> u64 {
        let n = bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let (taken, rest) = bytes.split_at_checked(n).unwrap_or_default();
        *bytes = rest;
        let room = self.limit.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(taken.get(..room).unwrap_or(taken));
        if n > room {
            self.stop();
        }
        n as u64
    }
}

impl Chunk {
    /// Where the byte after `byte` is; `None` if `byte` has no place here.
    fn next(self, byte: u8) -> Option<Framing> {
        let chunk = match (self, byte) {
            (Self::Size(Some(size)), b'\r') | (Self::Extension(size), b'\r') => Self::SizeEnd(size),
            (Self::Size(Some(size)), b';' | b' ' | b'\t') => Self::Extension(size),
            (Self::Size(size), _) => {
                let digit = char::from(byte).to_digit(16)?;
                Self::Size(Some(size.unwrap_or(0).checked_mul(16)?.checked_add(u64::from(digit))?))
            }
            (Self::Extension(_), b'\n') => return None,
            (Self::Extension(size), _) => Self::Extension(size),
            (Self::SizeEnd(0), b'\n') => Self::Line,
            (Self::SizeEnd(size), b'\n') => Self::Data(size),
            (Self::DataCr, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::Size(None),
            (Self::Line, b'\r') => Self::LastEnd,
            (Self::Trailer, b'\r') => Self::TrailerEnd,
            (Self::Line | Self::Trailer, b'\n') => return None,
            (Self::Line | Self::Trailer, _) => Self::Trailer,
            (Self::TrailerEnd, b'\n') => Self::Line,
            (Self::LastEnd, b'\n') => return Some(Framing::Done),
            (
                Self::SizeEnd(_)
                | Self::Data(_)
                | Self::DataCr
                | Self::DataEnd
                | Self::TrailerEnd
                | Self::LastEnd,
                _,
            ) => {
                return None;
            }
        };
        Some(Framing::Chunked(chunk))
    }
}

/// The one length that all elements agree on.
fn content_length(headers: &Headers) -> Option<u64> {
    let mut agreed = None;
    for element in headers.list("Content-Length") {
        if !element.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let length = core::str::from_utf8(element).ok()?.parse().ok()?;
        if agreed.is_some_and(|agreed: u64| agreed != length) {
            return None;
        }
        agreed = Some(length);
    }
    agreed
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};

    /// Whole, byte by byte and with trailing bytes: the text, whether it was cut off, whether it
    /// was complete before the end of the stream.
    fn read(header: &str, body: &str, limit: usize) -> (String, bool, bool) {
        let mut headers = Headers::new();
        if let Some((name, value)) = header.split_once(':') {
            headers.append(name, value).unwrap();
        }
        let run = |body: &[u8], step: usize| {
            let mut reader = Body::new(403, &headers, limit);
            body.chunks(step).for_each(|piece| reader.feed(piece));
            let done = reader.is_done();
            reader.end(true);
            let truncated = reader.is_truncated();
            (String::from_utf8(reader.into_bytes()).unwrap(), truncated, done)
        };
        let whole = run(body.as_bytes(), usize::MAX);
        assert_eq!(whole, run(body.as_bytes(), 1), "{body:?}");
        if whole.2 {
            let trailing = format!("{body}trailing");
            assert_eq!(whole, run(trailing.as_bytes(), usize::MAX), "{body:?}");
            assert_eq!(whole, run(trailing.as_bytes(), 1), "{body:?}");
        }
        whole
    }

    fn complete(text: &str) -> (String, bool, bool) {
        (text.into(), false, true)
    }

    #[test]
    fn h16_a_body_ends_at_its_content_length() {
        assert_eq!(read("Content-Length: 5", "hello", 5), complete("hello"));
        assert_eq!(read("Content-Length: 0", "", 5), complete(""));
        assert_eq!(read("Content-Length: 5, 5", "hello", 9), complete("hello"));
        assert_eq!(
            read("Content-Length: 6", "hello!", 5),
            ("hello".into(), true, true),
            "the limit, to the byte"
        );
        assert_eq!(
            read("Content-Length: 6", "hello", 9),
            ("hello".into(), true, false),
            "the stream ended early"
        );
        assert_eq!(
            read("Content-Length: 18446744073709551615", "hello", 5),
            ("hello".into(), true, true)
        );
    }

    #[test]
    fn h16_a_body_without_usable_length_ends_with_the_stream() {
        for header in [
            "",
            "Content-Length: x",
            "Content-Length: 3, 4",
            "Content-Length: +5",
            "Transfer-Encoding: gzip",
        ] {
            assert_eq!(read(header, "hello", 5), ("hello".into(), false, false), "{header}");
            assert_eq!(read(header, "hello!", 5), ("hello".into(), true, true), "{header}");
        }
    }

    #[test]
    fn h16_a_chunked_body_is_put_together() {
        let chunked = |body| read("Transfer-Encoding: gzip, chunked", body, 8);
        assert_eq!(chunked("5\r\nhello\r\n0\r\n\r\n"), complete("hello"));
        assert_eq!(
            chunked("2;a=\"b\"\r\nhe\r\n3 \r\nllo\r\n000\r\nTrailer: x\r\nY: z\r\n\r\n"),
            complete("hello")
        );
        assert_eq!(chunked("8\r\nhello yo\r\n0\r\n\r\n"), complete("hello yo"));
        assert_eq!(chunked("9\r\nhello you\r\n0\r\n\r\n"), ("hello yo".into(), true, true));
        assert_eq!(chunked("5\r\nhel"), ("hel".into(), true, false));
    }

    #[test]
    fn h16_malformed_chunks_end_the_body_and_nothing_else() {
        for bad in [
            "x\r\n",
            "\r\n",
            ";\r\n",
            "5\n",
            "-1\r\n",
            "10000000000000000\r\n",
            "2\r\nheX",
            "2\r\nhe\rX",
            "0\r\n\n",
            "0\r\n\rX",
            "2\rX",
            "2;\n",
        ] {
            let (text, truncated, done) = read("Transfer-Encoding: chunked", bad, 8);
            assert!(truncated && done && "he".starts_with(&text), "{bad:?}");
        }
        let endless = format!("1;{}", "x".repeat(2000));
        assert_eq!(read("Transfer-Encoding: chunked", &endless, 8), (String::new(), true, true));
    }

    #[test]
    fn h8_some_statuses_never_have_a_body() {
        let mut headers = Headers::new();
        headers.append("Content-Length", "10").unwrap();
        for status in [101, 204, 304] {
            assert!(Body::new(status, &headers, 10).is_done());
        }
    }

    #[test]
    fn h16_a_failed_stream_leaves_the_body_truncated() {
        let mut body = Body::new(500, &Headers::new(), 10);
        body.feed(b"x");
        body.end(false);
        assert!(body.is_done() && body.is_truncated());
    }
}
