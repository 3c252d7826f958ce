//! The suite over real sockets: every test is written once and runs on both runtimes, and where two
//! ends of ours meet, on all four pairs.
//!
//! Nothing is measured: deadlines are short where their passing is awaited, and otherwise long.
#![cfg(feature = "runtimes")]

#[macro_use]
mod support;

mod adapters;
mod closing;
mod concurrency;
mod hostile;
mod messages;
mod opening;
mod refusals;
mod session_faces;
mod session_requests;
mod sessions;
mod streaming;
