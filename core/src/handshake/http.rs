//! What is in the head of an HTTP/1.1 message (RFC 9112), once [`scan`](super::scan) has found it.
//!
//! No byte but those of fields and of a reason phrase is left in it, and line ends only where lines
//! end: what remains to be told apart are words, and names from values.

use super::classes::{find_colon, is_token};
use super::error::HandshakeError;
use super::headers::{Headers, trim_end, trim_start};
use super::known::Known;
use super::scan::Head;
use super::span::Span;

/// What the head of a request says, but for its headers.
#[derive(Debug)]
pub(super) struct RequestHead {
    pub(super) is_get: bool,
    /// Where in the headers' text.
    pub(super) target: Span,
    pub(super) known: Known,
}

/// What the head of a response says, but for its headers.
#[derive(Debug)]
pub(super) struct ResponseHead {
    pub(super) status: u16,
    /// Whether the version is HTTP/1.1, and not 1.0.
    pub(super) is_http_1_1: bool,
    pub(super) known: Known,
}

/// Parses the head of a request.
pub(super) fn parse_request(head: &mut Head) -> Result<RequestHead, HandshakeError> {
    let line = head.start_line.of(head.headers.text());
    let (method, rest) = split_word(line).ok_or(HandshakeError::MalformedStartLine)?;
    let (target, rest) = split_word(rest).ok_or(HandshakeError::MalformedStartLine)?;
    if !is_token(method) || target.is_empty() || target.contains(&b'\t') {
        return Err(HandshakeError::MalformedStartLine);
    }
    let (version, rest) = split_version(rest)?;
    if !rest.is_empty() {
        return Err(HandshakeError::MalformedStartLine);
    }
    let target = head.start_line.part(method.len().saturating_add(1), target.len());
    let is_get = method == b"GET";
    let known = parse_fields(&mut head.headers)?;
    // RFC 6455 section 4.2.1, item 1: "An HTTP/1.1 or higher GET request".
    if version != Version::Http11 {
        return Err(HandshakeError::UnsupportedHttpVersion);
    }
    Ok(RequestHead { is_get, target, known })
}

/// Parses the head of a response.
pub(super) fn parse_response(head: &mut Head) -> Result<ResponseHead, HandshakeError> {
    let (version, rest) = split_version(head.start_line.of(head.headers.text()))?;
    let Some(([b' ', digits @ ..], rest)) = rest.split_first_chunk::<4>() else {
        return Err(HandshakeError::MalformedStartLine);
    };
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(rest, [] | [b' ', ..]) {
        return Err(HandshakeError::MalformedStartLine);
    }
    let status = digits.iter().fold(0_u16, |status, digit| {
        status.saturating_mul(10).saturating_add(u16::from(digit & 0xf))
    });
    let known = parse_fields(&mut head.headers)?;
    if status < 100 {
        return Err(HandshakeError::MalformedStartLine);
    }
    Ok(ResponseHead { status, is_http_1_1: version == Version::Http11, known })
}

/// Tells names from values.
fn parse_fields(headers: &mut Headers) -> Result<Known, HandshakeError> {
    let mut known = Known::default();
    let (text, fields) = headers.parts();
    for (index, field) in fields.iter_mut().enumerate() {
        let line = field.value;
        let bytes = line.of(text);
        let (name, rest) = find_colon(bytes)
            .and_then(|colon| bytes.split_at_checked(colon))
            .ok_or(HandshakeError::MalformedHeader)?;
        // What is known is known to be a token.
        if !known.note(name, index) && !is_token(name) {
            return Err(HandshakeError::MalformedHeader);
        }
        let value = trim_start(rest.get(1..).unwrap_or_default());
        let offset = bytes.len().saturating_sub(value.len());
        field.name = line.part(0, name.len());
        field.value = line.part(offset, trim_end(value).len());
    }
    Ok(known)
}

/// What is in front of the first space, and behind it.
fn split_word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = line.iter().position(|&b| b == b' ')?;
    Some((line.get(..end)?, line.get(end.saturating_add(1)..)?))
}

/// The versions that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

/// The version at the start, and what follows it.
fn split_version(line: &[u8]) -> Result<(Version, &[u8]), HandshakeError> {
    if let Some(rest) = line.strip_prefix(b"HTTP/1.1") {
        return Ok((Version::Http11, rest));
    }
    if let Some(rest) = line.strip_prefix(b"HTTP/1.0") {
        return Ok((Version::Http10, rest));
    }
    let word = line.split(|&b| b == b' ').next().unwrap_or_default();
    let is_version = match word.strip_prefix(b"HTTP/") {
        Some([major]) => major.is_ascii_digit(),
        Some([major, b'.', minor]) => major.is_ascii_digit() && minor.is_ascii_digit(),
        Some(_) | None => false,
    };
    Err(if is_version {
        HandshakeError::UnsupportedHttpVersion
    } else {
        HandshakeError::MalformedStartLine
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::limits::Limits;
    use crate::handshake::scan::{HeadReader, StartLine};
    use alloc::{format, string::String};

    /// Reads `input` in steps of `step` bytes: its head, once there is one.
    fn read(
        kind: StartLine,
        limits: Limits,
        input: &[u8],
        step: usize,
    ) -> Result<Option<Head>, HandshakeError> {
        let mut reader = HeadReader::new(kind, limits);
        let mut read = 0;
        while read < input.len() {
            let spare = reader.spare();
            let n = spare.len().min(input.len() - read).min(step);
            spare[..n].copy_from_slice(&input[read..read + n]);
            reader.advance(n);
            read += n;
            if reader.scan()? {
                let head = reader.take_head();
                let (text, rest) = input[..read].split_at(head.headers.text().len());
                assert_eq!((head.headers.text(), reader.rest()), (text, rest));
                assert_eq!(reader.into_rest(), rest);
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// Whole, byte by byte, in threes, and with trailing bytes.
    fn outcome(kind: StartLine, limits: Limits, input: &str) -> Result<bool, HandshakeError> {
        let read = |input: &[u8], step| {
            Ok(format!(
                "{:?}",
                read(kind, limits, input, step)?.map(|head| head.headers.text().to_vec())
            ))
        };
        let whole: Result<String, HandshakeError> = read(input.as_bytes(), usize::MAX);
        let trailing = [input.as_bytes(), b"\x81\x00\n\r\n\r\n"].concat();
        for step in [1, 3, usize::MAX] {
            assert_eq!(read(input.as_bytes(), step), whole, "{input:?}");
            if whole.as_deref() != Ok("None") {
                assert_eq!(read(&trailing, step), whole, "{input:?}");
            }
        }
        let Some(mut head) = self::read(kind, limits, input.as_bytes(), usize::MAX)? else {
            return Ok(false);
        };
        match kind {
            StartLine::Request => parse_request(&mut head).map(|_| true),
            StartLine::Status => parse_response(&mut head).map(|_| true),
        }
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
        let input = b"GET / HTTP/1.1\r\na:\t b c \t\r\nb:\r\nc: \t \r\n\r\n";
        let head = read(StartLine::Request, Limits::DEFAULT, input, usize::MAX).unwrap();
        let mut head = head.unwrap();
        parse_request(&mut head).unwrap();
        assert_eq!(head.headers.get("C"), Some(&b""[..]));
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
            "\r\nGET / HTTP/1.1",
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
}
