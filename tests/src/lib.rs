//! Longwire's tests.

pub mod properties;
#[cfg(feature = "runtimes")]
pub mod runtime;
pub mod scripted;
