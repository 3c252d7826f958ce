//! The other end of a session's connection, made by hand: it reads frames the naive way, and answers
//! pings as it likes.

use std::collections::VecDeque;

use super::super::wire::{self, Frame};

pub(super) const BEAT: &str = "are you there?";
pub(super) const REPLY: &str = "yes";

/// Which pings are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pongs {
    /// Each.
    All,
    /// Of those read together, the last.
    Last,
    /// When it is told to, all at once.
    Late,
    /// None.
    None,
}

#[derive(Debug)]
pub(super) struct Peer {
    /// Read, but not a whole frame.
    unread: Vec<u8>,
    /// It is the client.
    masks: bool,
    message: Vec<u8>,
    owed: VecDeque<Vec<u8>>,
    pub(super) pongs: Pongs,
    /// What it has to say.
    pub(super) output: Vec<u8>,
    /// Messages, whole, in order.
    pub(super) read: Vec<String>,
    pub(super) closed: bool,
}

impl Peer {
    pub(super) fn new(masks: bool, pongs: Pongs) -> Self {
        Self {
            unread: Vec::new(),
            masks,
            message: Vec::new(),
            owed: VecDeque::new(),
            pongs,
            output: Vec::new(),
            read: Vec::new(),
            closed: false,
        }
    }

    pub(super) fn read(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        let mut at = 0;
        while !self.closed
            && let Some((frame, rest)) = wire::parse(&self.unread[at..], !self.masks)
        {
            at = self.unread.len() - rest.len();
            self.frame(frame);
        }
        self.unread.drain(..at);
        if self.pongs == Pongs::Last {
            let last = self.owed.pop_back();
            self.owed.clear();
            self.owed.extend(last);
        }
        if matches!(self.pongs, Pongs::All | Pongs::Last) {
            self.answer();
        }
    }

    fn frame(&mut self, frame: Frame) {
        match frame.opcode {
            wire::PING => {
                if self.pongs != Pongs::None {
                    self.owed.push_back(frame.payload);
                }
            }
            wire::PONG => {}
            wire::CLOSE => self.close(&frame.payload),
            _ => {
                self.message.extend(frame.payload);
                if frame.fin {
                    let text = String::from_utf8(std::mem::take(&mut self.message));
                    let text = text.expect("only texts are sent");
                    if text == BEAT {
                        self.say(1, REPLY.as_bytes());
                    } else {
                        self.read.push(text);
                    }
                }
            }
        }
    }

    /// Pays what is owed.
    pub(super) fn answer(&mut self) {
        while let Some(payload) = self.owed.pop_front() {
            self.say(wire::PONG, &payload);
        }
    }

    pub(super) fn say(&mut self, opcode: u8, payload: &[u8]) {
        if !self.closed {
            let key = self.masks.then_some([3, 1, 4, 1]);
            self.output.extend(wire::encode(true, opcode, key, payload));
        }
    }

    pub(super) fn close(&mut self, payload: &[u8]) {
        self.say(wire::CLOSE, payload);
        self.closed = true;
    }
}
