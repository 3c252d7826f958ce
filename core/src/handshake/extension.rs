use alloc::{string::String, vec::Vec};

use super::classes::{is_token_byte, token_len};
use super::error::HandshakeError;
use super::headers::{Headers, trim_start};

/// One element of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1): an offer in a request, a choice
/// in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extension {
    /// The extension's registered name.
    pub name: String,
    /// Its parameters in order, duplicates kept: what they mean is the extension's to say.
    pub parameters: Vec<Parameter>,
}

/// A parameter of an [`Extension`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter {
    /// The parameter's name.
    pub name: String,
    /// Its value, without quotes; a token. `None` for a name alone; a value is never empty.
    pub value: Option<String>,
}

impl Extension {
    /// Reads the list over all lines of `Sec-WebSocket-Extensions`. Empty elements are skipped.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::InvalidExtensions`]: whoever receives what does not follow the grammar must
    /// fail the connection (RFC 6455 section 9.1).
    pub fn parse_list(headers: &Headers) -> Result<Vec<Self>, HandshakeError> {
        Self::parse(headers.get_all("Sec-WebSocket-Extensions"))
    }

    /// The same, of lines that were found already.
    pub(super) fn parse<'a>(
        lines: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Vec<Self>, HandshakeError> {
        let mut list: Vec<Self> = Vec::new();
        read_lines(lines, |piece| match piece {
            Piece::Name(name) => list.push(Self { name: text(name), parameters: Vec::new() }),
            Piece::Parameter(name, value) => {
                if let Some(extension) = list.last_mut() {
                    let value = value.map(Value::text);
                    extension.parameters.push(Parameter { name: text(name), value });
                }
            }
        })?;
        Ok(list)
    }
}

/// How many elements the list has, if it follows the grammar: without keeping any.
pub(super) fn count_extensions<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
) -> Result<usize, HandshakeError> {
    let mut count: usize = 0;
    read_lines(lines, |piece| match piece {
        Piece::Name(_) => count = count.saturating_add(1),
        Piece::Parameter(..) => {}
    })?;
    Ok(count)
}

/// What a list is made of.
pub(super) enum Piece<'a> {
    /// An element begins.
    Name(&'a [u8]),
    /// A parameter of the last one.
    Parameter(&'a [u8], Option<Value<'a>>),
}

/// What a parameter is set to: tokens, one of them perhaps in disguise.
pub(super) enum Value<'a> {
    Token(&'a [u8]),
    /// As it stands between the quotes.
    Quoted(&'a [u8]),
}

impl Value<'_> {
    fn text(self) -> String {
        match self {
            Self::Token(token) => text(token),
            Self::Quoted(quoted) => unescape(quoted).map(char::from).collect(),
        }
    }

    /// The token, whatever the disguise. Undisguised it has no backslash to lose.
    #[cfg(feature = "deflate")]
    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> {
        let (Self::Token(bytes) | Self::Quoted(bytes)) = self;
        unescape(bytes)
    }
}

/// Hands over what the list is made of, piece by piece, up to where it breaks the grammar.
pub(super) fn read_lines<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    mut take: impl FnMut(Piece<'a>),
) -> Result<(), HandshakeError> {
    for line in lines {
        read_line(line, &mut take).ok_or(HandshakeError::InvalidExtensions)?;
    }
    Ok(())
}

/// ```text
/// extension-list  = 1#extension
/// extension       = extension-token *( ";" extension-param )
/// extension-param = token [ "=" (token | quoted-string) ]
/// ```
fn read_line<'a>(line: &'a [u8], take: &mut impl FnMut(Piece<'a>)) -> Option<()> {
    let mut rest = Cursor(trim_start(line));
    loop {
        while rest.eat(b',') {}
        if rest.0.is_empty() {
            return Some(());
        }
        take(Piece::Name(rest.token()?));
        while rest.eat(b';') {
            let name = rest.token()?;
            let value = if rest.eat(b'=') { Some(rest.value()?) } else { None };
            take(Piece::Parameter(name, value));
        }
        if !rest.0.is_empty() && !rest.eat(b',') {
            return None;
        }
    }
}

