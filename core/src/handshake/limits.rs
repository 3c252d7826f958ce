use crate::time::Duration;

/// Limits of the opening handshake.
///
/// Every limit is inclusive (a head of exactly `head_bytes` passes) and none can be absent:
/// unlimited is a number that somebody wrote down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest head accepted, in bytes, from the first of the start line to the empty line
    /// included. A server answers 431 beyond it; a client counts interim responses in. 16 KiB.
    pub head_bytes: usize,
    /// The longest request line accepted, in bytes, without its line end; 414. 8 KiB.
    pub request_line: usize,
    /// The most header lines accepted; 431. 96.
    pub header_lines: usize,
    /// How long the whole handshake may take, from its creation to the last byte of the head; 408.
    /// No read postpones it (a peer may drip bytes). 10 s.
    pub deadline: Duration,
    /// How much of a refusal's body a client keeps, in bytes; the rest is cut off, and
    /// [`Response::body_truncated`](super::Response::body_truncated) says so. 4 KiB.
    pub error_body: usize,
    /// How long a server's refusal, or ordinary answer, may take to leave. 30 s.
    pub answer: Duration,
    /// How long a server goes on reading after its refusal has left, so that the answer is not
    /// destroyed by a reset. 1 s.
    pub drain: Duration,
    /// How many bytes it reads and drops meanwhile. 64 KiB.
    pub drain_bytes: usize,
}

const KIB: usize = 1024;

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        head_bytes: 16 * KIB,
        request_line: 8 * KIB,
        header_lines: 96,
        deadline: Duration::from_secs(10),
        error_body: 4 * KIB,
        answer: Duration::from_secs(30),
        drain: Duration::from_secs(1),
        drain_bytes: 64 * KIB,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
