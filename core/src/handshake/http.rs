//! Heads of HTTP/1.1 messages (RFC 9112): where one ends, and what is in it.
//!
//! `httparse` is lenient where RFC 9112 lets it be; two readers that disagree about where a header
//! ends are how requests are smuggled. So every byte passes [`HeadScanner`] first, which knows only
//! the strict form.

use alloc::{string::String, vec, vec::Vec};

use bytes::Bytes;

use super::error::HandshakeError;
use super::headers::{Headers, is_field_byte, is_token, trim};
use super::limits::Limits;

/// Which kind of start line a head has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartLine {
    Request,
    Status,
}

/// Looks for the end of a head, byte by byte and each byte once, and refuses what is not strictly
/// formed as soon as it is seen. So where the input was cut cannot make a difference.
#[derive(Debug)]
struct HeadScanner {
    start_line: StartLine,
    limits: Limits,
    /// Bytes seen, those of earlier heads included.
    total: usize,
    /// Complete lines of this head.
    lines: usize,
    /// Bytes of the current line.
    line: usize,
    /// Whether the byte before was CR.
    cr: bool,
}

impl HeadScanner {
    const fn new(start_line: StartLine, limits: Limits) -> Self {
        Self { start_line, limits, total: 0, lines: 0, line: 0, cr: false }
    }

    /// Says whether `byte` is the last one of the head.
    fn step(&mut self, byte: u8) -> Result<bool, HandshakeError> {
        self.total = self.total.saturating_add(1);
        if self.total > self.limits.head_bytes {
            return Err(HandshakeError::HeadTooLarge);
        }
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
            0x80.. if self.start_line == StartLine::Status && self.lines == 0 => {}
            0x80.. => return Err(HandshakeError::NonAscii),
            _ if !is_field_byte(byte) => return Err(HandshakeError::ControlCharacter),
            _ => {}
        }
        if self.lines > self.limits.header_lines {
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
        self.line = 0;
        self.lines = self.lines.saturating_add(1);
        Ok(false)
    }

    fn check_start_line(&self, byte: u8) -> Result<(), HandshakeError> {
        match self.start_line {
            StartLine::Request if self.line >= self.limits.request_line => {
                Err(HandshakeError::RequestLineTooLong)
            }
            // Another protocol's greeting need not be waited out until the deadline.
            StartLine::Status if b"HTTP/".get(self.line).is_some_and(|&b| b != byte) => {
                Err(HandshakeError::MalformedStartLine)
            }
            StartLine::Request | StartLine::Status => Ok(()),
        }
    }
}

/// Received bytes up to and a little beyond the end of a head.
#[derive(Debug)]
pub(super) struct HeadReader {
    /// Grows as bytes arrive; the part behind `filled` is spare.
    bytes: Vec<u8>,
    filled: usize,
    scanned: usize,
    complete: bool,
    scanner: HeadScanner,
}

impl HeadReader {
    /// The first allocation: most heads fit.
    const FIRST: usize = 1024;

    /// How much may be read beyond the longest head: what follows stays with the transport.
    const BEYOND: usize = 4096;

    pub(super) const fn new(start_line: StartLine, limits: Limits) -> Self {
        let scanner = HeadScanner::new(start_line, limits);
        Self { bytes: Vec::new(), filled: 0, scanned: 0, complete: false, scanner }
    }

    /// Where the next bytes belong.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        if self.filled == self.bytes.len() {
            let most = self.scanner.limits.head_bytes.saturating_add(Self::BEYOND);
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
        if self.complete {
            return Ok(true);
        }
        for &byte in self.bytes.get(self.scanned..self.filled).unwrap_or_default() {
            self.scanned = self.scanned.saturating_add(1);
            if self.scanner.step(byte)? {
                self.complete = true;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The head, once complete.
    pub(super) fn head(&self) -> &[u8] {
        self.bytes.get(..self.scanned).unwrap_or_default()
    }

    /// What followed the head.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.scanned..self.filled).unwrap_or_default()
    }

    /// Drops the head, to scan for another one behind it. The limit on bytes is for both together.
    pub(super) fn next_head(&mut self) {
        self.bytes.copy_within(self.scanned..self.filled, 0);
        self.filled = self.filled.saturating_sub(self.scanned);
        self.scanned = 0;
        self.complete = false;
        self.scanner = HeadScanner {
            total: self.scanner.total,
            ..HeadScanner::new(self.scanner.start_line, self.scanner.limits)
        };
    }

    /// Drops everything that was received.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
        self.scanned = 0;
    }

