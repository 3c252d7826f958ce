use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use zlib_rs::DeflateFlush;

use super::history::History;
use super::shared::{self, Kind};
use super::{Deflate, WindowBits};

/// What a message's compressed payload ends with, and leaves out (RFC 7692 section 7.2.1).
pub(super) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// One connection's sending context: compresses messages to payloads (RFC 7692 section 7.2.1).
///
/// Nothing is allocated before the first message. With context takeover, and a window of more than
/// 4 KiB, the connection then has a state of its own ([`memory`](Self::memory)) and the last window's
/// worth of what it sent; with a smaller window, only the latter; without takeover, nothing. What is
/// not the connection's is the thread's: up to four idle states.
///
/// In a window of *n* bytes distances are at most *n* - 262; 250, in one of 256 bytes.
pub struct Compressor {
    kind: Kind,
    takeover: bool,
    kept: bool,
    /// Between messages, if it is kept; else within a message's fragments.
    state: Option<zlib_rs::Deflate>,
    history: History,
}

impl Compressor {
    /// A context that refers back within `window`, across messages if there is `takeover`. Of
    /// `deflate` only the level and the memory level count.
    #[must_use]
    pub fn new(window: WindowBits, takeover: bool, deflate: &Deflate) -> Self {
        Self {
            kind: Kind::new(window, deflate.level, deflate.memory_level),
            takeover,
            kept: shared::is_kept(takeover, window),
            state: None,
            history: History::new(window.bytes()),
        }
    }

    /// Compresses a whole message.
    ///
    /// `None`, if `force` is false and the outcome would not be shorter than `payload`: such a message
    /// is sent as it is, and the context is as if it had not been seen.
    #[must_use]
    pub fn message(&mut self, payload: &[u8], force: bool) -> Option<Vec<u8>> {
        if payload.is_empty() {
            return force.then(|| EMPTY.to_vec());
        }
        // As long as the payload behind the tail is too long.
        let limit = if force { usize::MAX } else { payload.len().saturating_add(TAIL.len()) };
        // A full flush leaves nothing to refer to, and costs less than a reset.
        let flush = if self.takeover { DeflateFlush::SyncFlush } else { DeflateFlush::FullFlush };
        let mut out = match self.run(payload, limit, flush) {
            Some(mut out) => {
                out.truncate(out.len().saturating_sub(TAIL.len()));
                out
            }
            None if force => self.store(payload, true),
            None => return None,
        };
        self.settle(!self.takeover);
        let len = out.len();
        shrink(&mut out, len);
        Some(out)
    }

    /// Compresses a fragment of a message, whole enough to be sent before the next one is known. A
    /// message is either of fragments, of which one is the `last`, or whole.
    #[must_use]
    pub fn fragment(&mut self, payload: &[u8], last: bool) -> Vec<u8> {
        let mut out = if payload.is_empty() {
            if last { EMPTY.to_vec() } else { Vec::new() }
        } else if let Some(mut out) = self.run(payload, usize::MAX, DeflateFlush::SyncFlush) {
            if last {
                out.truncate(out.len().saturating_sub(TAIL.len()));
            }
            out
        } else {
            self.store(payload, last)
        };
        if last {
            self.settle(false);
        }
        let len = out.len();
        shrink(&mut out, len);
        out
    }

    /// Forgets the context: what is sent next refers to nothing before it. That is so in particular
    /// after a message that was compressed elsewhere, since the peer counts it.
    pub fn forget(&mut self) {
        if let Some(state) = self.state.take() {
            shared::put_deflate(self.kind, state, false);
        }
        self.history.clear();
    }

    /// The bytes that this context holds.
    #[must_use]
    pub fn memory(&self) -> usize {
        let state = self.state.as_ref().map_or(0, |_| self.kind.memory());
        state.saturating_add(self.history.memory())
    }

