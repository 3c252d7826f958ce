//! A connection in which something is under way.

use super::closing::{Closing, End, News, Phase};
use super::config::InForce;
use super::heartbeat::Heartbeat;
use super::receive::{Data, Receiver};
use super::sender::Sender;
use super::timer::{Timer, TimerTable};
use super::transmit::Transmitter;
use super::{Event, Piece, Pong};
use crate::buffer::{Inbox, Outbox};
use crate::message::{DataKind, InvalidUtf8, Message, Payload, Text, from_utf8};
use crate::rng::Jitter;
use crate::time::Instant;

/// All of a connection. What of it is more than [`Idle`](super::idle::Idle) is as in a new one while
/// nothing is under way.
pub(super) struct Active {
    pub(super) inbox: Inbox,
    pub(super) receiver: Receiver,
    pub(super) transmitter: Transmitter,
    pub(super) closing: Closing,
    pub(super) heartbeat: Heartbeat,
    pub(super) timers: TimerTable,
    pub(super) config: InForce,
    pub(super) jitter: Jitter,
    /// The time told last.
    pub(super) now: Instant,
    pub(super) last_received: Instant,
    pub(super) end: Option<End>,
    pub(super) ready: Option<Ready>,
    /// Nothing was found when last looked, and nothing was received since.
    pub(super) quiet: bool,
}

/// News found but not yet taken. Lengths, not references: the bytes stay unread until then.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ready {
    Data(Data),
    Ping { len: usize },
    Pong { len: usize },
    End(News),
}

/// The events that are no messages, or large binary ones.
#[cold]
fn uncommon<'a>(
    ready: Ready,
    inbox: &'a mut Inbox,
    heartbeat: &Heartbeat,
    closing: &Closing,
) -> Event<'a> {
    match ready {
        Ready::Data(Data::Lent { header, len, .. }) => binary(inbox.take_behind(header, len)),
        Ready::Data(Data::Assembled { .. }) => {
            Event::Message(Message::Binary(Payload::from(inbox.take_message())))
        }
        Ready::Data(Data::Piece { kind, len, first, last }) => {
            Event::Piece(Piece { kind, payload: Payload::Borrowed(inbox.take(len)), first, last })
        }
        Ready::Data(Data::Decompressed { kind, first, last }) => {
            let payload = Payload::from(inbox.take_message());
            Event::Piece(Piece { kind, payload, first, last })
        }
        Ready::Ping { len } => Event::Ping(Payload::Borrowed(inbox.take(len))),
        Ready::Pong { len } => Event::Pong(Pong {
            payload: Payload::Borrowed(inbox.take(len)),
            round_trip: heartbeat.answered(),
        }),
        Ready::End(news) => closing.event(news),
    }
}

#[inline(always)]
fn binary(payload: &[u8]) -> Event<'_> {
    Event::Message(Message::Binary(Payload::Borrowed(payload)))
}

#[inline(always)]
fn text(payload: &[u8]) -> Result<Event<'_>, InvalidUtf8> {
    from_utf8(payload).map(|text| Event::Message(Message::Text(Text::from(text))))
}

impl Active {
    /// One that [`Idle`](super::idle::Idle) makes a connection of.
    pub(super) fn new() -> Self {
        Self {
            inbox: Inbox::new(0, &[]),
            receiver: Receiver::new(),
            transmitter: Transmitter::new(),
            closing: Closing::new(),
            heartbeat: Heartbeat::default(),
            timers: TimerTable::default(),
            config: InForce::default(),
            jitter: Jitter::NONE,
            now: Instant::EPOCH,
            last_received: Instant::EPOCH,
            end: None,
            ready: None,
            quiet: true,
        }
    }

    /// The connection begins with these bytes, which were received and are to be sent.
    pub(super) fn begin(&mut self, received: &[u8], outbox: Outbox) {
        self.inbox = Inbox::new(self.config.receive_buffer, received);
        self.transmitter.begin(outbox);
        self.quiet = received.is_empty();
    }

    /// Whether nothing is under way, and no memory held.
    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_none()
            && self.end.is_none()
            && self.closing.phase() == Phase::Open
            && self.inbox.is_idle()
            && self.receiver.is_idle()
            && self.transmitter.is_idle()
            && self.timers.is_idle()
    }

    /// As [`Connection::event`](super::Connection::event).
    #[inline(always)]
    pub(super) fn event(&mut self) -> Option<Event<'_>> {
        let Self { inbox, transmitter, closing, timers, config, now, heartbeat, ready, .. } = self;
        // Matched in place: to copy it out first would read it in other units than it was written in, and
        // the processor waits for that. For the same reason each case is handed out by itself.
        let bytes = match *ready {
            Some(Ready::Data(Data::Lent { kind: DataKind::Binary, header, len })) => {
                *ready = None;
                return Some(binary(inbox.take_behind(header, len)));
            }
            Some(Ready::Data(Data::Lent { kind: DataKind::Text, header, len })) => {
                inbox.take_behind(header, len)
            }
            Some(Ready::Data(Data::Assembled { kind: DataKind::Text })) => inbox.lend_message(),
            Some(other) => {
                *ready = None;
                return Some(uncommon(other, inbox, heartbeat, closing));
            }
            None => return None,
        };
        *ready = None;
        match text(bytes) {
            Ok(event) => Some(event),
            Err(_) => Some(closing.not_text(transmitter, timers, config, *now)),
        }
    }

    /// The same, with the sending side.
    #[inline(always)]
    pub(super) fn event_with_sender(&mut self) -> Option<(Event<'_>, Sender<'_>)> {
        let Self { inbox, transmitter, closing, timers, config, now, heartbeat, ready, .. } = self;
        // As above, but it is put together before the sender comes to it.
        let event = match *ready {
            Some(Ready::Data(Data::Lent { kind: DataKind::Binary, header, len })) => {
                binary(inbox.take_behind(header, len))
            }
            Some(Ready::Data(Data::Lent { kind: DataKind::Text, header, len })) => {
                match text(inbox.take_behind(header, len)) {
                    Ok(event) => event,
                    Err(_) => closing.not_text(transmitter, timers, config, *now),
                }
            }
            Some(Ready::Data(Data::Assembled { kind: DataKind::Text })) => {
                match text(inbox.lend_message()) {
                    Ok(event) => event,
                    Err(_) => closing.not_text(transmitter, timers, config, *now),
                }
            }
            Some(other) => uncommon(other, inbox, heartbeat, closing),
            None => return None,
        };
        *ready = None;
        Some((event, Sender::new(transmitter)))
    }

    /// As [`Connection::set_heartbeat`](super::Connection::set_heartbeat).
    pub(super) fn set_heartbeat(&mut self, now: Instant, heartbeat: Option<super::Heartbeat>) {
        if self.config.heartbeat == heartbeat {
            return;
        }
        self.config.make_mut().heartbeat = heartbeat;
        self.heartbeat.forgive();
        self.timers.stop(Timer::Ping);
        self.timers.stop(Timer::Pong);
        if let Some(heartbeat) = heartbeat
            && self.closing.phase() == Phase::Open
        {
            self.timers.arm_after(Timer::Ping, now, self.jitter.apply(heartbeat.interval));
        }
    }
}
