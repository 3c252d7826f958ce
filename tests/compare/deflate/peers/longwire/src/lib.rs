//! Longwire by itself: zlib-rs has the features that Longwire asks for, and those only.

use compare_deflate::contest::Peer;
use compare_deflate::floor::floor;

mod longwire;

pub use longwire::NARROW;

pub const PEERS: [Peer; 2] = [floor("zlib-rs as Longwire builds it"), longwire::LONGWIRE];
