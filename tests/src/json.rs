//! As much of JSON (RFC 8259) as the programs say.

use core::fmt;

/// `self.0` as a string of JSON, quotes included.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a way to write a string")]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                // Section 7: "the control characters (U+0000 through U+001F)" must be escaped. Those
                // that end a line for somebody are as well: each object is to be a line.
                '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                    write!(f, "\\u{:04x}", u32::from(c))?;
                }
                _ => fmt::Write::write_char(f, c)?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::Quoted;

    #[test]
    fn a_string_is_quoted_and_stays_on_its_line() {
        assert_eq!(Quoted("").to_string(), r#""""#);
        assert_eq!(Quoted("a é ☃ 😀 /").to_string(), r#""a é ☃ 😀 /""#);
        assert_eq!(Quoted("\"\\\n\r\t\0\u{1f}").to_string(), r#""\"\\\n\u000d\u0009\u0000\u001f""#);
        assert_eq!(Quoted("\u{7f}\u{85}\u{2028}").to_string(), r#""\u007f\u0085\u2028""#);
    }
}
