use bytes::Buf;
use longwire::buffer::Stage;
use longwire::connection::Event;
use longwire::deflate::Deflate;
use longwire::{Closed, Config, Connection, ConnectionError, Endpoint, Instant};

use super::payloads::payload;
use super::source::{Lcg, Side, Source};
use super::wire::{self, Transcript, is_subsequence, opcode};

/// Of any bytes, to any role: how they are cut, and when what they mean is taken, makes no
/// difference to what they mean.
pub fn inbound_stream(input: &[u8]) {
    let mut source = Source::new(input);
    let choice = source.byte();
    let side = if choice & 1 == 0 { Side::Server } else { Side::Client };
    let mut config = source.config(side);
    // Commands of time would depend on when they are given.
    (config.heartbeat, config.message_timeout, config.max_lifetime) = (None, None, None);
    // So would the end of a failed connection, whose close frame leaves late here.
    config.drain_limit = usize::MAX;
    if choice & 2 != 0 {
        config = config.with_message_limit(3000);
        (config.max_fragments, config.max_empty_fragments) = (20, 4);
        config.max_control_rate = 40;
    }
    let seed = u64::from(source.byte());
    let compressed = choice & 4 != 0;
    let stream = source.rest();
    let run = || {
        let run = Run::new(side, config);
        if compressed { run.compressed() } else { run }
    };

    let whole = run().feed(stream, &mut |left| left, Habit::Whole);
    whole.check(side);
    let single = run().feed(stream, &mut |_| 1, Habit::Eager);
    whole.assert_same(&single, true);
    for (habit, seed) in [(Habit::Eager, seed), (Habit::Late, seed + 1), (Habit::Lazy, seed + 2)] {
        let mut lcg = Lcg(seed);
        let longest = [3, 50, 2000, 5000][lcg.below(4)];
        let mut cut = |left: usize| (1 + lcg.below(longest)).min(left);
        let cut_up = run().feed(stream, &mut cut, habit);
        whole.assert_same(&cut_up, true);
        let lent = run().lent().feed(stream, &mut cut, habit);
        whole.assert_same(&lent, true);
    }
    let lent = run().lent().feed(stream, &mut |left| left, Habit::Whole);
    whole.assert_same(&lent, true);
    let answered = run().feed(stream, &mut |left| left.min(17), Habit::Answering);
    answered.check(side);
    whole.assert_same(&answered, false);
}

/// When events are taken, and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// When there is no more to receive.
    Whole,
    /// At once.
    Eager,
    /// After more has been received behind what was found.
    Late,
    /// Now and then.
    Lazy,
    /// At once, and what is to be sent leaves at once.
    Answering,
}

/// One way of feeding a connection, and what came of it.
struct Run {
    connection: Connection,
    messages: Vec<(u8, Vec<u8>)>,
    /// A message of which not all was handed out.
    partial: Option<(u8, Vec<u8>)>,
    /// Everything but data, in order, and behind how many messages.
    others: Vec<(usize, Other)>,
    output: Vec<u8>,
    closed: Option<Closed>,
    arrived: usize,
    steps: usize,
    /// Lent for each read, as a driver does.
    stage: Option<Stage>,
    /// What it may hold beside what arrived.
    slack: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Other {
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Error(ConnectionError),
}

const NOW: Instant = Instant::EPOCH;

impl Run {
    fn new(side: Side, config: Config) -> Self {
        Self {
            connection: Connection::new(side.role(9), config, NOW),
            messages: Vec::new(),
            partial: None,
            others: Vec::new(),
            output: Vec::new(),
            closed: None,
            arrived: 0,
            steps: 0,
            stage: None,
            slack: (64 << 10) * 3 + 16 * 1024,
        }
    }

    /// Both ends agreed on compression.
    fn compressed(mut self) -> Self {
        self.connection = self.connection.with_deflate(&Deflate::DEFAULT);
        // Its context, and what a message grows by.
        self.slack = 4 << 20;
        self
    }

