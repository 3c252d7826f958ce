//! Frames: RFC 6455 section 5.2, header by header.
//!
//! ```text
//!  0               1               2               3
//!  +-+-+-+-+-------+-+-------------+-------------------------------+
//!  |F|R|R|R| opcode|M| length      | extended length, if           |
//!  |I|S|S|S|       |A| 0..=125,    | 126: 16 bits                  |
//!  |N|V|V|V|       |S| 126 or 127  | 127: 64 bits                  |
//!  | |1|2|3|       |K|             |                               |
//!  +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
//!  | masking key, if MASK          | payload                       |
//!  +-------------------------------+-------------------------------+
//! ```

mod close;
mod header;
mod mask;
mod opcode;

pub use close::{Close, CloseCode, ControlPayload};
pub(crate) use header::Unmasked;
pub use header::{EncodedHeader, FrameHeader};
pub use mask::Mask;
pub use opcode::Opcode;
