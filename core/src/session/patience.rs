//! P4: whether a peer that owes an answer cannot give it yet, because it is in the midst of something.
//!
//! It is waited for behind that, as long as it goes on, and not behind what begins later: the answer could
//! have been in front of it. Pings do not count as going on: a library sends them, not whoever is to answer.

use crate::connection::PartialMessage;

/// What was waited behind last.
#[derive(Debug, Default)]
pub(super) struct Patience {
    reply: Option<Behind>,
    word: Option<Behind>,
    /// The number of a frame.
    frame: Option<u32>,
}

#[derive(Debug)]
struct Behind {
    message: PartialMessage,
    is_over: bool,
}

impl Patience {
    /// Whether to go on waiting for the answer to a message.
    pub(super) fn with_reply(&mut self, now: Option<PartialMessage>) -> bool {
        goes_on(&mut self.reply, now)
    }

    /// It came.
    pub(super) fn end_with_reply(&mut self) {
        self.reply = None;
    }

    /// Whether to go on waiting for the application's word on a message.
    pub(super) fn with_word(&mut self, now: Option<PartialMessage>) -> bool {
        goes_on(&mut self.word, now)
    }

    /// It came.
    pub(super) fn end_with_word(&mut self) {
        self.word = None;
    }

    /// Whether to wait for a pong behind `frame`.
    pub(super) fn with_pong(&mut self, frame: Option<u32>) -> bool {
        frame.is_some_and(|frame| *self.frame.get_or_insert(frame) == frame)
    }

    /// It came.
    pub(super) fn end_with_pong(&mut self) {
        self.frame = None;
    }
}

/// Whether to wait, at a deadline: behind the message that is found at the first, while more of it arrives from
/// one to the next, and once more when it is over.
fn goes_on(behind: &mut Option<Behind>, now: Option<PartialMessage>) -> bool {
    match (behind, now) {
        (behind @ None, Some(message)) => {
            *behind = Some(Behind { message, is_over: false });
            true
        }
        (Some(behind), Some(now)) if behind.message.number == now.number => {
            core::mem::replace(&mut behind.message, now) != now
        }
        (Some(behind), _) => !core::mem::replace(&mut behind.is_over, true),
        (None, None) => false,
    }
}
