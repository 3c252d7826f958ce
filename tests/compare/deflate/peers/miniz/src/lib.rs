//! yawc as it is without its feature `zlib`: on miniz_oxide.

use compare_deflate::contest::Peer;

#[path = "../../flate2.rs"]
mod flate2;
#[path = "../../yawc.rs"]
mod yawc;

pub const PEERS: [Peer; 3] = [
    flate2::flate2("flate2 on miniz_oxide"),
    yawc::yawc("yawc on miniz_oxide"),
    yawc::pooled("yawc on miniz_oxide, pooled"),
];
