use alloc::vec::Vec;
use core::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::WindowBits;
use super::compressor::{TAIL, shrink, since};
use super::history::{History, tail};
use super::shared;

/// One connection's receiving context: inflates payloads to messages (RFC 7692 section 7.2.2).
///
/// [`push`](Self::push) each part of a message's payload as it arrives, then [`finish`](Self::finish).
/// After an error there is nothing to go on with: the context is lost.
///
/// Nothing is allocated before the first message. With context takeover, and a window of more than
/// 4 KiB, the connection then has a state of its own ([`memory`](Self::memory)); with a smaller
/// window, only that window; without takeover, nothing between messages. What is not the
/// connection's is the thread's: up to four idle states.
///
/// A block may be marked as the last one (BFINAL); what follows it in the message is read as if it
/// were not, except that it may refer back only as far as the bytes in `out`, and not at all once a
/// message has used that so often that the work for it would be out of proportion. With a window above
/// 4 KiB, later messages may not refer to what was before such a block either.
pub struct Decompressor {
    window: WindowBits,
    takeover: bool,
    kept: bool,
    /// Between messages, if it is kept; else within one.
    state: Option<Inflate>,
    /// The context while there is no state.
    history: History,
    /// How many bytes a message may still fill windows with.
    credit: usize,
    /// This message's payload has begun.
    begun: bool,
    /// A block marked as last has ended, and nothing came behind it yet.
    ended: bool,
}

/// Why a payload was not inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecompressError {
    /// It is not DEFLATE, refers to what is not there, or ends within a block.
    Corrupt,
    /// The message is longer than the limit.
    TooBig,
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Corrupt => "payload is not a compressed message (RFC 7692, 7.2.2)",
            Self::TooBig => "message inflates to more than the limit",
        })
    }
}

impl core::error::Error for DecompressError {}

impl Decompressor {
    /// A context for a peer that refers back within `window`, across messages if there is
    /// `takeover`.
    #[must_use]
    pub fn new(window: WindowBits, takeover: bool) -> Self {
        Self {
            window,
            takeover,
            kept: shared::is_kept(takeover, window),
            state: None,
            history: History::new(window.bytes()),
            credit: 0,
            begun: false,
            ended: false,
        }
    }

    /// Inflates `input`, a part of a message's payload, onto the end of `out`, which holds what
    /// earlier parts inflated to and does not get longer than `limit` bytes.
    ///
    /// Memory is granted for what comes out, never for what a limit allows.
    ///
    /// # Errors
    ///
    /// [`DecompressError::TooBig`] at the first byte beyond the limit.
    pub fn push(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), DecompressError> {
        let mut len = out.len();
        let pushed = self.push_into(input, out, &mut len, limit);
        out.truncate(len);
        pushed
    }

    /// The same, onto the first `len` bytes of `memory`. What is behind them is overwritten first, so that
    /// it need not be cleared.
    pub(crate) fn push_into(
        &mut self,
        input: &[u8],
        memory: &mut Vec<u8>,
        len: &mut usize,
        limit: usize,
    ) -> Result<(), DecompressError> {
        if input.is_empty() {
            return Ok(());
        }
        let mut state = self.begin();
        let result = self.run(&mut state, input, memory, len, limit);
        self.state = Some(state);
        result.inspect_err(|_| self.abandon())
    }

