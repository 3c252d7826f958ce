//! soketto, whose feature `deflate` moves every flate2 of the same build to zlib in C.

use compare_deflate::contest::Peer;

#[path = "../../flate2.rs"]
mod flate2;
mod soketto;

pub const PEERS: [Peer; 2] = [flate2::flate2("flate2 on zlib in C"), soketto::SOKETTO];
