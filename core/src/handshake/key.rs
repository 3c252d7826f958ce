use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::classes::is_base64_digit;
use crate::rng::Rng;

/// RFC 6455 section 1.3: the string that no server appends to a key by accident.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` (RFC 6455 section 4.2.2, item 5.4).
#[must_use]
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let mut digest = Sha1::new();
    digest.update(key);
    digest.update(GUID);
    let digest = digest.finalize();
    let mut accept = [0; 28];
    encode(&digest, &mut accept);
    accept
}

/// A fresh `Sec-WebSocket-Key`: 16 random bytes in base64 (RFC 6455 section 4.1, item 7).
#[must_use]
pub fn generate_key(rng: &mut dyn Rng) -> [u8; 24] {
    let mut nonce = [0; 16];
    rng.fill(&mut nonce);
    let mut key = [0; 24];
    encode(&nonce, &mut key);
    key
}

/// Whether `key` looks like 16 bytes in base64. The four bits that the last digit has to spare need
/// not be zero: clients exist that leave noise there, and the answer does not depend on them.
pub(super) fn is_key(key: &[u8]) -> bool {
    let Some((digits, padding)) = key.split_at_checked(22) else { return false };
    padding == b"==" && digits.iter().fold(true, |all, &b| all & is_base64_digit(b))
}

fn encode(bytes: &[u8], out: &mut [u8]) {
    // 16 bytes become 24 digits and 20 become 28: `out` always fits.
    let fits = STANDARD.encode_slice(bytes, out);
    debug_assert_eq!(fits.ok(), Some(bytes.len().div_ceil(3).saturating_mul(4)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h3_the_vector_of_rfc_6455_section_1_3() {
        assert_eq!(&accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn h2_a_generated_key_is_the_base64_of_its_nonce() {
        let mut rng = |dest: &mut [u8]| dest.copy_from_slice(b"the sample nonce");
        assert_eq!(&generate_key(&mut rng), b"dGhlIHNhbXBsZSBub25jZQ==");
        assert!(is_key(&generate_key(&mut |dest: &mut [u8]| dest.fill(0xff))));
    }

    #[test]
    fn h2_a_key_is_22_digits_and_two_pads() {
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(is_key(b"dGhlIHNhbXBsZSBub25jZf=="), "spare bits may be set");
        for bad in [
            &b""[..],
            b"abc",
            b"dGhlIHNhbXBsZSBub25jZQ=",
            b"dGhlIHNhbXBsZSBub25jZQ===",
            b"dGhlIHNhbXBsZSBub25jZQQ=",
            b"dGhlIHNhbXBsZSBub25j-_==",
            b"dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
            b"dGhl IHNhbXBsZSBub25jZ==",
        ] {
            assert!(!is_key(bad), "{bad:?}");
        }
    }
}
