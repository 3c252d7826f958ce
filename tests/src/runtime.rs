//! What the suite asks of a runtime.
