//! What is measured: Longwire's work in process, without sockets, each piece with its own check.

mod echo;
mod handshake;
mod heartbeat;
mod kernel;
mod receive;
mod send;
mod wire;

/// What came of the work. It is counted while the work is done and judged afterwards, so that a
/// path that is broken cannot look fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Messages, handshakes or pongs.
    pub(crate) events: u64,
    /// Bytes of payload received, or bytes of frames sent.
    pub(crate) bytes: u64,
}

impl Outcome {
    const fn times(self, n: u64) -> Self {
        Self { events: self.events * n, bytes: self.bytes * n }
    }
}

/// A scenario that is set up.
pub(crate) trait Work {
    /// Does the work so many times.
    fn run(&mut self, iterations: u64) -> Outcome;

    /// Does it once and compares every byte that comes of it.
    fn verify(&mut self);
}

/// A piece of work to measure.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What one operation is.
    pub(crate) operation: &'static str,
    /// How many operations an iteration is.
    pub(crate) operations: u64,
    /// Iterations of some milliseconds: enough to be past everything that happens once.
    pub(crate) iterations: u64,
    /// What comes of one iteration.
    pub(crate) outcome: Outcome,
    pub(crate) set_up: fn() -> Box<dyn Work>,
}

impl Scenario {
    /// Sets the scenario up and verifies it once.
    pub(crate) fn prepare(&'static self) -> Prepared {
        let mut work = (self.set_up)();
        work.verify();
        Prepared { scenario: self, work }
    }
}

/// A scenario that is ready to be measured.
pub(crate) struct Prepared {
    pub(crate) scenario: &'static Scenario,
    work: Box<dyn Work>,
}

impl Prepared {
    /// Runs it.
    ///
    /// # Panics
    ///
    /// If anything else came of it than should.
    pub(crate) fn run(&mut self, iterations: u64) {
        let outcome = self.work.run(iterations);
        let expected = self.scenario.outcome.times(iterations);
        assert_eq!(outcome, expected, "{}: {iterations} iterations", self.scenario.name);
    }
}

