//! The two loops over every byte, alone.

use std::hint::black_box;

use longwire::frame::Mask;
use longwire::message::Utf8Validator;

use super::wire::{Numbers, mixed_text};
use super::{Outcome, Work};

const KEY: Mask = Mask([0x37, 0xfa, 0x21, 0x3d]);
const OFFSET: usize = 3;
const LEN: usize = 1 << 10;

struct Masking(Vec<u8>);

impl Work for Masking {
    fn run(&mut self, iterations: u64) -> Outcome {
        let mut outcome = Outcome::default();
        for _ in 0..iterations {
            let payload = black_box(&mut self.0[OFFSET..OFFSET + LEN]);
            KEY.apply(payload);
            outcome.events += 1;
            outcome.bytes += payload.len() as u64;
        }
        outcome
    }

    fn verify(&mut self) {
        let before = self.0.clone();
        self.run(1);
        for (i, (was, is)) in before.iter().zip(&self.0).enumerate() {
            let inside = (OFFSET..OFFSET + LEN).contains(&i);
            let key = if inside { KEY.0[(i - OFFSET) % 4] } else { 0 };
            assert_eq!(was ^ key, *is, "byte {i}");
        }
    }
}

pub(super) fn mask() -> Box<dyn Work> {
    Box::new(Masking(Numbers::new().bytes(LEN + 64)))
}

struct Validation(String);

impl Work for Validation {
    fn run(&mut self, iterations: u64) -> Outcome {
        let mut outcome = Outcome::default();
        for _ in 0..iterations {
            let mut validator = Utf8Validator::new();
            for piece in black_box(self.0.as_bytes()).chunks(1_000) {
                outcome.events += u64::from(validator.push(piece).is_ok());
                outcome.bytes += piece.len() as u64;
            }
            assert!(validator.is_complete());
        }
        outcome
    }

    fn verify(&mut self) {
        let text = self.0.as_bytes();
        let mut whole = Utf8Validator::new();
        assert!(whole.push(text).is_ok() && whole.is_complete());
        let mut broken = text.to_vec();
        broken[LEN] = 0xff;
        assert!(Utf8Validator::new().push(&broken).is_err());
    }
}

pub(super) fn utf8() -> Box<dyn Work> {
    Box::new(Validation(mixed_text(16 << 10)))
}