    /// Gives back memory, if nothing is in it.
    pub(super) fn release(&mut self) {
        if self.filled == 0 {
            self.bytes = Vec::new();
        }
    }

    /// What followed the head, for whoever comes next.
    pub(super) fn into_rest(mut self) -> Bytes {
        self.bytes.truncate(self.filled);
        let mut bytes = Bytes::from(self.bytes);
        if self.scanned >= bytes.len() { Bytes::new() } else { bytes.split_off(self.scanned) }
    }
}

/// The head of a request.
#[derive(Debug)]
pub(super) struct RequestHead {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Headers,
}

/// The head of a response.
#[derive(Debug)]
pub(super) struct ResponseHead {
    pub(super) status: u16,
    /// Whether the version is HTTP/1.1, and not 1.0.
    pub(super) is_http_1_1: bool,
    pub(super) headers: Headers,
}

/// Parses a complete, scanned head.
pub(super) fn parse_request(head: &[u8]) -> Result<RequestHead, HandshakeError> {
    let mut slots = slots(head);
    let mut request = httparse::Request::new(&mut slots);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(HandshakeError::MalformedHeader),
        Err(error) => return Err(refused(error, StartLine::Request, head)),
    }
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Err(HandshakeError::MalformedStartLine);
    };
    // RFC 6455 section 4.2.1, item 1: "An HTTP/1.1 or higher GET request".
    if request.version != Some(1) {
        return Err(HandshakeError::UnsupportedHttpVersion);
    }
    Ok(RequestHead {
        method: method.into(),
        target: target.into(),
        headers: collect(request.headers)?,
    })
}

/// Parses a complete, scanned head.
pub(super) fn parse_response(head: &[u8]) -> Result<ResponseHead, HandshakeError> {
    let mut slots = slots(head);
    let mut response = httparse::Response::new(&mut slots);
    match response.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(HandshakeError::MalformedHeader),
        Err(error) => return Err(refused(error, StartLine::Status, head)),
    }
    let status =
        response.code.filter(|&code| code >= 100).ok_or(HandshakeError::MalformedStartLine)?;
    Ok(ResponseHead {
        status,
        is_http_1_1: response.version == Some(1),
        headers: collect(response.headers)?,
    })
}

/// Room for one header a line.
fn slots(head: &[u8]) -> Vec<httparse::Header<'_>> {
    vec![httparse::EMPTY_HEADER; head.iter().filter(|&&b| b == b'\n').count()]
}

