use alloc::boxed::Box;

use crate::frame::Mask;
use crate::rng::Rng;

/// How many keys are drawn at once.
const BATCH: usize = 16;

/// A client's masking keys (section 5.3): "a fresh masking key for every frame".
pub(super) struct Masks {
    rng: Box<dyn Rng + Send>,
    drawn: [[u8; 4]; BATCH],
    used: usize,
}

impl Masks {
    pub(super) const fn new(rng: Box<dyn Rng + Send>) -> Self {
        Self { rng, drawn: [[0; 4]; BATCH], used: BATCH }
    }

    #[inline]
    pub(super) fn fresh(&mut self) -> Mask {
        if self.used >= BATCH {
            self.draw();
        }
        let key = self.drawn.get(self.used).copied().unwrap_or_default();
        self.used = self.used.saturating_add(1);
        Mask(key)
    }

    /// One call of the generator for many keys: it costs more than the bytes do.
    #[cold]
    fn draw(&mut self) {
        self.rng.fill(self.drawn.as_flattened_mut());
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_3_every_key_is_drawn_and_none_is_used_twice() {
        let mut next = 0_u8;
        let rng = move |dest: &mut [u8]| {
            for byte in dest {
                *byte = next;
                next = next.wrapping_add(1);
            }
        };
        let mut masks = Masks::new(Box::new(rng));
        for frame in 0..64_u8 {
            let first = frame * 4;
            assert_eq!(masks.fresh(), Mask([first, first + 1, first + 2, first + 3]));
        }
    }
}
