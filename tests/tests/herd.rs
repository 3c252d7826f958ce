//! A thousand sessions whose server restarts, in virtual time: they do not come back together.

use std::collections::BTreeSet;
use std::mem;

use bytes::Buf;
use longwire::error::TransportFailure;
use longwire::handshake::{Acceptance, Limits, Request, ServerHandshake};
use longwire::session::{Action, Attempt, ConnectFailure, Session, SessionConfig, State};
use longwire::time::Duration;
use longwire::{Endpoint, Instant};
use longwire_tests::properties::Lcg;

const SESSIONS: u64 = 1_000;

/// When the server goes.
const GONE: Instant = Instant::from_epoch(Duration::from_secs(10));

fn random(seed: u64) -> impl FnMut(&mut [u8]) + Send + 'static {
    // Seeds next to each other must not begin alike, nor evenly spread: as splitmix64 has it.
    let mut mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let mut lcg = Lcg(mixed ^ (mixed >> 31));
    move |dest| dest.iter_mut().for_each(|byte| *byte = (lcg.draw() >> 11) as u8)
}

/// The clients, and when each of their attempts began.
struct Herd {
    sessions: Vec<Session>,
    attempts: Vec<Instant>,
    is_up: bool,
    /// Who waits until when.
    due: BTreeSet<(Instant, usize)>,
    due_of: Vec<Option<Instant>>,
}

impl Herd {
    /// All of them connected, for long enough to count as stable.
    fn connected() -> Self {
        let create = |seed| Session::new(SessionConfig::DEFAULT, random(seed), Instant::EPOCH);
        let sessions: Vec<_> = (0..SESSIONS).map(create).collect();
        let due_of = vec![None; sessions.len()];
        let due = BTreeSet::new();
        let mut herd = Self { sessions, attempts: Vec::new(), is_up: true, due, due_of };
        for at in 0..herd.sessions.len() {
            herd.sessions[at].connect(Instant::EPOCH);
            herd.act(at, Instant::EPOCH);
            assert_eq!(herd.sessions[at].state(), State::Open);
        }
        herd.pass(GONE);
        herd.attempts.clear();
        herd
    }

    fn act(&mut self, at: usize, now: Instant) {
        while self.sessions[at].poll_event().is_some() {}
        while let Some(action) = self.sessions[at].poll_action() {
            let Action::Connect(attempt) = action else { continue };
            self.attempts.push(now);
            if self.is_up {
                self.open(at, attempt, now);
            } else {
                self.sessions[at].failed(now, attempt, ConnectFailure::Refused);
            }
            while self.sessions[at].poll_event().is_some() {}
        }
        let due = self.sessions[at].poll_timeout();
        if let Some(before) = mem::replace(&mut self.due_of[at], due) {
            self.due.remove(&(before, at));
        }
        self.due.extend(due.map(|due| (due, at)));
    }

    fn open(&mut self, at: usize, attempt: Attempt, now: Instant) {
        let session = &mut self.sessions[at];
        let request = Request::parse("ws://example.com/").expect("a request");
        assert!(session.opened(now, attempt, &request, random(at as u64)));
        let request = session.send_buffer().chunk().to_vec();
        session.sent(now, request.len());
        let mut server = ServerHandshake::new(Limits::DEFAULT, now);
        server.receive(now, &request);
        let incoming = server.request(now).expect("a request in order");
        let accepted = incoming.accept(&Acceptance::new(), now).expect("acceptable");
        session.receive(now, accepted.outbox.chunk());
    }

    /// Every timer until then, each when it is due.
    fn pass(&mut self, end: Instant) {
        while let Some((due, at)) = self.due.first().copied().filter(|(due, _)| *due <= end) {
            self.sessions[at].handle_timeout(due);
            self.act(at, due);
        }
    }

    fn each(&mut self, mut what: impl FnMut(&mut Session)) {
        for at in 0..self.sessions.len() {
            what(&mut self.sessions[at]);
            self.act(at, GONE);
        }
    }
}