fn collect(parsed: &[httparse::Header<'_>]) -> Result<Headers, HandshakeError> {
    let mut headers = Headers::new();
    for header in parsed {
        if !is_token(header.name.as_bytes()) {
            return Err(HandshakeError::MalformedHeader);
        }
        headers.push(header.name.as_bytes(), trim(header.value));
    }
    Ok(headers)
}

fn refused(error: httparse::Error, start_line: StartLine, head: &[u8]) -> HandshakeError {
    use httparse::Error;
    match error {
        Error::Version if names_a_version(start_line, head) => {
            HandshakeError::UnsupportedHttpVersion
        }
        Error::Version | Error::Status | Error::Token => HandshakeError::MalformedStartLine,
        // Scanned, a line end can only be misplaced in the start line.
        Error::NewLine => HandshakeError::MalformedStartLine,
        Error::HeaderName | Error::HeaderValue | Error::TooManyHeaders => {
            HandshakeError::MalformedHeader
        }
    }
}

/// Whether the start line has a version where it belongs, and one that is not ours.
fn names_a_version(start_line: StartLine, head: &[u8]) -> bool {
    let line = head.split(|&b| b == b'\r').next().unwrap_or_default();
    let place = if start_line == StartLine::Request { 2 } else { 0 };
    let word = line.split(|&b| b == b' ').nth(place).unwrap_or_default();
    match word.strip_prefix(b"HTTP/") {
        Some(b"1.1" | b"1.0") | None => false,
        Some([major]) => major.is_ascii_digit(),
        Some([major, b'.', minor]) => major.is_ascii_digit() && minor.is_ascii_digit(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `input` in steps of `step` bytes: the length of its head.
    fn read(
        start: StartLine,
        limits: Limits,
        input: &[u8],
        step: usize,
    ) -> Result<Option<usize>, HandshakeError> {
        let mut reader = HeadReader::new(start, limits);
        let mut read = 0;
        while read < input.len() {
            let spare = reader.spare();
            let n = spare.len().min(input.len() - read).min(step);
            spare[..n].copy_from_slice(&input[read..read + n]);
            reader.advance(n);
            read += n;
            if reader.scan()? {
                let head = reader.head().len();
                assert_eq!((reader.head(), reader.rest()), input[..read].split_at(head));
                assert_eq!(reader.into_rest(), input[head..read]);
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// Whole, byte by byte, in threes, and with trailing bytes.
    fn outcome(start: StartLine, limits: Limits, input: &str) -> Result<bool, HandshakeError> {
        let whole = read(start, limits, input.as_bytes(), usize::MAX);
        let trailing = [input.as_bytes(), b"\x81\x00\n\r\n\r\n"].concat();
        for step in [1, 3, usize::MAX] {
            assert_eq!(read(start, limits, input.as_bytes(), step), whole, "{input:?}");
            if matches!(whole, Ok(Some(_)) | Err(_)) {
                assert_eq!(read(start, limits, &trailing, step), whole, "{input:?}");
            }
        }
        let complete = whole?.is_some();
        if complete && start == StartLine::Request {
            parse_request(input.as_bytes())?;
        } else if complete {
            parse_response(input.as_bytes())?;
        }
        Ok(complete)
    }

    fn request(input: &str) -> Result<bool, HandshakeError> {
        outcome(StartLine::Request, Limits::DEFAULT, input)
    }

    fn response(input: &str) -> Result<bool, HandshakeError> {
        outcome(StartLine::Status, Limits::DEFAULT, input)
    }

    #[test]
    fn h12_only_the_strict_form_passes() {
        use HandshakeError as E;
        let cases = [
            ("a: b\r\n c\r\n", E::ObsoleteFolding),
            ("a: b\r\n\tc\r\n", E::ObsoleteFolding),
            ("a: b\n", E::BareLineFeed),
            ("a: b\n\n", E::BareLineFeed),
            ("a : b\r\n", E::MalformedHeader),
            ("a\t: b\r\n", E::MalformedHeader),
            (": b\r\n", E::MalformedHeader),
            ("a\r\n", E::MalformedHeader),
            ("a b: c\r\n", E::MalformedHeader),
            ("a: \0\r\n", E::ControlCharacter),
            ("a: \x1b\r\n", E::ControlCharacter),
            ("a: \x7f\r\n", E::ControlCharacter),
            ("a: b\rc\r\n", E::ControlCharacter),
            ("a: b\r\r\n", E::ControlCharacter),
            ("a: \u{e9}\r\n", E::NonAscii),
            ("\u{e9}: a\r\n", E::NonAscii),
        ];
        for (lines, error) in cases {
            for (start, line) in
                [(StartLine::Request, "GET / HTTP/1.1"), (StartLine::Status, "HTTP/1.1 101 Fine")]
            {
                let head = alloc::format!("{line}\r\nhost: x\r\n{lines}\r\n");
                assert_eq!(outcome(start, Limits::DEFAULT, &head), Err(error), "{head:?}");
            }
        }
        assert_eq!(
            request("GET / HTTP/1.1\r\na:\r\nb:\t c \t\r\nA-_.!#$%&'*+^`|~1:d\r\n\r\n"),
            Ok(true)
        );
        assert_eq!(response("HTTP/1.1 404 Non trouv\u{e9}\r\na:\r\n\r\n"), Ok(true));
        assert_eq!(response("HTTP/1.1 101\r\n\r\n"), Ok(true));
    }

    #[test]
    fn h12_optional_white_space_is_not_part_of_a_value() {
        let head = parse_request(b"GET / HTTP/1.1\r\na:\t b c \t\r\nb:\r\n\r\n").unwrap();
        assert_eq!(
            (head.headers.get("A"), head.headers.get("B")),
            (Some(&b"b c"[..]), Some(&b""[..]))
        );
    }

    #[test]
    fn h11_start_lines_name_the_version_they_lack() {
        use HandshakeError as E;
        for line in ["GET / HTTP/1.0", "GET / HTTP/2.0", "GET / HTTP/2", "GET / HTTP/1.2"] {
            assert_eq!(
                request(&alloc::format!("{line}\r\n\r\n")),
                Err(E::UnsupportedHttpVersion),
                "{line}"
            );
        }
        let lines = [
            "",
            " GET / HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET /",
            "GET / ",
            "GET / FOO",
            "G(T / HTTP/1.1",
            "GET / HTTP/1.1 x",
        ];
        for line in lines {
            assert_eq!(
                request(&alloc::format!("{line}\r\n\r\n")),
                Err(E::MalformedStartLine),
                "{line}"
            );
        }
        assert_eq!(response("HTTP/2 200\r\n\r\n"), Err(E::UnsupportedHttpVersion));
        for line in [
            "SSH-2.0-x",
            "HTTP/1.1",
            "HTTP/1.1 10",
            "HTTP/1.1 1010",
            "HTTP/1.1 099 x",
            "http/1.1 101 x",
        ] {
            assert_eq!(
                response(&alloc::format!("{line}\r\n\r\n")),
                Err(E::MalformedStartLine),
                "{line}"
            );
        }
        assert_eq!(response("SSH"), Err(E::MalformedStartLine), "told at once");
        assert_eq!(
            request("\x16\x03\x01"),
            Err(E::ControlCharacter),
            "TLS to a plain port, told at once"
        );
    }

    #[test]
    fn h19_each_limit_holds_to_the_byte() {
        use HandshakeError as E;
        let head = "GET /123 HTTP/1.1\r\na: b\r\nc: d\r\n\r\n";
        let exact =
            Limits { head_bytes: head.len(), request_line: 17, header_lines: 2, ..Limits::DEFAULT };
        let with = |limits| outcome(StartLine::Request, limits, head);
        assert_eq!(with(exact), Ok(true));
        assert_eq!(with(Limits { head_bytes: head.len() - 1, ..exact }), Err(E::HeadTooLarge));
        assert_eq!(with(Limits { request_line: 16, ..exact }), Err(E::RequestLineTooLong));
        assert_eq!(with(Limits { header_lines: 1, ..exact }), Err(E::TooManyHeaders));
        assert_eq!(with(Limits { head_bytes: 0, ..exact }), Err(E::HeadTooLarge));
        let long = alloc::format!("GET /{}", "x".repeat(8 * 1024 - 5));
        assert_eq!(request(&long), Ok(false), "the default, incomplete");
        assert_eq!(request(&alloc::format!("{long}x")), Err(E::RequestLineTooLong));
        let many = |n: usize| alloc::format!("GET / HTTP/1.1\r\n{}\r\n", "a:b\r\n".repeat(n));
        assert_eq!((request(&many(96)), request(&many(97))), (Ok(true), Err(E::TooManyHeaders)));
    }

    #[test]
    fn h19_each_byte_is_scanned_once_and_memory_follows_arrival() {
        let mut reader = HeadReader::new(StartLine::Request, Limits::DEFAULT);
        for (i, byte) in b"GET / HTTP/1.1\r\n".iter().chain([b'a'; 9_000].iter()).enumerate() {
            reader.spare()[0] = *byte;
            reader.advance(1);
            assert_eq!(reader.scan(), Ok(false));
            assert_eq!((reader.scanned, reader.scanner.total), (i + 1, i + 1));
            assert!(reader.bytes.len() <= HeadReader::FIRST.max(2 * (i + 1)));
        }
        reader.advance(usize::MAX);
        assert_eq!(reader.filled, reader.bytes.len());
    }
}
