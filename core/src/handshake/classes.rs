//! Which bytes may stand where in a head.

/// `token` of RFC 9110 section 5.6.2.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().fold(true, |all, &b| all & is_token_byte(b))
}

/// How long the token at the start is; 0 if there is none.
pub(super) fn token_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|&b| !is_token_byte(b)).unwrap_or(bytes.len())
}

pub(super) fn is_token_byte(b: u8) -> bool {
    is(b, TOKEN)
}

/// What names of hosts are made of: letters, digits, and what is found between them.
pub(super) fn is_host_byte(b: u8) -> bool {
    is(b, HOST)
}

/// A digit of base64 (RFC 4648 section 4).
pub(super) fn is_base64_digit(b: u8) -> bool {
    is(b, BASE64)
}

/// What a field value may hold: `field-vchar` of RFC 9110 section 5.5 without `obs-text`, SP, HTAB.
pub(super) const fn is_field_byte(b: u8) -> bool {
    matches!(b, b'\t' | b' '..=b'~')
}

fn is(b: u8, class: u8) -> bool {
    CLASSES.get(usize::from(b)).is_some_and(|classes| classes & class != 0)
}

const TOKEN: u8 = 1;
const HOST: u8 = 2;
const BASE64: u8 = 4;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte: u8 = 0;
    let mut rest: &mut [u8] = &mut classes;
    while let [class, behind @ ..] = rest {
        *class = match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => TOKEN | HOST | BASE64,
            b'-' | b'.' | b'_' => TOKEN | HOST,
            b'+' => TOKEN | BASE64,
            b'/' => BASE64,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'^' | b'`' | b'|' | b'~' => TOKEN,
            _ => 0,
        };
        byte = byte.wrapping_add(1);
        rest = behind;
    }
    classes
};

/// Whether a part of a head is this word of letters and hyphens, without regard to ASCII case. Only
/// letters become letters, and no byte that a head may hold becomes a hyphen.
pub(super) fn is_word<const N: usize>(bytes: &[u8], lower: &[u8; N]) -> bool {
    let Ok(bytes) = <&[u8; N]>::try_from(bytes) else { return false };
    bytes.iter().zip(lower).fold(0, |differ, (a, b)| differ | ((a | 0x20) ^ b)) == 0
}

/// Without the SP and visible ASCII at the start: what is left has to be looked at.
pub(super) fn skip_printable(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    // A vector holds as many, and tells whether all are, but not which one is not.
    while let Some((many, behind)) = rest.split_first_chunk::<16>() {
        if !many.iter().fold(true, |all, &b| all & matches!(b, b' '..=b'~')) {
            break;
        }
        rest = behind;
    }
    while let Some((word, behind)) = rest.split_first_chunk() {
        if let Some(n) = first(unprintable(u64::from_le_bytes(*word))) {
            return rest.get(n..).unwrap_or_default();
        }
        rest = behind;
    }
    while let [b' '..=b'~', behind @ ..] = rest {
        rest = behind;
    }
    rest
}

/// Where the first colon is.
pub(super) fn find_colon(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        let differ = u64::from_le_bytes(*word) ^ each(b':');
        if let Some(n) = first(differ.wrapping_sub(each(1)) & !differ & each(0x80)) {
            return Some(bytes.len().saturating_sub(rest.len()).saturating_add(n));
        }
        rest = behind;
    }
    let n = rest.iter().position(|&b| b == b':')?;
    Some(bytes.len().saturating_sub(rest.len()).saturating_add(n))
}

const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The first byte whose top bit is set.
const fn first(tops: u64) -> Option<usize> {
    if tops == 0 { None } else { Some((tops.trailing_zeros() / 8) as usize) }
}

/// The top bit of each byte below SP and from DEL on. Borrows and carries blur what is behind the
/// first of them, and nothing else.
const fn unprintable(word: u64) -> u64 {
    let below = word.wrapping_sub(each(b' ')) & !word;
    let beyond = word.wrapping_add(each(1)) | word;
    (below | beyond) & each(0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte at every place of a text of `fill`, others behind it.
    fn agree(fill: u8, len: fn(&[u8]) -> usize, is: fn(u8) -> bool) {
        for byte in 0..=u8::MAX {
            for at in 0..40 {
                for behind in [b'a', b'-', b':', b';', b'9', b' ', b'~', 0, 0x1f, 0x7f, 0x80, 0xff]
                {
                    let mut text = [fill; 40];
                    text[at] = byte;
                    text[at + 1..].fill(behind);
                    let expected = text.iter().position(|&b| !is(b)).unwrap_or(text.len());
                    assert_eq!(len(&text), expected, "{byte:#x} at {at}, then {behind:#x}");
                }
            }
        }
    }

    #[test]
    fn words_of_eight_find_what_is_not_printable_and_what_is_a_colon() {
        for fill in [b' ', b'a', b'~'] {
            agree(
                fill,
                |text| text.len() - skip_printable(text).len(),
                |b| matches!(b, b' '..=b'~'),
            );
        }
        for fill in [b'9', b';', 0, 0xff] {
            agree(fill, |text| find_colon(text).unwrap_or(text.len()), |b| b != b':');
        }
    }

    #[test]
    fn classes_are_those_of_the_rfcs() {
        for byte in 0..=u8::MAX {
            let alphanumeric = byte.is_ascii_alphanumeric();
            assert_eq!(is_token_byte(byte), alphanumeric || b"!#$%&'*+-.^_`|~".contains(&byte));
            assert_eq!(is_host_byte(byte), alphanumeric || b"-._".contains(&byte));
            assert_eq!(is_base64_digit(byte), alphanumeric || b"+/".contains(&byte));
        }
        assert!(
            is_token(b"a_b") && !is_token(b"") && !is_token(b"a b") && token_len(b"a-: b") == 2
        );
    }

    #[test]
    fn no_other_byte_of_a_head_passes_for_one_of_a_word() {
        for lower in *b"abcdefghijklmnopqrstuvwxyz-" {
            for byte in (0..=u8::MAX).filter(|&byte| is_field_byte(byte)) {
                let same = byte.eq_ignore_ascii_case(&lower);
                assert_eq!(is_word(&[byte], &[lower]), same, "{byte:#x}");
            }
        }
        assert!(!is_word(b"upgrad", b"upgrade") && !is_word(b"upgrades", b"upgrade"));
    }
}
