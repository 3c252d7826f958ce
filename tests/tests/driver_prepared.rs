//! Messages that are encoded once and sent to many.

use std::sync::Arc;
use std::task::{Poll, Waker};

use longwire::driver::{Receiver, Sender};
use longwire::{Config, Event, Message, PreparedMessage, SendError};
use longwire_tests::properties::Side;
use longwire_tests::scripted::{
    Clock, Flag, Script, Scripted, Socket, VirtualTimer, link, once, open, pair,
};

const FRAME: &[u8] = b"\x82\x04news";

fn news() -> PreparedMessage {
    PreparedMessage::from(Message::from(&b"news"[..]))
}

/// A server's connection, divided, whose receiving half waits.
struct Member {
    peer: Scripted,
    sender: Sender<Scripted, VirtualTimer>,
    receiver: Receiver<Scripted, VirtualTimer>,
    flag: Arc<Flag>,
    waker: Waker,
}

/// The transport has room for so many bytes that the peer has not taken.
fn member(room: usize) -> Member {
    let clock = Clock::default();
    let (peer, transport) = link([Script::WHOLE; 2], room);
    let server: Socket = open(&clock, Side::Server, Config::server(), transport);
    let (sender, mut receiver) = server.split();
    let (flag, waker) = Flag::new();
    assert!(once(receiver.next(), &waker).is_pending());
    Member { peer, sender, receiver, flag, waker }
}

#[test]
fn sent_now_it_leaves_at_once_and_wakes_nobody() {
    let Member { peer, sender, receiver: _waiting, flag, .. } = member(1 << 20);
    for _ in 0..3 {
        sender.send_prepared_now(&news()).expect("there is room");
        assert_eq!(peer.take_arrived(), FRAME);
        assert!(!flag.take(), "there is nothing left to do");
    }
}

#[test]
fn what_the_transport_does_not_take_now_is_left_to_whoever_waits() {
    let Member { peer, sender, mut receiver, flag, waker } = member(10);
    sender.send_prepared_now(&news()).expect("there is room");
    assert!(!flag.take());
    sender.send_prepared_now(&news()).expect("there is room in the queue");
    assert!(flag.take(), "somebody has to wait for the transport");
    let mut arrived = peer.take_arrived();
    assert_eq!(arrived.len(), 10);
    assert!(once(receiver.next(), &waker).is_pending());
    arrived.extend(peer.take_arrived());
    assert_eq!(arrived, [FRAME, FRAME].concat());
}

#[test]
fn behind_what_waits_it_keeps_its_place_and_wakes_whoever_waits_for_that() {
    let Member { peer, sender, mut receiver, flag, waker } = member(1 << 20);
    sender.try_send(Message::from(&b"old"[..])).expect("there is room");
    assert!(flag.take());
    assert!(once(receiver.next(), &waker).is_pending());
    sender.try_send_prepared(&news()).expect("there is room");
    assert!(flag.take(), "it leaves with the next wait");
    sender.send_prepared_now(&news()).expect("there is room");
    assert_eq!(peer.take_arrived(), [b"\x82\x03old", FRAME, FRAME].concat());
}

#[test]
fn a_whole_connection_feeds_it_and_a_closed_one_refuses_it() {
    let clock = Clock::default();
    let configs = [Config::client(), Config::server()];
    let (mut client, mut server) = pair(&clock, configs, [Script::WHOLE; 2], 1 << 20);
    let (_, waker) = Flag::new();
    assert_eq!(once(server.feed_prepared(&news()), &waker), Poll::Ready(Ok(())));
    assert!(once(server.next(), &waker).is_pending());
    let event = once(client.next(), &waker).map(|event| event.map(Event::into_owned));
    assert_eq!(event, Poll::Ready(Some(Event::Message(Message::from(&b"news"[..])))));
    server.endpoint_mut().abort();
    let refused = Poll::Ready(Err(SendError::Closed(())));
    assert_eq!(once(server.feed_prepared(&news()), &waker), refused);
    let (sender, _receiver) = server.split();
    assert_eq!(sender.send_prepared_now(&news()), Err(SendError::Closed(())));
    assert_eq!(sender.try_send_prepared(&news()), Err(SendError::Closed(())));
}