    /// `payload` compressed, with the tail, in a state that has seen it. `None` if that would be
    /// `limit` bytes or more: then there is no state, and the next begins with the history.
    fn run(&mut self, payload: &[u8], limit: usize, flush: DeflateFlush) -> Option<Vec<u8>> {
        if self.kind.stores() {
            return None;
        }
        let mut state = self.state.take().unwrap_or_else(|| {
            let mut state = shared::deflate(self.kind);
            for part in self.history.parts().into_iter().filter(|part| !part.is_empty()) {
                // Refused only while there is input that was not flushed.
                let _ = state.set_dictionary(part);
            }
            state
        });
        let Some(out) = compress(&mut state, payload, limit, flush) else {
            // zlib-rs 0.6 resets a state that has output left, but not where that begins: then the
            // next message finds less room for its own, and panics when that is too little.
            if drain(&mut state) {
                shared::put_deflate(self.kind, state, false);
            }
            return None;
        };
        self.state = Some(state);
        self.remember(payload);
        Some(out)
    }

    /// Level 0, and what can be said without a state: the library has no reason to fail, but a message
    /// that was begun has to go on (RFC 1951 section 3.2.4).
    fn store(&mut self, payload: &[u8], last: bool) -> Vec<u8> {
        self.remember(payload);
        let mut out = Vec::new();
        for block in payload.chunks(usize::from(u16::MAX)) {
            let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
            out.push(0);
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(&(!length).to_le_bytes());
            out.extend_from_slice(block);
        }
        if last {
            out.extend_from_slice(&EMPTY);
        }
        out
    }

    fn remember(&mut self, payload: &[u8]) {
        if self.takeover && !self.kind.stores() {
            self.history.push(payload);
        }
    }

    /// A message is over, and left its state `clean` or not.
    fn settle(&mut self, clean: bool) {
        // One that is worn is filled again from what was sent last.
        if let Some(state) = self.state.take_if(|state| !self.kept || shared::is_worn(state)) {
            shared::put_deflate(self.kind, state, clean);
        }
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        self.forget();
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("kind", &self.kind)
            .field("takeover", &self.takeover)
            .field("memory", &self.memory())
            .finish_non_exhaustive()
    }
}

/// `payload`, flushed, with the tail; `None` as soon as that is `limit` bytes.
fn compress(
    state: &mut zlib_rs::Deflate,
    payload: &[u8],
    limit: usize,
    flush: DeflateFlush,
) -> Option<Vec<u8>> {
    let mut rest = payload;
    // What is longer gets shorter, as a rule; room that is not used is not touched.
    let room = if payload.len() > 4096 { payload.len() / 2 } else { payload.len() };
    let mut out = vec![0; room.saturating_add(16).min(limit)];
    let mut len = 0;
    loop {
        let room = out.get_mut(len..).filter(|room| !room.is_empty())?;
        let before = (state.total_in(), state.total_out());
        state.compress(rest, room, flush).ok()?;
        let consumed = since(before.0, state.total_in());
        let produced = since(before.1, state.total_out());
        rest = rest.get(consumed..)?;
        len = len.checked_add(produced)?;
        if len < out.len() {
            if !rest.is_empty() {
                return None;
            }
            out.truncate(len);
            return out.ends_with(&TAIL).then_some(out);
        }
        // There may be more; and if not, what a second flush adds is an empty block.
        out.resize(len.saturating_mul(2).min(limit), 0);
    }
}

/// Takes the output that is left. Whether that is all.
fn drain(state: &mut zlib_rs::Deflate) -> bool {
    let mut room = [0; 1024];
    loop {
        let before = state.total_out();
        if state.compress(&[], &mut room, DeflateFlush::SyncFlush).is_err() {
            return false;
        }
        if since(before, state.total_out()) < room.len() {
            return true;
        }
    }
}

/// How far a count of zlib's has come.
pub(super) fn since(before: u64, now: u64) -> usize {
    usize::try_from(now.saturating_sub(before)).unwrap_or(usize::MAX)
}

/// Gives back what is much more than the first `len` bytes, for which it is used.
pub(super) fn shrink(memory: &mut Vec<u8>, len: usize) {
    if memory.capacity() > 4096 && memory.capacity() / 2 > len {
        memory.truncate(len);
        memory.shrink_to_fit();
    }
}

/// An empty message, or what comes behind flushed fragments: the header of an empty block, whose rest
/// is the tail (RFC 7692 section 7.2.3.6).
const EMPTY: [u8; 1] = [0];

#[cfg(test)]
#[path = "compressor_tests.rs"]
mod tests;
