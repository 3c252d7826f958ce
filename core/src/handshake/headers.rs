use alloc::vec::Vec;
use core::fmt;

use super::classes::{is_field_byte, is_token, is_word};
use super::known::Lines;
use super::span::Span;
use crate::buffer::Outbox;

/// Header fields, in order, duplicates kept (RFC 9110 section 5).
///
/// Names are tokens and are compared without regard to ASCII case; values are printable ASCII, SP
/// and HTAB. A line end cannot be put in, so neither can a header or a request be injected.
#[derive(Clone, Default)]
pub struct Headers {
    /// All names and values, and of a head that was received the rest as well.
    text: Vec<u8>,
    fields: Vec<Field>,
}

/// Where in the text a field is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: Span,
    pub(super) value: Span,
}

/// Headers whose values [`Debug`](fmt::Debug) leaves out: logs are not the place for credentials.
const SECRET: [&str; 4] = ["Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"];

/// How much of removed fields is not worth the work.
const FORGET_FROM: usize = 4096;

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
    /// [`InvalidHeader::Name`] or [`InvalidHeader::Value`] (RFC 9110 sections 5.1 and 5.5); the
    /// latter also if all fields together would reach 4 GiB.
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidHeader> {
        let value = trim(value.as_ref());
        if !is_token(name.as_bytes()) {
            return Err(InvalidHeader::Name);
        }
        let end = self.text.len().saturating_add(name.len()).saturating_add(value.len());
        if !value.iter().all(|&b| is_field_byte(b)) || u32::try_from(end).is_err() {
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
            index > before || !field.name.of(text).eq_ignore_ascii_case(name.as_bytes())
        });
        self.forget_removed();
        Ok(())
    }

    /// Drops the text of what was removed, once that is most of it.
    fn forget_removed(&mut self) {
        let text = &self.text;
        let len =
            |field: &Field| field.name.of(text).len().saturating_add(field.value.of(text).len());
        let used: usize = self.fields.iter().map(len).sum();
        if self.text.len() > used.saturating_mul(2).saturating_add(FORGET_FROM) {
            let mut kept = Self { text: Vec::with_capacity(used), fields: Vec::new() };
            for field in &self.fields {
                kept.push(field.name.of(&self.text), field.value.of(&self.text));
            }
            *self = kept;
        }
    }

    /// The value of the first field of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    /// The value of the first field of this name, as text.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| core::str::from_utf8(value).ok())
    }

    /// The values of all fields of this name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.values(name)
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The elements of a comma-separated list over all lines of this name, empty ones skipped and
    /// white space trimmed (RFC 9110 section 5.6.1). Knows nothing of quoted strings.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.get_all(name).flat_map(elements)
    }

    /// Whether the list over all lines of this name has `token` as an element, without regard to
    /// ASCII case.
    #[must_use]
    pub fn contains_token(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (field.name.text(&self.text), field.value.of(&self.text)))
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

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| field.name.of(&self.text).eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| field.value.of(&self.text))
    }

    /// The fields of a head that was received.
    pub(super) const fn received(text: Vec<u8>, fields: Vec<Field>) -> Self {
        Self { text, fields }
    }

    /// All names and values, and of a head that was received the rest as well.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether the list over lines that were noted has `word` as an element, without regard to
    /// ASCII case.
    pub(super) fn has_word<const N: usize>(&self, lines: Lines, word: &[u8; N]) -> bool {
        let is = |element: &[u8]| is_word(element, word);
        match self.single(lines) {
            Single::One(line) if is(line) => true,
            Single::Missing => false,
            Single::One(_) | Single::Several => self.values_of(lines).flat_map(elements).any(is),
        }
    }

    /// Where the first value of lines that were noted is.
    pub(super) fn place_of(&self, lines: Lines) -> Span {
        self.fields.get(lines.first()).map_or(Span::EMPTY, |field| field.value)
    }

    /// The text, and where in it the fields are.
    pub(super) fn parts(&mut self) -> (&[u8], &mut [Field]) {
        (&self.text, &mut self.fields)
    }

    /// Adds to the text what is not a field.
    pub(super) fn push_text(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.extend_from_slice(text.as_bytes());
        Span::new(start, self.text.len())
    }

    /// The only value of lines that were noted; none and several are told apart.
    pub(super) fn single(&self, lines: Lines) -> Single<'_> {
        match (lines.count, self.fields.get(lines.first())) {
            (0, _) | (_, None) => Single::Missing,
            (1, Some(field)) => Single::One(field.value.of(&self.text)),
            _ => Single::Several,
        }
    }

    /// The values of lines that were noted, in order.
    pub(super) fn values_of(&self, lines: Lines) -> impl Iterator<Item = &[u8]> {
        let fields = self.fields.get(lines.first()..).unwrap_or_default();
        let name = fields.first().map_or(Span::EMPTY, |field| field.name).of(&self.text);
        // The first needs no comparison, and is as a rule the only one.
        let (first, others) = fields.split_at(fields.len().min(1));
        let others = others
            .iter()
            .filter(move |field| field.name.of(&self.text).eq_ignore_ascii_case(name))
            .take(lines.others());
        let first = if lines.count == 0 { &[] } else { first };
        first.iter().chain(others).map(|field| field.value.of(&self.text))
    }

    /// Adds a field whose name and value are known to be valid.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let middle = self.text.len();
        self.text.extend_from_slice(value);
        let end = self.text.len();
        self.fields.push(Field { name: Span::new(start, middle), value: Span::new(middle, end) });
    }

    /// Queues all fields as header lines.
    pub(super) fn write(&self, out: &mut Outbox) {
        for field in &self.fields {
            write_line(out, field.name.of(&self.text), field.value.of(&self.text));
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

/// Queues one header line.
pub(super) fn write_line(out: &mut Outbox, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.copy(part);
    }
}

/// Without the optional white space around it (`OWS` of RFC 9110 section 5.6.3).
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// Without the optional white space in front of it.
pub(super) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Without the optional white space behind it.
pub(super) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma-separated list, empty ones skipped and white space trimmed.
pub(super) fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&b| b == b',').map(trim).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::known::Known;
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
        assert_eq!(h.get("a"), Some(&b"1"[..]));
        h.insert("a", "4").unwrap();
        assert_eq!(h, headers(&[("b", "2"), ("a", "4")]));
        assert_eq!((h.len(), h.get_str("A"), h.is_empty()), (2, Some("4"), false));
        assert!(h.insert("b", "\r\n").is_err());
        assert_eq!(h.get_str("b"), Some("2"), "a refused value removes nothing");
    }

    #[test]
    fn h13_none_one_and_several_lines_are_told_apart() {
        let h = headers(&[("x", "0"), ("host", "1"), ("Origin", "2"), ("HOST", "3")]);
        let mut known = Known::default();
        for (index, (name, _)) in h.iter().enumerate() {
            known.note(name.as_bytes(), index);
        }
        assert_eq!(
            (h.single(known.host), h.single(known.origin), h.single(known.key)),
            (Single::Several, Single::One(b"2"), Single::Missing)
        );
        assert_eq!(h.values_of(known.host).collect::<Vec<_>>(), vec![b"1", b"3"]);
        assert_eq!(h.values_of(known.origin).count() + h.values_of(known.key).count(), 1);
    }

    #[test]
    fn what_is_replaced_again_and_again_is_forgotten() {
        let mut h = headers(&[("A", "first"), ("B", "")]);
        for n in 0..1_000_u32 {
            h.insert("b", alloc::format!("{n:0100}")).unwrap();
            assert!(h.text.len() < 5_000, "{}", h.text.len());
        }
        let all: Vec<_> = h.iter().map(|(name, value)| (name, value.len())).collect();
        assert_eq!(all, vec![("A", 5), ("b", 100)]);
        assert!(h.get_str("B").unwrap().ends_with("0999"));
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