    /// Receives into a stage.
    fn lent(self) -> Self {
        Self { stage: Some(Stage::new()), ..self }
    }

    fn feed(mut self, stream: &[u8], cut: &mut dyn FnMut(usize) -> usize, habit: Habit) -> Self {
        let mut left = stream;
        while !left.is_empty() {
            let n = self.receive(&left[..cut(left.len())]);
            left = &left[n..];
            if n == 0 {
                let taken = self.take();
                let room = !self.connection.recv_buffer().is_empty();
                assert!(taken || room, "no room and no news, {} bytes to come", left.len());
                continue;
            }
            match habit {
                Habit::Whole => {}
                Habit::Eager => while self.take() {},
                Habit::Late => {
                    if self.connection.poll_ready() && !left.is_empty() {
                        let more = cut(left.len());
                        left = &left[self.receive(&left[..more])..];
                        self.take();
                    }
                }
                Habit::Lazy => {
                    self.steps += 1;
                    if self.steps.is_multiple_of(3) {
                        self.take();
                        self.connection.release_buffers();
                    }
                }
                Habit::Answering => {
                    while self.take() {}
                    self.transmit();
                }
            }
        }
        while self.take() {}
        self.transmit();
        self.connection.received_eof(NOW);
        while self.take() {}
        assert!(self.closed.is_some(), "the end of the stream is the end");
        self
    }

    fn receive(&mut self, bytes: &[u8]) -> usize {
        if let Some(stage) = &mut self.stage {
            self.connection.lend(stage);
        }
        let n = self.connection.receive(NOW, bytes);
        if let Some(stage) = &mut self.stage {
            self.connection.reclaim(stage);
        }
        self.arrived += n;
        let bound = 2 * self.arrived + self.slack;
        let held = self.connection.buffer_capacity();
        assert!(held <= bound, "{held} bytes held after {} arrived", self.arrived);
        n
    }

    fn take(&mut self) -> bool {
        if !self.connection.poll_ready() {
            return false;
        }
        let event = self.connection.event().expect("there was news: poll_ready said so");
        assert!(self.closed.is_none(), "nothing follows Closed: {event:?}");
        let at = self.messages.len();
        match event {
            Event::Message(message) => {
                self.messages.push((opcode(message.kind()), message.as_bytes().to_vec()));
            }
            Event::Piece(piece) => {
                assert_eq!(piece.first, self.partial.is_none());
                let (_, bytes) =
                    self.partial.get_or_insert_with(|| (opcode(piece.kind), Vec::new()));
                bytes.extend_from_slice(&piece.payload);
                if piece.last {
                    self.messages.extend(self.partial.take());
                }
            }
            Event::Ping(payload) => self.others.push((at, Other::Ping(payload.to_vec()))),
            Event::Pong(pong) => self.others.push((at, Other::Pong(pong.payload.to_vec()))),
            Event::Error(error) => self.others.push((at, Other::Error(error))),
            Event::Closed(closed) => self.closed = Some(*closed),
            other => panic!("no such event: {other:?}"),
        }
        true
    }

    fn transmit(&mut self) {
        while self.connection.send_buffer().has_remaining() {
            let chunk = self.connection.send_buffer().chunk();
            let n = chunk.len();
            self.output.extend_from_slice(chunk);
            self.connection.sent(NOW, n);
        }
    }

    /// What holds of every run.
    fn check(&self, side: Side) {
        for (code, bytes) in &self.messages {
            assert!(*code != 1 || str::from_utf8(bytes).is_ok(), "U6: text is text");
        }
        let transcript = Transcript::of(&self.output, side == Side::Client, None);
        let pings: Vec<_> = self.others.iter().filter_map(|(_, other)| other.ping()).collect();
        assert!(is_subsequence(&transcript.pongs, &pings));
        if transcript.close.is_none() {
            assert_eq!(transcript.pongs.last(), pings.last(), "the newest ping is answered");
        }
        let errors = self.others.iter().filter(|(_, other)| matches!(other, Other::Error(_)));
        assert!(errors.count() <= 1);
        let closed = self.closed.as_ref().expect("it is over");
        assert_eq!(closed.clean, closed.received.is_some() && closed.error.is_none());
    }