/// How many attempts began in each tenth of `window` from `start`.
fn tenths(attempts: &[Instant], start: Instant, window: Duration) -> [usize; 10] {
    let mut tenths = [0; 10];
    for attempt in attempts {
        let at = attempt.saturating_since(start).as_nanos() * 10 / window.as_nanos();
        if let Ok(at) = usize::try_from(at)
            && let Some(tenth) = tenths.get_mut(at)
        {
            *tenth += 1;
        }
    }
    tenths
}

fn print(title: &str, tenths: &[usize; 10], from: Duration, window: Duration) {
    println!("{title}");
    for (n, count) in tenths.iter().enumerate() {
        let start = from + window * n as u32 / 10;
        println!("{:5.1} s {count:5} {}", start.as_secs_f64(), "#".repeat(count / 5));
    }
}

/// Nobody comes when most do: no tenth has more than twice its share, or less than half.
fn check(tenths: &[usize; 10]) {
    let share = SESSIONS as usize / 10;
    assert_eq!(tenths.iter().sum::<usize>(), SESSIONS as usize, "all come within the window");
    assert!(tenths.iter().all(|count| (share / 2..=2 * share).contains(count)), "{tenths:?}");
}

#[test]
fn a_server_that_vanishes_is_come_back_to_over_the_whole_window() {
    let mut herd = Herd::connected();
    herd.each(|session| session.receive_failed(GONE, TransportFailure::Reset));
    let window = SessionConfig::DEFAULT.backoff.first;
    herd.pass(GONE + window);
    let tenths = tenths(&herd.attempts, GONE, window);
    print("Attempts of 1,000 sessions after a reset:", &tenths, Duration::ZERO, window);
    check(&tenths);
    assert!(herd.sessions.iter().all(|session| session.state() == State::Open));
}

#[test]
fn a_server_that_says_1012_is_come_back_to_after_a_while_over_the_whole_window() {
    let mut herd = Herd::connected();
    herd.each(|session| {
        session.receive(GONE, &[0x88, 0x02, 0x03, 0xf4]);
        while session.poll_event().is_some() {}
        let reply = session.send_buffer().chunk().len();
        session.sent(GONE, reply);
        session.received_eof(GONE);
    });
    let (wait, window) = (Duration::from_secs(5), SessionConfig::DEFAULT.backoff.first);
    herd.pass(GONE + wait + window);
    let tenths = tenths(&herd.attempts, GONE + wait, window);
    print("Attempts of 1,000 sessions after 1012:", &tenths, wait, window);
    check(&tenths);
    assert!(herd.sessions.iter().all(|session| session.state() == State::Open));
}

#[test]
fn a_server_that_stays_away_for_two_minutes_is_come_back_to_without_a_rush() {
    let mut herd = Herd::connected();
    herd.is_up = false;
    herd.each(|session| session.receive_failed(GONE, TransportFailure::Reset));
    let back = GONE + Duration::from_secs(120);
    herd.pass(back);
    let while_away = herd.attempts.len();
    herd.attempts.clear();
    herd.is_up = true;
    let window = SessionConfig::DEFAULT.backoff.cap;
    herd.pass(back + window);
    let tenths = tenths(&herd.attempts, back, window);
    println!("{while_away} attempts in the two minutes without a server");
    print("Then, each the last that it takes:", &tenths, Duration::ZERO, window);
    assert!(while_away < 16 * SESSIONS as usize, "about a dozen each: {while_away}");
    assert_eq!(herd.attempts.len(), SESSIONS as usize);
    assert!(herd.sessions.iter().all(|session| session.state() == State::Open));
    // Who waits is somewhere within its delay, so the first tenths have more: but no rush.
    let share = SESSIONS as usize / 10;
    assert!(tenths.iter().all(|count| *count <= 3 * share), "{tenths:?}");
    for second in 0..30_u32 {
        let from = back + Duration::from_secs(1) * second;
        let within = |at: &&Instant| **at >= from && **at < from + Duration::from_secs(1);
        assert!(herd.attempts.iter().filter(within).count() < 100, "second {second}");
    }
}