/// What is left of a line. Each step leaves it without leading white space.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn skip(&mut self) {
        self.0 = trim_start(self.0);
    }

    fn eat(&mut self, byte: u8) -> bool {
        let Some((_, rest)) = self.0.split_first().filter(|(first, _)| **first == byte) else {
            return false;
        };
        self.0 = rest;
        self.skip();
        true
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let (token, rest) = self.0.split_at_checked(token_len(self.0))?;
        self.0 = rest;
        self.skip();
        (!token.is_empty()).then_some(token)
    }

    fn value(&mut self) -> Option<Value<'a>> {
        let Some(quoted) = self.0.strip_prefix(b"\"") else {
            return self.token().map(Value::Token);
        };
        let mut rest = quoted;
        loop {
            rest = match rest {
                [b'"', behind @ ..] => {
                    self.0 = behind;
                    self.skip();
                    break;
                }
                [b'\\', _, behind @ ..] | [_, behind @ ..] => behind,
                [] => return None,
            }
        }
        let quoted = quoted.get(..quoted.len().saturating_sub(rest.len()))?;
        // "the value after quoted-string unescaping MUST conform to the 'token' ABNF" (section 9.1)
        let is_token = !quoted.is_empty() && unescape(quoted).all(is_token_byte);
        is_token.then_some(Value::Quoted(quoted))
    }
}

/// What stands between quotes, without the backslashes that escape.
fn unescape(mut quoted: &[u8]) -> impl Iterator<Item = u8> {
    core::iter::from_fn(move || {
        let (byte, rest) = match quoted {
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] => (*byte, rest),
            [] => return None,
        };
        quoted = rest;
        Some(byte)
    })
}

fn text(token: &[u8]) -> String {
    token.iter().map(|&b| char::from(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    /// In a notation that tells no value from any: `name;param;param=value`.
    fn parse(lines: &[&str]) -> Option<Vec<String>> {
        let mut headers = Headers::new();
        for line in lines {
            headers.append("Sec-WebSocket-Extensions", line).unwrap();
        }
        let list = Extension::parse_list(&headers).ok()?;
        let shown = list.iter().map(|e| {
            e.parameters.iter().fold(e.name.clone(), |shown, p| match &p.value {
                Some(value) => format!("{shown};{}={value}", p.name),
                None => format!("{shown};{}", p.name),
            })
        });
        Some(shown.collect())
    }

    fn expect(lines: &[&str], expected: &[&str]) {
        assert_eq!(
            parse(lines),
            Some(expected.iter().map(ToString::to_string).collect()),
            "{lines:?}"
        );
    }

    #[test]
    fn h6_offers_span_lines_and_lists_in_order() {
        expect(&[], &[]);
        expect(&["", " , ,"], &[]);
        expect(
            &[
                "permessage-deflate; client_max_window_bits; server_max_window_bits=10, foo",
                ",bar ;a = b ,",
            ],
            &[
                "permessage-deflate;client_max_window_bits;server_max_window_bits=10",
                "foo",
                "bar;a=b",
            ],
        );
    }

    #[test]
    fn h6_a_quoted_value_is_unquoted_and_must_be_a_token() {
        expect(&[r#"a;b="10""#], &["a;b=10"]);
        expect(&[r#"a;b="1\0" , c"#], &["a;b=10", "c"]);
        for bad in [
            r#"a;b="1,0""#,
            r#"a;b="x y""#,
            r#"a;b="""#,
            r#"a;b="10"#,
            r#"a;b="\"#,
            r#"a;b="1"2"#,
            r#"a;b="\"""#,
        ] {
            assert_eq!(parse(&[bad]), None, "{bad}");
        }
    }

    #[test]
    fn h6_a_comma_inside_quotes_does_not_end_the_element() {
        // Split at commas first, this would be two elements, the second one well-formed.
        assert_eq!(parse(&[r#"a;b="1,c""#]), None);
    }

    #[test]
    fn h6_a_name_alone_is_not_an_empty_value() {
        expect(&["a;b"], &["a;b"]);
        assert_eq!(parse(&["a;b="]), None);
        assert_eq!(parse(&["a;b=;c"]), None);
    }

    #[test]
    fn h6_duplicates_stay_visible() {
        expect(&["a;b=1;b=2", "a"], &["a;b=1;b=2", "a"]);
    }

    #[test]
    fn h6_what_does_not_follow_the_grammar_fails() {
        for bad in ["a b", ";", "a;", "a;;b", "=", "a=b", "a;=b", "(", "a, ;b", "a;b=c=d", "a;b c"]
        {
            assert_eq!(parse(&[bad]), None, "{bad}");
        }
    }
}
