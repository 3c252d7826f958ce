//! The status line: how the connection is, in one line of whatever width there is.

use std::time::Duration;

use longwire::session::State;

use super::text::{columns, fit};

/// What the status line shows, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) state: State,
    /// Attempts begun so far: the number of the latest.
    pub(crate) attempts: u64,
    /// In how much time the next one begins, if one is waited for.
    pub(crate) retry_in: Option<Duration>,
    /// Which one it is since a connection was last stable.
    pub(crate) retry: u32,
    pub(crate) most_retries: Option<u32>,
    pub(crate) round_trip: Option<Duration>,
    /// Messages without an outcome.
    pub(crate) queued: usize,
    pub(crate) buffered: usize,
}

/// What is to be thought of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Good,
    Busy,
    Bad,
}

impl Snapshot {
    pub(crate) const fn mood(&self) -> Mood {
        match self.state {
            State::Open => Mood::Good,
            State::Connecting | State::Waiting | State::Closing => Mood::Busy,
            State::Idle | State::Offline | State::Suspended | State::Stopped | _ => Mood::Bad,
        }
    }

    /// The line, at most `width` columns wide: what matters least is left out first.
    pub(crate) fn line(&self, width: usize) -> String {
        let mut parts = self.parts();
        loop {
            let line = parts.iter().map(|(_, part)| part.as_str()).collect::<Vec<_>>().join(" · ");
            let line = format!("● {line}");
            if columns(&line) <= width || parts.len() == 1 {
                return fit(&line, width);
            }
            let least = parts.iter().enumerate().max_by_key(|(_, (rank, _))| *rank);
            let index = least.map_or(0, |(index, _)| index);
            parts.remove(index);
        }
    }

    /// Each with its rank, the most important lowest.
    fn parts(&self) -> Vec<(u8, String)> {
        let mut parts = vec![(0, self.state_name().to_owned())];
        if let Some(retry_in) = self.retry_in {
            parts.push((1, format!("next try in {} s", seconds_up(retry_in))));
            let most = self.most_retries.map(|most| format!(" of {most}")).unwrap_or_default();
            parts.push((4, format!("retry {}{most}", self.retry)));
        } else if self.attempts > 0 {
            parts.push((4, format!("attempt {}", self.attempts)));
        }
        if let Some(round_trip) = self.round_trip.filter(|_| self.state == State::Open) {
            parts.push((3, format!("round trip {}", time(round_trip))));
        }
        if self.queued > 0 {
            parts.push((2, format!("queue {}", self.queued)));
            parts.push((5, format!("{} to send", bytes(self.buffered))));
        } else {
            parts.push((6, String::from("queue empty")));
        }
        parts
    }

    const fn state_name(&self) -> &'static str {
        match self.state {
            State::Idle => "idle",
            State::Connecting => "connecting",
            State::Open => "connected",
            State::Closing => "closing",
            State::Waiting => "waiting",
            State::Offline => "offline",
            State::Suspended => "suspended",
            State::Stopped => "stopped",
            _ => "somewhere",
        }
    }
}

/// Whole seconds, and never 0 of what is still to come.
fn seconds_up(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1)
}

/// To about three digits.
pub(crate) fn time(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1_000.0;
    match time.as_micros() {
        0..10_000 => format!("{ms:.2} ms"),
        10_000..1_000_000 => format!("{ms:.0} ms"),
        1_000_000..100_000_000 => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{} s", time.as_secs()),
    }
}

pub(crate) fn bytes(n: usize) -> String {
    match n {
        0..10_000 => format!("{n} B"),
        10_000..10_000_000 => format!("{} KiB", n / 1_024),
        _ => format!("{} MiB", n / (1 << 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Snapshot = Snapshot {
        state: State::Open,
        attempts: 3,
        retry_in: None,
        retry: 0,
        most_retries: None,
        round_trip: Some(Duration::from_micros(420)),
        queued: 0,
        buffered: 0,
    };

    const WAITING: Snapshot = Snapshot {
        state: State::Waiting,
        retry_in: Some(Duration::from_millis(2_100)),
        retry: 4,
        most_retries: Some(10),
        queued: 2,
        buffered: 34,
        ..OPEN
    };

    #[test]
    fn everything_is_shown_where_there_is_room() {
        assert_eq!(OPEN.line(80), "● connected · attempt 3 · round trip 0.42 ms · queue empty");
        assert_eq!(
            WAITING.line(80),
            "● waiting · next try in 3 s · retry 4 of 10 · queue 2 · 34 B to send"
        );
    }

    #[test]
    fn what_matters_least_goes_first() {
        assert_eq!(WAITING.line(60), "● waiting · next try in 3 s · retry 4 of 10 · queue 2");
        assert_eq!(WAITING.line(40), "● waiting · next try in 3 s · queue 2");
        assert_eq!(WAITING.line(30), "● waiting · next try in 3 s");
        assert_eq!(WAITING.line(15), "● waiting");
        assert_eq!(WAITING.line(6), "● wai…");
        for width in 0..100 {
            assert!(columns(&WAITING.line(width)) <= width);
        }
    }

    #[test]
    fn a_try_that_is_to_come_is_never_in_0_s() {
        for (time, shown) in [(0, 1), (1, 1), (999, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(seconds_up(Duration::from_millis(time)), shown);
        }
    }

    #[test]
    fn times_and_sizes_are_short() {
        let shown = [420, 9_999, 10_000, 250_400, 1_500_000, 99_900_000, 3_600_000_000];
        assert_eq!(
            shown.map(|us| time(Duration::from_micros(us))),
            ["0.42 ms", "10.00 ms", "10 ms", "250 ms", "1.5 s", "99.9 s", "3600 s"]
        );
        assert_eq!([34, 20_480, 33_554_432].map(bytes), ["34 B", "20 KiB", "32 MiB"]);
    }
}
