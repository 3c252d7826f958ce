//! What a contender has to be able to do, and the proof that it does it before it is timed.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;

use crate::measure::{Contender, Rank};
use crate::pipe::{Pipe, Sink};
use crate::wire::{Kind, Sample, Side, messages};

pub trait Decode {
    /// Receives `count` messages and shows each.
    fn decode(&mut self, count: usize, visit: impl FnMut(Kind, &[u8]));
}

pub trait Encode {
    /// Queues `payload` as a binary message `count` times, and then sees to it that all are written.
    fn encode(&mut self, payload: &Bytes, count: usize);
}

/// What is received, again and again.
pub struct Incoming {
    pub samples: Vec<Sample>,
    pub wire: Bytes,
    /// The most that one read can return.
    pub piece: usize,
}

impl Incoming {
    pub fn pipe(&self) -> Pipe {
        Pipe::repeating(self.wire.clone(), self.piece, Arc::default())
    }
}

pub fn decoder<D: Decode + 'static>(
    name: &'static str,
    rank: Rank,
    incoming: &Incoming,
    new: impl FnOnce(Pipe) -> D,
) -> Contender {
    let mut decoder = new(incoming.pipe());
    let count = incoming.samples.len();
    // Twice: the second time with whatever the first has left in the buffers.
    for _ in 0..2 {
        let mut expected = incoming.samples.iter();
        decoder.decode(count, |kind, payload| {
            let sample = expected.next().unwrap_or_else(|| panic!("{name}: too many messages"));
            assert!(sample.kind == kind && sample.payload == payload, "{name}: a wrong message");
        });
        assert_eq!(expected.len(), 0, "{name}: messages are missing");
    }
    let run = Box::new(move || {
        decoder.decode(count, |kind, payload| {
            black_box((kind, payload.as_ptr(), payload.len()));
        });
    });
    Contender { name, rank, units: count, run, writes: None }
}

pub fn encoder<E: Encode + 'static>(
    name: &'static str,
    rank: Rank,
    side: Side,
    (payload, count): (&Bytes, usize),
    new: impl FnOnce(Side, Pipe) -> E,
) -> Contender {
    let sink = Arc::new(Sink::default());
    let mut encoder = new(side, Pipe::once(Bytes::new(), Arc::clone(&sink)));
    let mut writes = 0;
    for _ in 0..2 {
        let wire;
        (wire, writes) = sink.capture(|| encoder.encode(payload, count));
        let messages = messages(&wire, side);
        assert_eq!(messages.len(), count, "{name}: another number of messages");
        assert!(messages.iter().all(|message| message == payload), "{name}: a wrong message");
    }
    let payload = payload.clone();
    Contender {
        name,
        rank,
        units: count,
        run: Box::new(move || encoder.encode(black_box(&payload), count)),
        writes: Some(writes as f64 / count as f64),
    }
}

/// `accept` returns the connection that is ready, to be dropped.
pub fn acceptor<C>(
    name: &'static str,
    rank: Rank,
    request: &Bytes,
    accept_key: &str,
    accept: impl Fn(Pipe) -> C + 'static,
) -> Contender {
    let sink = Arc::new(Sink::default());
    let open = {
        let (request, sink) = (request.clone(), Arc::clone(&sink));
        move || accept(Pipe::once(request.clone(), Arc::clone(&sink)))
    };
    let (answer, writes) = sink.capture(|| drop(open()));
    let answer = String::from_utf8(answer).expect("an answer is ASCII");
    let mut lines = answer.split("\r\n");
    assert!(lines.next().is_some_and(|line| line.starts_with("HTTP/1.1 101 ")), "{name}: {answer}");
    let has = |name: &str, value: &str| {
        lines.clone().filter_map(|line| line.split_once(':')).any(|(header, content)| {
            header.eq_ignore_ascii_case(name) && content.trim().eq_ignore_ascii_case(value)
        })
    };
    assert!(has("Upgrade", "websocket") && has("Connection", "Upgrade"), "{name}: {answer}");
    assert!(
        answer.contains(accept_key) && has("Sec-WebSocket-Accept", accept_key),
        "{name}: {answer}"
    );
    assert!(answer.ends_with("\r\n\r\n"), "{name}: {answer}");
    let run = Box::new(move || drop(black_box(open())));
    Contender { name, rank, units: 1, run, writes: Some(writes as f64) }
}

/// A function, for the rows that need no connection.
pub fn function(name: &'static str, rank: Rank, run: impl FnMut() + 'static) -> Contender {
    Contender { name, rank, units: 1, run: Box::new(run), writes: None }
}