/// Runs every scenario once and compares what comes of it.
pub(crate) fn verify_all() {
    for scenario in ALL {
        scenario.prepare().run(3);
        println!("{}: as it should be", scenario.name);
    }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Every scenario.
pub(crate) static ALL: &[Scenario] = &[
    Scenario {
        name: "decode-binary-16",
        operation: "masked binary, 16 B, 64 in a read",
        operations: 64,
        iterations: 1_000,
        outcome: Outcome { events: 64, bytes: 64 * 16 },
        set_up: receive::binary_16,
    },
    Scenario {
        name: "decode-text-128",
        operation: "masked text, 128 B, 64 in a read",
        operations: 64,
        iterations: 500,
        outcome: Outcome { events: 64, bytes: 64 * 128 },
        set_up: receive::text_128,
    },
    Scenario {
        name: "decode-text-1k",
        operation: "masked text, 1 KiB, one in a read",
        operations: 1,
        iterations: 10_000,
        outcome: Outcome { events: 1, bytes: KIB },
        set_up: receive::text_1k,
    },
    Scenario {
        name: "decode-mixed-1k",
        operation: "masked text of many scripts, 1 KiB, one in a read",
        operations: 1,
        iterations: 3_000,
        outcome: Outcome { events: 1, bytes: KIB },
        set_up: receive::mixed_1k,
    },
    Scenario {
        name: "decode-binary-16k",
        operation: "masked binary, 16 KiB, one in a read",
        operations: 1,
        iterations: 2_000,
        outcome: Outcome { events: 1, bytes: 16 * KIB },
        set_up: receive::binary_16k,
    },
    Scenario {
        name: "decode-binary-1m",
        operation: "masked binary, 1 MiB, at most 64 KiB in a read",
        operations: 1,
        iterations: 20,
        outcome: Outcome { events: 1, bytes: MIB },
        set_up: receive::binary_1m,
    },
    Scenario {
        name: "decode-fragments",
        operation: "a fragment of 64 B, of 1,024 that are one masked text of many scripts",
        operations: 1_024,
        iterations: 20,
        outcome: Outcome { events: 1, bytes: 64 * KIB },
        set_up: receive::fragments,
    },
    Scenario {
        name: "decode-fragments-16",
        operation: "a fragment of 16 B, of 1,024 that are one masked binary",
        operations: 1_024,
        iterations: 20,
        outcome: Outcome { events: 1, bytes: 16 * KIB },
        set_up: receive::fragments_16,
    },
    Scenario {
        name: "ping",
        operation: "masked ping, 8 B, taken and answered",
        operations: 1,
        iterations: 10_000,
        outcome: Outcome { events: 1, bytes: 10 },
        set_up: receive::ping,
    },
    Scenario {
        name: "encode-server-128",
        operation: "binary, 128 B, 64 in a write",
        operations: 64,
        iterations: 500,
        outcome: Outcome { events: 64, bytes: 64 * 132 },
        set_up: send::server_128,
    },
    Scenario {
        name: "encode-server-16k",
        operation: "shared binary, 16 KiB, 4 in a write",
        operations: 4,
        iterations: 5_000,
        outcome: Outcome { events: 4, bytes: 4 * (16 * KIB + 4) },
        set_up: send::server_16k,
    },
    Scenario {
        name: "encode-server-1m",
        operation: "shared binary, 1 MiB, in frames of 64 KiB",
        operations: 1,
        iterations: 1_000,
        outcome: Outcome { events: 1, bytes: MIB + 16 * 10 },
        set_up: send::server_1m,
    },
    Scenario {
        name: "encode-client-128",
        operation: "masked binary, 128 B, 64 in a write",
        operations: 64,
        iterations: 500,
        outcome: Outcome { events: 64, bytes: 64 * 136 },
        set_up: send::client_128,
    },
    Scenario {
        name: "encode-client-1k",
        operation: "masked binary, 1 KiB, 64 in a write",
        operations: 64,
        iterations: 200,
        outcome: Outcome { events: 64, bytes: 64 * (KIB + 8) },
        set_up: send::client_1k,
    },
    Scenario {
        name: "encode-client-1m",
        operation: "shared binary, masked, 1 MiB, in frames of 64 KiB",
        operations: 1,
        iterations: 20,
        outcome: Outcome { events: 1, bytes: MIB + 16 * 14 },
        set_up: send::client_1m,
    },
    Scenario {
        name: "echo-16",
        operation: "binary, 16 B, 64 in a read, answered through the driver",
        operations: 64,
        iterations: 500,
        outcome: Outcome { events: 64, bytes: 64 * 18 },
        set_up: echo::binary_16,
    },
    Scenario {
        name: "handshake-server",
        operation: "a browser's request, answered, with the connection",
        operations: 1,
        iterations: 300,
        outcome: Outcome { events: 1, bytes: 129 },
        set_up: handshake::server,
    },
    Scenario {
        name: "handshake-client",
        operation: "request, answer verified, with the connection",
        operations: 1,
        iterations: 300,
        outcome: Outcome { events: 1, bytes: 166 },
        set_up: handshake::client,
    },
    Scenario {
        name: "heartbeat",
        operation: "alarm, ping out, pong in, buffers given back",
        operations: 1,
        iterations: 5_000,
        outcome: Outcome { events: 1, bytes: 10 },
        set_up: heartbeat::idle,
    },
    Scenario {
        name: "mask-1k",
        operation: "1 KiB, off by three bytes",
        operations: 1,
        iterations: 20_000,
        outcome: Outcome { events: 1, bytes: KIB },
        set_up: kernel::mask,
    },
    Scenario {
        name: "utf8-16k",
        operation: "16 KiB of many scripts, in pieces of 1,000 B",
        operations: 1,
        iterations: 200,
        outcome: Outcome { events: 17, bytes: 16 * KIB },
        set_up: kernel::utf8,
    },
];
