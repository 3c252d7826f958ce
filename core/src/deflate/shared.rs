//! States that the connections of a thread take turns with.
//!
//! A state is large (a compressor's 137 to 495 KB, a decompressor's 47 KB), and between two
//! messages of a connection without context takeover there is nothing in it.

use alloc::vec::Vec;
use core::cell::RefCell;

use zlib_rs::{Deflate, DeflateConfig, Inflate};

use super::WindowBits;

/// What a compressor's state was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    window_bits: u8,
    level: u8,
    memory_level: u8,
}

impl Kind {
    pub(super) fn new(window: WindowBits, level: u8, memory_level: u8) -> Self {
        // zlib knows no window of 256 bytes. In one of 512 it refers back by 512 - 262 bytes at
        // most (zlib's MAX_DIST), which is within 256.
        Self {
            window_bits: window.get().max(9),
            level: level.min(9),
            memory_level: memory_level.clamp(1, 9),
        }
    }

    /// Nothing is compressed at level 0.
    pub(super) const fn stores(self) -> bool {
        self.level == 0
    }

    /// A new state's memory in bytes: zlib-rs allocates once, so much.
    pub(super) fn memory(self) -> usize {
        // The window twice, a link of two bytes for each position in it, 65,536 heads of two bytes;
        // 64 symbols at memory level 0 and twice as many at each next, each of three bytes and four of
        // output; 3 KiB of trees.
        const HEADS: usize = 2 << 16;
        const TREES: usize = 3_200;
        let window = 4_usize << self.window_bits;
        let symbols = 7_usize << self.memory_level.saturating_add(6);
        window.saturating_add(symbols).saturating_add(HEADS + TREES)
    }

    fn state(self) -> Deflate {
        Deflate::new_with_config(DeflateConfig {
            level: i32::from(self.level),
            // Negative is raw: no zlib header.
            window_bits: i32::from(self.window_bits).saturating_neg(),
            mem_level: i32::from(self.memory_level),
            ..DeflateConfig::default()
        })
    }
}

/// A decompressor's memory in bytes: its window is always the largest.
pub(super) const INFLATE_MEMORY: usize = 47_552;

/// One for each direction and size that a program is likely to use, and some for fragmented messages,
/// which hold theirs from fragment to fragment.
const MOST: usize = 4;

struct Idle {
    deflate: Vec<Used>,
    inflate: Vec<Inflate>,
}

struct Used {
    kind: Kind,
    state: Deflate,
    /// It refers to nothing that it has seen.
    clean: bool,
}

std::thread_local! {
    static IDLE: RefCell<Idle> =
        const { RefCell::new(Idle { deflate: Vec::new(), inflate: Vec::new() }) };
}

/// Of no use while the thread ends.
fn with<T>(use_idle: impl FnOnce(&mut Idle) -> T) -> Option<T> {
    IDLE.try_with(|idle| idle.try_borrow_mut().ok().map(|mut idle| use_idle(&mut idle)))
        .ok()
        .flatten()
}

/// A state that refers to nothing.
pub(super) fn deflate(kind: Kind) -> Deflate {
    let used = with(|idle| {
        // The one used last is the likeliest to be in the cache.
        let at = idle.deflate.iter().rposition(|used| used.kind == kind)?;
        Some(idle.deflate.remove(at))
    });
    match used.flatten() {
        None => kind.state(),
        Some(Used { mut state, clean, .. }) => {
            if !clean {
                state.reset();
            }
            state
        }
    }
}

/// Where zlib's counts have 32 bits, they must not overflow: a state that was used for more than this is
/// begun anew.
const MOST_COUNTED: u64 = 1 << 31;

/// Whether a state has been used for so much that it is to be begun anew.
pub(super) fn is_worn(state: &Deflate) -> bool {
    state.total_in().max(state.total_out()) > MOST_COUNTED
}

/// Keeps a state for others. It has no output left, and is `clean` if its last flush was a full one.
pub(super) fn put_deflate(kind: Kind, state: Deflate, clean: bool) {
    let clean = clean && !is_worn(&state);
    with(|idle| {
        if idle.deflate.len() >= MOST {
            idle.deflate.remove(0);
        }
        idle.deflate.push(Used { kind, state, clean });
    });
}

/// A state that refers to nothing.
pub(super) fn inflate() -> Inflate {
    match with(|idle| idle.inflate.pop()).flatten() {
        None => Inflate::new(false, WindowBits::MAX.get()),
        Some(mut state) => {
            state.reset(false);
            state
        }
    }
}

/// Keeps a state for others.
pub(super) fn put_inflate(state: Inflate) {
    with(|idle| {
        if idle.inflate.len() < MOST {
            idle.inflate.push(state);
        }
    });
}

/// Whether a connection with context takeover keeps its state from message to message. One with a
/// window of at most 4 KiB keeps that window, and fills a shared state with it: that costs up to 4 us
/// a message and saves up to 300 KiB.
pub(super) fn is_kept(takeover: bool, window: WindowBits) -> bool {
    takeover && window.get() > 12
}
