//! `tracing` events, or nothing: without the feature `tracing` they cost nothing, not even their arguments.

#[cfg(feature = "tracing")]
macro_rules! trace {
    ($($fields:tt)*) => { tracing::debug!(target: "longwire", $($fields)*) };
}

#[cfg(not(feature = "tracing"))]
macro_rules! trace {
    ($($fields:tt)*) => {};
}

pub(crate) use trace;
