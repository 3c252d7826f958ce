//! Longwire's tests.

pub mod json;
pub mod properties;
pub mod reference_inflater;
#[cfg(feature = "runtimes")]
pub mod runtime;
pub mod scripted;
#[cfg(feature = "runtimes")]
pub mod waiting;

/// The README's code, compiled.
#[cfg(all(doctest, feature = "runtimes"))]
#[doc = include_str!("../../README.md")]
mod readme {}
