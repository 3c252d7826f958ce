//! What is sent: messages that are all alike, of bytes that are known in advance.

use crate::Error;

/// The type of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Letters, digits and spaces.
    Text,
    /// Bytes of all values.
    Binary,
}

impl Kind {
    pub(crate) fn opcode(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Binary => 2,
        }
    }
}

/// The messages of a run. All are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Their type.
    pub kind: Kind,
    /// How many bytes of payload each has.
    pub size: u64,
    /// How many frames each is sent in. The answer may come in any number of frames.
    pub fragments: u32,
}

impl Message {
    /// A message in one frame.
    #[must_use]
    pub fn new(kind: Kind, size: u64) -> Self {
        Self { kind, size, fragments: 1 }
    }

    pub(crate) fn check(self) -> Result<Self, Error> {
        if self.size > LARGEST {
            return Err(Error::Plan(format!("a message has {LARGEST} bytes at most")));
        }
        if !(1..=MOST_FRAGMENTS).contains(&self.fragments) {
            return Err(Error::Plan(format!("a message has 1 to {MOST_FRAGMENTS} fragments")));
        }
        Ok(self)
    }

    /// How many bytes of payload each fragment has, but for the last ones.
    pub(crate) fn fragment_size(self) -> u64 {
        self.size.div_ceil(self.fragments.into()).max(1)
    }
}

/// The bytes of a message: each fragment has those of one block, over and over.
///
/// So a message of any size is held in the space of one block.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) message: Message,
    block: Vec<u8>,
}

impl Payload {
    pub(crate) fn new(message: Message) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let block = (0..BLOCK)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let byte = state.to_le_bytes()[4];
                match message.kind {
                    Kind::Text => LETTERS[usize::from(byte) % LETTERS.len()],
                    Kind::Binary => byte,
                }
            })
            .collect();
        Self { message, block }
    }

    pub(crate) fn block(&self) -> &[u8] {
        &self.block
    }

    /// The bytes from `position` on, as far as they are contiguous.
    pub(crate) fn at(&self, position: u64) -> &[u8] {
        let fragment = self.message.fragment_size();
        let within = position % fragment;
        let skip = (within % BLOCK as u64) as usize;
        let rest = fragment - within;
        let end = (skip as u64).saturating_add(rest).min(BLOCK as u64) as usize;
        &self.block[skip..end]
    }
}

/// A multiple of four, so that a masking key fits in a whole number of times.
pub(crate) const BLOCK: usize = 64 * 1024;
const LARGEST: u64 = 1 << 30;
const MOST_FRAGMENTS: u32 = 65_536;
const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789";