    fn assert_same(&self, other: &Self, also_output: bool) {
        assert_eq!(self.others, other.others);
        assert!(self.messages == other.messages, "{:?} or {:?}", self.messages, other.messages);
        assert_eq!(self.closed, other.closed);
        if let (Some((_, a)), Some((_, b))) = (&self.partial, &other.partial) {
            assert!(a.starts_with(b) || b.starts_with(a), "pieces of different messages");
        }
        if also_output {
            assert_eq!(self.output, other.output);
        }
    }
}

impl Other {
    fn ping(&self) -> Option<Vec<u8>> {
        match self {
            Self::Ping(payload) => Some(payload.clone()),
            Self::Pong(_) | Self::Error(_) => None,
        }
    }
}

/// Messages, fragmented in any way, with control frames between, cut in any way: the same messages
/// come out, also when they are as long as the limits allow.
pub fn valid_stream(input: &[u8]) {
    let mut source = Source::new(input);
    let side = if source.flag() { Side::Client } else { Side::Server };
    let mut config = source.config(side);
    let mut cuts = Lcg(u64::from(source.short()));
    let mut keys = Lcg(u64::from(source.byte()));
    let mut frame = |fin: bool, opcode: u8, payload: &[u8]| {
        let key = (side == Side::Server).then(|| keys.draw().to_le_bytes()).map(|key| {
            let [a, b, c, d, ..] = key;
            [a, b, c, d]
        });
        wire::encode(fin, opcode, key, payload)
    };

    let (mut stream, mut expected, mut controls) = (Vec::new(), Vec::new(), Vec::new());
    let mut longest = [0, 0];
    while !source.is_empty() && expected.len() < 12 {
        let kind = source.kind();
        let body = payload(kind, expected.len(), source.length());
        let mut rest = &body[..];
        let mut first = true;
        loop {
            let len = if source.flag() { source.length() } else { rest.len() };
            let (part, after) = rest.split_at(len.min(rest.len()));
            let fin = after.is_empty() && source.below(4) != 3;
            stream.extend(frame(fin, if first { opcode(kind) } else { wire::CONTINUATION }, part));
            longest = [longest[0].max(part.len()), longest[1].max(body.len())];
            (rest, first) = (after, false);
            match source.below(6) {
                0 => {
                    let payload = vec![b'p'; source.below(126)];
                    stream.extend(frame(true, wire::PING, &payload));
                    controls.push((expected.len() + usize::from(fin), Other::Ping(payload)));
                }
                1 => {
                    stream.extend(frame(true, wire::PONG, b"unasked"));
                    let pong = Other::Pong(b"unasked".to_vec());
                    controls.push((expected.len() + usize::from(fin), pong));
                }
                _ => {}
            }
            if fin {
                break;
            }
        }
        expected.push((opcode(kind), body));
    }
    stream.extend(frame(true, wire::CLOSE, &[0x03, 0xe8, b'b', b'y', b'e']));
    // B, F3: limits are inclusive.
    (config.max_frame, config.max_message) = (longest[0] as u64, longest[1] as u64);
    (config.heartbeat, config.message_timeout, config.max_lifetime) = (None, None, None);

    for habit in [Habit::Whole, Habit::Eager, Habit::Late, Habit::Lazy, Habit::Answering] {
        let widest = [1, 9, 300, 3000, 70_000][cuts.below(5)];
        let mut cut = |left: usize| (1 + cuts.below(widest)).min(left);
        let run = Run::new(side, config).feed(&stream, &mut cut, habit);
        run.check(side);
        assert!(run.messages == expected, "{habit:?}: other messages came out");
        assert_eq!(run.others, controls, "{habit:?}");
        let closed = run.closed.expect("it is over");
        assert!(closed.clean && closed.reason == "bye" && closed.unsent_messages == 0);
    }
}
