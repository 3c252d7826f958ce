use alloc::{string::String, vec::Vec};

use super::error::HandshakeError;
use super::headers::{Headers, is_token, is_token_byte};

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
        let mut list = Vec::new();
        for line in headers.get_all("Sec-WebSocket-Extensions") {
            parse_line(line, &mut list).ok_or(HandshakeError::InvalidExtensions)?;
        }
        Ok(list)
    }
}

/// ```text
/// extension-list  = 1#extension
/// extension       = extension-token *( ";" extension-param )
/// extension-param = token [ "=" (token | quoted-string) ]
/// ```
fn parse_line(line: &[u8], list: &mut Vec<Extension>) -> Option<()> {
    let mut rest = Cursor(line);
    loop {
        while rest.eat(b',') {}
        if rest.0.is_empty() {
            return Some(());
        }
        let name = rest.token()?;
        let mut parameters = Vec::new();
        while rest.eat(b';') {
            let name = rest.token()?;
            let value = if rest.eat(b'=') { Some(rest.value()?) } else { None };
            parameters.push(Parameter { name, value });
        }
        list.push(Extension { name, parameters });
        if !rest.0.is_empty() && !rest.eat(b',') {
            return None;
        }
    }
}

/// What is left of a line. Each step leaves it without leading white space.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn skip(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.skip();
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = self.0.get(1..).unwrap_or_default();
            self.skip();
        }
        found
    }

    fn token(&mut self) -> Option<String> {
        let end = self.0.iter().position(|&b| !is_token_byte(b)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        self.skip();
        text(token)
    }

    fn value(&mut self) -> Option<String> {
        let Some(mut rest) = self.0.strip_prefix(b"\"") else { return self.token() };
        let mut value = Vec::new();
        loop {
            rest = match rest {
                [b'"', rest @ ..] => {
                    self.0 = rest;
                    self.skip();
                    break;
                }
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                    value.push(*byte);
                    rest
                }
                [] => return None,
            }
        }
        // "the value after quoted-string unescaping MUST conform to the 'token' ABNF" (section 9.1)
        text(&value)
    }
}

fn text(token: &[u8]) -> Option<String> {
    is_token(token).then(|| token.iter().map(|&b| char::from(b)).collect())
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
