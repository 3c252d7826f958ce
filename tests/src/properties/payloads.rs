use longwire::message::Utf8Validator;
use longwire::{DataKind, Message};

use super::source::Source;

/// A payload that tells where it is from: text with characters of every length, or any bytes.
pub(super) fn payload(kind: DataKind, seed: usize, len: usize) -> Vec<u8> {
    match kind {
        DataKind::Binary => (0..len).map(|i| (i * 7 + seed * 31 + (i >> 8)) as u8).collect(),
        DataKind::Text => {
            let alphabet = ["a", "\u{e9}", "\u{2713}", "\u{1f600}", "z"];
            let (head, tail) = alphabet.split_at(seed % alphabet.len());
            let round = [tail.concat(), head.concat()].concat();
            let mut text = round.repeat(len / round.len() + 1);
            text.truncate((0..=len).rev().find(|&n| text.is_char_boundary(n)).unwrap_or_default());
            while text.len() < len {
                text.push('.');
            }
            text.into_bytes()
        }
    }
}

/// The message of this kind and payload.
pub(super) fn message(kind: DataKind, payload: Vec<u8>) -> Message<'static> {
    match kind {
        DataKind::Binary => Message::from(payload),
        DataKind::Text => Message::from(String::from_utf8(payload).expect("made of text")),
    }
}

/// Validation in pieces agrees with that of the whole, and fails at the first byte that decides it.
pub fn utf8(input: &[u8]) {
    let mut source = Source::new(input);
    let (step, offset) = (source.below(9) + 1, source.below(9));
    let text = source.rest();

    let mut pieces: Vec<&[u8]> = Vec::new();
    let (head, tail) = text.split_at(offset.min(text.len()));
    pieces.push(head);
    pieces.extend(tail.chunks(step));

    let decided_at = (1..=text.len())
        .find(|&n| str::from_utf8(&text[..n]).is_err_and(|e| e.error_len().is_some()));
    let mut validator = Utf8Validator::new();
    let mut seen = 0;
    for piece in pieces {
        let before = seen;
        seen += piece.len();
        let result = validator.push(piece);
        let expected = decided_at.is_some_and(|at| before < at && at <= seen);
        assert_eq!(result.is_err(), expected, "bytes {before}..{seen}, decided at {decided_at:?}");
        if result.is_err() {
            return;
        }
    }
    assert_eq!(validator.is_complete(), str::from_utf8(text).is_ok());
}
