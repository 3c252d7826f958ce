//! Bytes in, bytes out: objects apart from the protocol's state, so that one side can be lent while
//! the other is written.

mod assembly;
mod inbox;
mod outbox;
mod page;
pub(crate) mod recycled;
mod run;
mod stage;

pub(crate) use inbox::Inbox;
pub use outbox::Outbox;
pub use stage::Stage;
