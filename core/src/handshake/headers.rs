use alloc::vec::Vec;
use core::fmt;

/// Header fields, in order, duplicates kept (RFC 9110 section 5).
///
/// Names are tokens and are compared without regard to ASCII case; values are printable ASCII, SP
/// and HTAB. A line end cannot be put in, so neither can a header or a request be injected.
#[derive(Clone, Default)]
pub struct Headers {
    /// All names and values, one behind the other.
    text: Vec<u8>,
    fields: Vec<Field>,
}

/// Where a field is in the text: its name up to `middle`, its value from there.
#[derive(Clone, Copy)]
struct Field {
    start: usize,
    middle: usize,
    end: usize,
}

/// Headers whose values [`Debug`](fmt::Debug) leaves out: logs are not the place for credentials.
const SECRET: [&str; 4] = ["Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"];

impl Headers {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Self { text: Vec::new(), fields: Vec::new() }
    }

    /// Adds a field behind all others. White space around the value is dropped.
    ///
    /// # Errors
    ///
    /// [`InvalidHeader::Name`] or [`InvalidHeader::Value`] (RFC 9110 sections 5.1 and 5.5).
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidHeader> {
        let value = trim(value.as_ref());
        if !is_token(name.as_bytes()) {
            return Err(InvalidHeader::Name);
        }
        if !value.iter().all(|&b| is_field_byte(b)) {
            return Err(InvalidHeader::Value);
        }
        self.push(name.as_bytes(), value);
        Ok(())
    }

    /// Adds a field behind all others, and removes those of the same name.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append); nothing is removed then.
    pub fn insert(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidHeader> {
        let before = self.fields.len();
        self.append(name, value)?;
        let Self { text, fields } = self;
        let mut index: usize = 0;
        fields.retain(|field| {
            index = index.saturating_add(1);
            index > before || !field.name(text).eq_ignore_ascii_case(name)
        });
        Ok(())
    }

    /// The value of the first field of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the first field of this name, as text.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| core::str::from_utf8(value).ok())
    }

    /// The values of all fields of this name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The elements of a comma-separated list over all lines of this name, empty ones skipped and
    /// white space trimmed (RFC 9110 section 5.6.1). Knows nothing of quoted strings.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.get_all(name)
            .flat_map(|line| line.split(|&b| b == b','))
            .map(trim)
            .filter(|element| !element.is_empty())
    }

    /// Whether the list over all lines of this name has `token` as an element, without regard to
    /// ASCII case.
    #[must_use]
    pub fn contains_token(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (field.name(&self.text), field.value(&self.text)))
    }

    /// How many fields there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The only value of this name; none and several are told apart.
    pub(super) fn single(&self, name: &str) -> Single<'_> {
        let mut values = self.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (None, _) => Single::Missing,
            (Some((_, value)), None) => Single::One(value),
            (Some(_), Some(_)) => Single::Several,
        }
    }

    /// Adds a field whose name and value are known to be valid.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let middle = self.text.len();
        self.text.extend_from_slice(value);
        self.fields.push(Field { start, middle, end: self.text.len() });
    }

    /// Writes all fields as header lines.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            write_line(out, name, value);
        }
    }
}

/// How often a header that must not be repeated occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Single<'a> {
    Missing,
    One(&'a [u8]),
    Several,
}

impl Field {
    fn name(self, text: &[u8]) -> &str {
        core::str::from_utf8(text.get(self.start..self.middle).unwrap_or_default())
            .unwrap_or_default()
    }

    fn value(self, text: &[u8]) -> &[u8] {
        text.get(self.middle..self.end).unwrap_or_default()
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| {
            let secret = SECRET.iter().any(|s| s.eq_ignore_ascii_case(name));
            (
                name,
                if secret {
                    "(secret)"
                } else {
                    core::str::from_utf8(value).unwrap_or("(not text)")
                },
            )
        });
        f.debug_map().entries(shown).finish()
    }
}

