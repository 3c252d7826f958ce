//! A second reading of RFC 1951 and RFC 7692 section 7.2.2, slow and strict, to judge the first by.

/// Inflates messages, and refuses what refers further back than was agreed on.
#[derive(Debug)]
pub struct ReferenceInflater {
    window: usize,
    history: Vec<u8>,
    farthest: usize,
    last_blocks: usize,
}

/// Why a payload is not what a message compresses to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It ends inside a block, or behind the tail.
    End,
    /// Block type 3.
    BlockType,
    /// A stored block's length and its complement do not agree.
    StoredLength,
    /// Code lengths that make no code, or a code that stands for nothing.
    Code,
    /// A distance beyond what there was, or beyond the window.
    Distance(usize),
}

impl ReferenceInflater {
    /// `window` is in bytes.
    #[must_use]
    pub const fn new(window: usize) -> Self {
        Self { window, history: Vec::new(), farthest: 0, last_blocks: 0 }
    }

    /// The longest distance seen.
    #[must_use]
    pub const fn farthest(&self) -> usize {
        self.farthest
    }

    /// How many blocks were marked as last.
    #[must_use]
    pub const fn last_blocks(&self) -> usize {
        self.last_blocks
    }

    /// What a sender without context takeover does before each message.
    pub fn forget(&mut self) {
        self.history.clear();
    }

    /// The message that was compressed to `payload`, which lacks the tail.
    ///
    /// # Errors
    ///
    /// See [`Fault`]. The context is lost then.
    pub fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, Fault> {
        // Not DEFLATE, but what else would it mean.
        if payload.is_empty() {
            return Ok(Vec::new());
        }
        let input = [payload, &[0, 0, 0xff, 0xff]].concat();
        let start = self.history.len();
        let mut bits = Bits { input: &input, at: 0 };
        // A final block may end the payload: then the tail is not part of it.
        let mut ended = false;
        while bits.at < input.len() * 8 && !(ended && bits.at == payload.len() * 8) {
            ended = self.block(&mut bits)?;
            if ended {
                bits.align();
                self.last_blocks += 1;
            }
        }
        let message = self.history[start..].to_vec();
        let old = self.history.len().saturating_sub(self.window);
        self.history.drain(..old);
        Ok(message)
    }

    /// Whether it was a final one.
    fn block(&mut self, bits: &mut Bits<'_>) -> Result<bool, Fault> {
        let last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => {
                bits.align();
                let (length, complement) = (bits.take(16)?, bits.take(16)?);
                if length != complement ^ 0xffff {
                    return Err(Fault::StoredLength);
                }
                for _ in 0..length {
                    let byte = bits.take(8)?;
                    self.history.push(byte as u8);
                }
            }
            1 => {
                let mut lengths = [8; 288];
                lengths[144..256].fill(9);
                lengths[256..280].fill(7);
                // Two of each stand for nothing.
                self.symbols(bits, &Code::new(&lengths, true)?, &Code::new(&[5; 32], true)?)?;
            }
            2 => {
                let (literals, distances) = (bits.take(5)? + 257, bits.take(5)? + 1);
                if literals > 286 || distances > 30 {
                    return Err(Fault::Code);
                }
                let mut of_lengths = [0; 19];
                for &at in CODE_LENGTH_ORDER.iter().take(bits.take(4)? + 4) {
                    of_lengths[at] = bits.take(3)?;
                }
                let code = Code::new(&of_lengths, false)?;
                let mut lengths = Vec::new();
                while lengths.len() < literals + distances {
                    let (length, times) = match code.symbol(bits)? {
                        16 => (*lengths.last().ok_or(Fault::Code)?, bits.take(2)? + 3),
                        17 => (0, bits.take(3)? + 3),
                        18 => (0, bits.take(7)? + 11),
                        length => (length, 1),
                    };
                    lengths.extend(std::iter::repeat_n(length, times));
                }
                if lengths.len() > literals + distances || lengths[256] == 0 {
                    return Err(Fault::Code);
                }
                let (literals, distances) = lengths.split_at(literals);
                self.symbols(bits, &Code::new(literals, true)?, &Code::new(distances, true)?)?;
            }
            _ => return Err(Fault::BlockType),
        }
        Ok(last)
    }

    fn symbols(
        &mut self,
        bits: &mut Bits<'_>,
        literals: &Code,
        distances: &Code,
    ) -> Result<(), Fault> {
        loop {
            match literals.symbol(bits)? {
                byte @ 0..256 => self.history.push(byte as u8),
                256 => return Ok(()),
                symbol => {
                    let &(base, extra) = LENGTHS.get(symbol - 257).ok_or(Fault::Code)?;
                    let length = base + bits.take(extra)?;
                    let &(base, extra) =
                        DISTANCES.get(distances.symbol(bits)?).ok_or(Fault::Code)?;
                    let distance = base + bits.take(extra)?;
                    if distance > self.window || distance > self.history.len() {
                        return Err(Fault::Distance(distance));
                    }
                    self.farthest = self.farthest.max(distance);
                    for _ in 0..length {
                        self.history.push(self.history[self.history.len() - distance]);
                    }
                }
            }
        }
    }
}

struct Bits<'a> {
    input: &'a [u8],
    /// In bits.
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Result<usize, Fault> {
        let mut value = 0;
        for place in 0..count {
            let byte = *self.input.get(self.at / 8).ok_or(Fault::End)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Ok(value)
    }

    const fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }
}

/// Symbols in the order of their codes, and how many codes there are of each length.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
}

impl Code {
    /// A code that uses some of its words only is none, but for that of no symbols, and, if it
    /// `may`, that of a single one of one bit (RFC 1951 section 3.2.7).
    fn new(lengths: &[usize], may: bool) -> Result<Self, Fault> {
        let mut counts = [0; 16];
        for &length in lengths {
            counts[length] += 1;
        }
        counts[0] = 0;
        let mut left = 1;
        for count in &counts[1..] {
            left = (left * 2_usize).checked_sub(*count).ok_or(Fault::Code)?;
        }
        let mut symbols: Vec<_> = (0..lengths.len()).filter(|&at| lengths[at] > 0).collect();
        symbols.sort_by_key(|&at| lengths[at]);
        let single = may && symbols.len() == 1 && counts[1] == 1;
        if left > 0 && !single && !symbols.is_empty() {
            return Err(Fault::Code);
        }
        Ok(Self { counts, symbols })
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Result<usize, Fault> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return Ok(self.symbols[index + code - first]);
            }
            index += count;
            first = (first + count) * 2;
            code *= 2;
        }
        Err(Fault::Code)
    }
}

const CODE_LENGTH_ORDER: [usize; 19] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The shortest, and how many bits are added (RFC 1951 section 3.2.5).
const LENGTHS: [(usize, usize); 29] = {
    let mut table = [(258, 0); 29];
    let (mut at, mut base) = (0, 3);
    while at < 28 {
        let extra = if at < 8 { 0 } else { at / 4 - 1 };
        table[at] = (base, extra);
        base += 1 << extra;
        at += 1;
    }
    table
};

const DISTANCES: [(usize, usize); 30] = {
    let mut table = [(0, 0); 30];
    let (mut at, mut base) = (0, 1);
    while at < 30 {
        let extra = if at < 4 { 0 } else { at / 2 - 1 };
        table[at] = (base, extra);
        base += 1 << extra;
        at += 1;
    }
    table
};
