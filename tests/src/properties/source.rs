use longwire::connection::{Heartbeat, Lifetime, Receive};
use longwire::deflate::{Deflate, WindowBits};
use longwire::time::Duration;
use longwire::{CloseCode, Config, DataKind, Role};

/// Choices, decoded from bytes. Once they are used up, every choice is the first one.
#[derive(Clone, Debug)]
pub struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    /// Choices made by `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether no more bytes are left to choose by.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    /// A number below `end`, which is from 1 to 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// Yes or no; no, once nothing is left.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// One of `choices`, which are not empty.
    pub fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// The next two bytes.
    pub fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// Up to `n` of the next bytes as they are.
    pub fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Everything that is left.
    pub const fn rest(&mut self) -> &'a [u8] {
        let rest = self.0;
        self.0 = &[];
        rest
    }

    /// How many bytes to move: often one, now and then as many as there are.
    pub fn amount(&mut self) -> usize {
        match self.byte() {
            n @ 0..=199 => usize::from(n) + 1,
            n @ 200..=239 => (usize::from(n) - 199) * 199,
            _ => usize::MAX,
        }
    }

    /// A length, mostly small, often one at which something changes.
    pub fn length(&mut self) -> usize {
        const EDGES: [usize; 16] =
            [0, 1, 2, 125, 126, 127, 128, 1000, 2033, 2034, 2035, 4095, 4096, 4097, 5000, 9000];
        match self.byte() {
            n @ 0..=127 => usize::from(n),
            n @ 128..=249 => EDGES[usize::from(n) % 16],
            n => [20_000, 65_535, 65_536, 70_000][usize::from(n) % 4],
        }
    }

    /// The length of a message of which many frames go ahead.
    pub fn long_length(&mut self) -> usize {
        self.choose(&[300_000, 400_000, 700_000])
    }

    /// A time in which deadlines pass; now and then a clock that jumps.
    pub fn pause(&mut self) -> Duration {
        match self.byte() {
            n @ 0..=239 => Duration::from_secs(u64::from(n) % 40),
            _ => Duration::from_secs(7200),
        }
    }

    /// A kind of message.
    pub fn kind(&mut self) -> DataKind {
        if self.flag() { DataKind::Binary } else { DataKind::Text }
    }

    /// A code that may be sent.
    pub fn close_code(&mut self) -> CloseCode {
        let code = self.choose(&[1000, 1001, 1008, 1011, 1014, 3000, 4999]);
        CloseCode::from_wire(code).unwrap_or(CloseCode::NORMAL)
    }

    /// Limits small enough to be reached, and timers that may be off.
    pub fn config(&mut self, role: Side) -> Config {
        let mut config = match role {
            Side::Client => Config::client(),
            Side::Server => Config::server(),
        };
        let (sizes, timers) = (self.byte(), self.byte());
        if sizes & 1 != 0 {
            config.receive = Receive::Pieces;
        }
        config.receive_buffer = if sizes & 2 != 0 { 4096 } else { 64 << 10 };
        if sizes & 4 != 0 {
            (config.send_soft_limit, config.send_hard_limit) = (500, 3000);
        }
        if sizes & 8 != 0 {
            config.fragment_size = 125 + usize::from(sizes);
        }
        if timers & 1 != 0 {
            config.heartbeat =
                Some(Heartbeat::new(Duration::from_secs(20), Duration::from_secs(7)));
        }
        if timers & 2 != 0 {
            config.message_timeout = Some(Duration::from_secs(9));
        }
        if timers & 4 != 0 {
            let code = CloseCode::SERVICE_RESTART;
            config.max_lifetime = Some(Lifetime { after: Duration::from_secs(100), code });
        }
        config
    }
}

/// What two ends may have agreed on.
impl Source<'_> {
    /// An agreement of theirs.
    pub fn deflate(&mut self) -> Deflate {
        let mut deflate = Deflate::DEFAULT;
        let (flags, windows) = (self.byte(), self.byte());
        deflate.server_no_context_takeover = flags & 1 != 0;
        deflate.client_no_context_takeover = flags & 2 != 0;
        let bits = |n: u8| WindowBits::new(8 + n % 8).expect("from 8 to 15");
        deflate.server_max_window_bits = bits(windows);
        deflate.client_max_window_bits = bits(windows >> 4);
        deflate.threshold = if flags & 4 != 0 { 0 } else { 100 };
        deflate.level = flags >> 4;
        deflate.memory_level = 1 + (windows >> 3) % 9;
        deflate
    }
}

/// Which end of a connection is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that masks.
    Client,
    /// The other one.
    Server,
}

impl Side {
    /// The role, with keys that only look random.
    #[must_use]
    pub fn role(self, seed: u64) -> Role {
        match self {
            Self::Client => {
                let mut lcg = Lcg(seed);
                Role::client(move |dest: &mut [u8]| {
                    dest.iter_mut().for_each(|byte| *byte = lcg.draw() as u8);
                })
            }
            Self::Server => Role::Server,
        }
    }

    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A generator of numbers that are the same every time.
#[derive(Clone, Debug)]
pub struct Lcg(pub u64);

impl Lcg {
    /// The next number.
    pub fn draw(&mut self) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        self.draw() % end
    }
}