/// Why a header was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The name is not a token (RFC 9110 section 5.1).
    Name,
    /// The value holds a control character or a byte beyond ASCII (RFC 9110 section 5.5).
    Value,
    /// The header belongs to the handshake itself, or to the framing of HTTP (RFC 6455 section 4).
    Reserved,
    /// The header must not be repeated (RFC 9112 section 3.2).
    Duplicate,
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => {
                "the header's name is not a token (RFC 9110, 5.1): use letters, digits and '-'"
            }
            Self::Value => "the header's value is not printable ASCII (RFC 9110, 5.5): encode it",
            Self::Reserved => "the handshake writes this header itself (RFC 6455, 4): leave it out",
            Self::Duplicate => "this header must not be repeated (RFC 9112, 3.2): set it once",
        })
    }
}

impl core::error::Error for InvalidHeader {}

/// Whether a header belongs to the handshake, or to the framing of HTTP.
pub(super) fn is_reserved(name: &str) -> bool {
    const PREFIX: &[u8] = b"Sec-WebSocket-";
    let named = ["Upgrade", "Connection", "Content-Length", "Transfer-Encoding"];
    named.iter().any(|n| n.eq_ignore_ascii_case(name))
        || name.as_bytes().get(..PREFIX.len()).is_some_and(|p| p.eq_ignore_ascii_case(PREFIX))
}

/// Writes one header line.
pub(super) fn write_line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// `token` of RFC 9110 section 5.6.2.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_token_byte(b))
}

pub(super) const fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// What a field value may hold: `field-vchar` of RFC 9110 section 5.5 without `obs-text`, SP, HTAB.
pub(super) const fn is_field_byte(b: u8) -> bool {
    matches!(b, b'\t' | b' '..=b'~')
}

/// Without the optional white space around it (`OWS` of RFC 9110 section 5.6.3).
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};

    fn headers(lines: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.append(name, value).unwrap();
        }
        headers
    }

    #[test]
    fn h1_a_token_list_spans_lines_and_skips_empty_elements() {
        let h = headers(&[("connection", ",keep-alive ,, TE"), ("CONNECTION", "\tUPGRADE\t,")]);
        assert!(h.contains_token("Connection", "upgrade") && h.contains_token("Connection", "te"));
        assert_eq!(h.list("Connection").count(), 3);
        let h = headers(&[("Connection", "notupgrade, upgrades, up grade")]);
        assert!(!h.contains_token("Connection", "upgrade"), "tokens, not substrings");
    }

    #[test]
    fn h13_duplicates_are_kept_in_order() {
        let mut h = headers(&[("A", "1"), ("b", "2"), ("a", "3")]);
        assert_eq!(h.get_all("A").collect::<Vec<_>>(), vec![b"1", b"3"]);
        assert_eq!(
            (h.get("a"), h.single("a"), h.single("c")),
            (Some(&b"1"[..]), Single::Several, Single::Missing)
        );
        h.insert("a", "4").unwrap();
        assert_eq!(h, headers(&[("b", "2"), ("a", "4")]));
        assert_eq!((h.len(), h.get_str("A"), h.is_empty()), (2, Some("4"), false));
        assert!(h.insert("b", "\r\n").is_err());
        assert_eq!(h.get_str("b"), Some("2"), "a refused value removes nothing");
    }

    #[test]
    fn h15_line_ends_and_controls_cannot_be_put_in() {
        let mut h = Headers::new();
        for bad in ["a\r\nb: c", "a\nb", "a\0", "a\x7f", "a\x1b[m", "gr\u{fc}n"] {
            assert_eq!(h.append("X", bad), Err(InvalidHeader::Value), "{bad:?}");
        }
        for bad in ["", "a b", "a:", "a\r\n", "\u{e4}", "a\0", " a"] {
            assert_eq!(h.append(bad, "x"), Err(InvalidHeader::Name), "{bad:?}");
        }
        assert!(h.is_empty());
        h.append("X", " \ta b\t").unwrap();
        assert_eq!(h.get("x"), Some(&b"a b"[..]));
    }

    #[test]
    fn debug_output_holds_no_credentials() {
        let h =
            headers(&[("authorization", "Basic c2VjcmV0"), ("Cookie", "session=1"), ("X", "y")]);
        assert_eq!(
            format!("{h:?}"),
            r#"{"authorization": "(secret)", "Cookie": "(secret)", "X": "y"}"#
        );
    }
}
