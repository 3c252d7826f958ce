//! Those that use zlib-rs, whether directly or through flate2. They ask for the same features of
//! it, so they do not disturb each other.

use compare_deflate::contest::Peer;
use compare_deflate::floor::floor;

#[path = "../../flate2.rs"]
mod flate2;
mod sockudo;
#[path = "../../yawc.rs"]
mod yawc;

pub const PEERS: [Peer; 5] = [
    floor("zlib-rs"),
    flate2::flate2("flate2 on zlib-rs"),
    sockudo::SOCKUDO,
    yawc::yawc("yawc on zlib-rs"),
    yawc::pooled("yawc on zlib-rs, pooled"),
];
