//! What the workers of this comparison share: the rows, the messages, the frames, the floor, and
//! the loop that times them. It depends on no peer, so that no peer's features reach another.

pub mod chat;
pub mod contest;
pub mod floor;
pub mod frames;
pub mod memory;
pub mod neutral;
// The file and not the package: that would bring the other comparison's peers, and their features.
#[path = "../../codec/src/pipe.rs"]
pub mod pipe;
pub mod row;
pub mod worker;

/// No message here is as long.
pub const LIMIT: usize = 64 << 20;

/// What those read at a time who leave reading to their caller.
pub const STAGING: usize = 64 << 10;
