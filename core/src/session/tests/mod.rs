//! The rules of `session`, in virtual time: each test is named after the rule that it proves (`r1` to
//! `r12`, `p1` to `p11`), after what the session does (`does_1` to `does_8`), or says it in words.

mod adopting;
mod config;
mod confirming;
mod delivering;
mod does;
mod faces;
mod hand_made;
mod heartbeats;
mod log;
mod network;
mod parting;
mod pings;
mod queueing;
mod retrying;
mod rules;
mod socket_rocket;
mod unnoticed;
mod verdicts;
mod world;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;
use crate::connection::{self, Heartbeat};
use crate::error::{ConnectionError, TimeoutKind, TransportFailure};
use crate::time::Duration;

use world::{Answer, World, at, millis, open, secs};
