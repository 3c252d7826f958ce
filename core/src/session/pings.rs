use crate::connection::Connection;
use crate::rng::Rng;

/// The session's own pings on one connection: no two carry the same, and nobody else's do.
///
/// So whoever sends one back has read it, and all that was before it, whatever else was pinged or
/// answered: pings of the application's may well look alike.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pings {
    key: u64,
}

const TAG: [u8; 4] = *b"lw: ";

impl Pings {
    pub(super) fn draw(rng: &mut dyn Rng) -> Self {
        let mut key = [0; 8];
        rng.fill(&mut key);
        Self { key: u64::from_ne_bytes(key) }
    }

    /// Sends one, and says its number among the connection's.
    pub(super) fn send(self, connection: &mut Connection) -> Option<u64> {
        let number = connection.pings().saturating_add(1);
        let mut payload = [0; 12];
        if let Some((tag, rest)) = payload.split_first_chunk_mut() {
            *tag = TAG;
            rest.copy_from_slice(&(number ^ self.key).to_be_bytes());
        }
        connection.ping_for_session(&payload).is_ok().then_some(number)
    }

    /// The number of the one that a pong answers.
    pub(super) fn answered(self, connection: &Connection, pong: &[u8]) -> Option<u64> {
        let (tag, number) = pong.split_first_chunk()?;
        let number = u64::from_be_bytes(number.try_into().ok()?) ^ self.key;
        (*tag == TAG && (1..=connection.pings()).contains(&number)).then_some(number)
    }
}
