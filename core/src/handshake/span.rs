/// A place in a text of less than 4 GiB.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(super) const EMPTY: Self = Self { start: 0, end: 0 };

    /// From `start` up to `end`. Whoever makes the text keeps it below 4 GiB.
    pub(super) fn new(start: usize, end: usize) -> Self {
        let place = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: place(start), end: place(end) }
    }

    /// The part of `len` bytes that begins `offset` bytes behind the start.
    pub(super) fn part(self, offset: usize, len: usize) -> Self {
        let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
        let start = self.start.saturating_add(number(offset));
        Self { start, end: start.saturating_add(number(len)) }
    }

    /// What is there.
    pub(super) fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// What is there, where it is known to be ASCII.
    pub(super) fn text(self, text: &[u8]) -> &str {
        core::str::from_utf8(self.of(text)).unwrap_or_default()
    }
}