    /// The message is over; `out` is what it inflated to.
    ///
    /// # Errors
    ///
    /// [`DecompressError::Corrupt`] if the payload ended within a block. A connection with a state of
    /// its own may find that out with the next message only, if it was in a block's code lengths.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DecompressError> {
        let len = out.len();
        self.finish_in(out, len)
    }

    /// The same, for the first `len` bytes of `memory`.
    pub(crate) fn finish_in(
        &mut self,
        memory: &mut Vec<u8>,
        len: usize,
    ) -> Result<(), DecompressError> {
        shrink(memory, len);
        // No bytes are no block; what they can only mean is a message of none.
        if !core::mem::take(&mut self.begun) {
            return Ok(());
        }
        let mut state = self.state.take().unwrap_or_else(shared::inflate);
        let over = core::mem::take(&mut self.ended) || {
            match end(&mut state, self.kept) {
                Ok(End::Open) => false,
                Ok(End::Closed) => true,
                Err(error) => {
                    self.abandon();
                    return Err(error);
                }
            }
        };
        if self.kept {
            if over {
                self.restart(&mut state, memory.get(..len).unwrap_or_default());
            }
            self.state = Some(state);
        } else {
            shared::put_inflate(state);
        }
        Ok(())
    }

    /// The bytes that this context holds.
    #[must_use]
    pub fn memory(&self) -> usize {
        let state = self.state.as_ref().map_or(0, |_| shared::INFLATE_MEMORY);
        state.saturating_add(self.history.memory())
    }

    /// A state with this context, of which this message is part.
    fn begin(&mut self) -> Inflate {
        if !self.begun {
            self.begun = true;
            self.ended = false;
            self.credit = CREDIT;
        }
        self.state.take().unwrap_or_else(|| {
            let mut state = shared::inflate();
            fill(&mut state, self.history.parts());
            state
        })
    }

    fn run(
        &mut self,
        state: &mut Inflate,
        mut input: &[u8],
        memory: &mut Vec<u8>,
        len: &mut usize,
        limit: usize,
    ) -> Result<(), DecompressError> {
        let mut room = input.len().saturating_mul(4).max(256);
        let mut full = false;
        while full || !input.is_empty() {
            if core::mem::take(&mut self.ended) {
                self.restart(state, memory.get(..*len).unwrap_or_default());
            }
            let start = *len;
            let step = if start == 0 && input.len() <= SHORT && SCRATCH <= limit {
                let mut scratch = [0; SCRATCH];
                let step = step(state, input, &mut scratch);
                memory.clear();
                memory.extend_from_slice(scratch.get(..step.produced).unwrap_or_default());
                full = step.produced == SCRATCH;
                step
            } else if start < limit {
                room = room.min(limit.saturating_sub(start)).min(MOST_ROOM);
                let end = start.saturating_add(room);
                if memory.len() < end {
                    memory.truncate(start);
                    reserve(memory, room, limit);
                    memory.resize(end, 0);
                }
                let step = step(state, input, memory.get_mut(start..end).unwrap_or_default());
                full = step.produced == room;
                step
            } else {
                // What else there is may have no output: the end of a block.
                full = false;
                let step = step(state, input, &mut [0]);
                if step.produced > 0 {
                    return Err(DecompressError::TooBig);
                }
                step
            };
            *len = start.saturating_add(step.produced);
            // What came out before is there all the same, however the input was cut up.
            if step.corrupt {
                return Err(DecompressError::Corrupt);
            }
            let work = step.consumed.saturating_add(step.produced);
            if self.takeover && !self.kept {
                self.history.push(memory.get(start..*len).unwrap_or_default());
            }
            self.credit = self.credit.saturating_add(work.saturating_mul(16));
            input = input.get(step.consumed..).unwrap_or_default();
            if step.ended {
                self.ended = true;
                full = false;
            } else if work == 0 && !input.is_empty() {
                return Err(DecompressError::Corrupt);
            }
            room = room.saturating_mul(2);
        }
        Ok(())
    }

    /// Goes on behind a last block, with the context if that is not too much work: a message may be
    /// made of last blocks of two bytes each.
    fn restart(&mut self, state: &mut Inflate, out: &[u8]) {
        state.reset(false);
        let parts = if self.takeover && !self.kept {
            self.history.parts()
        } else {
            [tail(out, self.window.bytes()), &[]]
        };
        let work = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
        if let Some(left) = self.credit.checked_sub(work) {
            self.credit = left;
            fill(state, parts);
        }
    }

    /// Nothing more can be read.
    fn abandon(&mut self) {
        self.begun = false;
        if let Some(state) = self.state.take() {
            shared::put_inflate(state);
        }
        self.history.clear();
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor")
            .field("window", &self.window)
            .field("takeover", &self.takeover)
            .field("memory", &self.memory())
            .finish_non_exhaustive()
    }
}

struct Step {
    consumed: usize,
    produced: usize,
    /// Behind a block marked as last.
    ended: bool,
    /// Behind that, there is no DEFLATE.
    corrupt: bool,
}

fn step(state: &mut Inflate, input: &[u8], room: &mut [u8]) -> Step {
    let before = (state.total_in(), state.total_out());
    let status = state.decompress(input, room, InflateFlush::SyncFlush);
    Step {
        consumed: since(before.0, state.total_in()),
        produced: since(before.1, state.total_out()),
        ended: status == Ok(Status::StreamEnd),
        corrupt: status.is_err(),
    }
}

/// How a payload ended that is DEFLATE.
enum End {
    /// Before a block that may follow.
    Open,
    /// Behind one marked as last.
    Closed,
}

/// The tail, and a block of nothing: whoever is not between two blocks then reads something else
/// from it. A state that is not kept reads one marked as last, which leaves no doubt.
fn end(state: &mut Inflate, kept: bool) -> Result<End, DecompressError> {
    let [a, b, c, d] = TAIL;
    let input = [a, b, c, d, u8::from(!kept), a, b, c, d];
    let step = step(state, &input, &mut [0]);
    match (step.consumed, step.produced, step.ended) {
        _ if step.corrupt => Err(DecompressError::Corrupt),
        (4, 0, true) => Ok(End::Closed),
        (9, 0, ended) if ended != kept => Ok(End::Open),
        _ => Err(DecompressError::Corrupt),
    }
}

/// Has the state refer to `parts`.
fn fill<'a>(state: &mut Inflate, parts: impl IntoIterator<Item = &'a [u8]>) {
    for part in parts {
        // Refused only by states with a header.
        let _ = state.set_dictionary(part);
    }
}

/// Room for `more`, by doubling, within the limit.
fn reserve(out: &mut Vec<u8>, more: usize, limit: usize) {
    let needed = out.len().saturating_add(more).min(limit);
    if out.capacity() < needed {
        let capacity = needed.max(out.capacity().saturating_mul(2)).min(limit);
        out.reserve_exact(capacity.saturating_sub(out.len()));
    }
}

/// A short message is inflated with room to spare, in which zlib-rs takes the fast way, and then moved to
/// memory of its size.
const SCRATCH: usize = 2048;

/// The longest payload that is tried with.
const SHORT: usize = 512;

/// The most that is cleared at a time. Much, because the state copies its window whenever it stops, and
/// reads what is before that from the copy, more slowly.
const MOST_ROOM: usize = 1 << 20;

/// What a message may fill windows with before it has earned any: more than the longest.
const CREDIT: usize = 64 << 10;

#[cfg(test)]
#[path = "decompressor_tests.rs"]
mod tests;
