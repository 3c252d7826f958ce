//! What is measured: four kinds of work, each from very little to very much.

use std::fs;

use crate::axis::Measure;
use crate::growth::Limit;
use crate::series::Unit;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Message,
    Connections,
    Room,
    Fragments,
}

/// One kind of work, and how its cost is shown and judged.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) work: Work,
    pub(crate) title: &'static str,
    pub(crate) amount: &'static str,
    pub(crate) amount_in: Measure,
    pub(crate) amounts: Vec<u64>,
    pub(crate) panels: [Panel; 2],
    pub(crate) limits: Vec<Limit>,
}

#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) measured_in: Measure,
    /// From which amount on it means something.
    pub(crate) from: u64,
    /// Which of the limits is drawn.
    pub(crate) limit: usize,
}

impl Work {
    pub(crate) const ALL: [Self; 4] =
        [Self::Message, Self::Connections, Self::Room, Self::Fragments];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|work| work.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Connections => "connections",
            Self::Room => "room",
            Self::Fragments => "fragments",
        }
    }

    /// As what the server is started.
    pub(crate) fn mode(self) -> &'static str {
        if self == Self::Room { "fanout" } else { "echo" }
    }
}

impl Sweep {
    pub(crate) fn new(work: Work, quick: bool) -> Self {
        match work {
            Work::Message => message(quick),
            Work::Connections => connections(quick),
            Work::Room => room(quick),
            Work::Fragments => fragments(quick),
        }
    }
}

fn message(quick: bool) -> Sweep {
    Sweep {
        work: Work::Message,
        title: "Echo of one message, by its size",
        amount: "message size",
        amount_in: Measure::Bytes,
        amounts: if quick {
            vec![16, 4 << 10, 64 << 10, 1 << 20, 4 << 20, 16 << 20]
        } else {
            (4..=20).step_by(2).chain(21..=26).map(|power| 1 << power).collect()
        },
        panels: [
            Panel {
                title: "server CPU a message",
                unit: Unit::Message,
                measured_in: Measure::Nanoseconds,
                from: 0,
                limit: 0,
            },
            Panel {
                title: "server CPU a byte",
                unit: Unit::Each,
                measured_in: Measure::Nanoseconds,
                from: 64 << 10,
                limit: 0,
            },
        ],
        // Raw TCP, which keeps 64 KiB whatever comes, takes up to twice as much a byte at 16 MiB and
        // more as at 1 MiB: what is under way no longer fits the cache. Who holds the message touches
        // it all once more. From 32 MiB on (the highest M_MMAP_THRESHOLD) glibc takes the space of
        // each message from the kernel and gives it back: a page fault for each 4 KiB, 2.5 times as
        // much again, and no more from there to 64 MiB. With the tunable
        // glibc.malloc.mmap_threshold=1073741824 that step is gone; peers that keep their buffers
        // spend as much on copying. Hence 4 below the step, and twice that across it. From 4 MiB on
        // nothing is used again, so what is left of the step is less: 6.
        limits: vec![
            Limit { unit: Unit::Each, each: "byte", from: 64 << 10, to: 64 << 20, factor: 8.0 },
            Limit { unit: Unit::Each, each: "byte", from: 64 << 10, to: 16 << 20, factor: 4.0 },
            Limit { unit: Unit::Each, each: "byte", from: 4 << 20, to: 64 << 20, factor: 6.0 },
        ],
    }
}

fn connections(quick: bool) -> Sweep {
    let most = if quick { 2000 } else { open_files().saturating_sub(SPARE_FILES).min(20_000) };
    Sweep {
        work: Work::Connections,
        title: "Echo of 128 bytes, one in flight on each connection, by their number",
        amount: "connections",
        amount_in: Measure::Number,
        amounts: up_to(most, &[1, 4, 16, 64, 256, 1000, 5000]),
        panels: [
            Panel {
                title: "server CPU a message",
                unit: Unit::Message,
                measured_in: Measure::Nanoseconds,
                from: 0,
                limit: 0,
            },
            Panel {
                title: "resident memory a connection",
                unit: Unit::Memory,
                measured_in: Measure::Bytes,
                from: FEWEST_TO_WEIGH,
                limit: 1,
            },
        ],
        limits: vec![
            // Raw TCP takes 1.9 times as much a message with 20,000 connections as with 64: sockets,
            // their buffers and timers come from memory then. A library's own state does, too.
            Limit { unit: Unit::Message, each: "message", from: 64, to: most, factor: 3.0 },
            // Nothing else that runs disturbs memory. Tables of sockets double all at once.
            Limit {
                unit: Unit::Memory,
                each: "connection",
                from: FEWEST_TO_WEIGH,
                to: most,
                factor: 1.5,
            },
        ],
    }
}

fn room(quick: bool) -> Sweep {
    let most = if quick { 1000 } else { 10_000 };
    Sweep {
        work: Work::Room,
        title: "One message of 128 bytes to all of a room, by its members",
        amount: "members",
        amount_in: Measure::Number,
        amounts: up_to(most, &[1, 4, 16, 64, 256, 1000, 4000]),
        panels: [
            Panel {
                title: "server CPU a message to all",
                unit: Unit::Message,
                measured_in: Measure::Nanoseconds,
                from: 0,
                limit: 0,
            },
            Panel {
                title: "server CPU a member told",
                unit: Unit::Each,
                measured_in: Measure::Nanoseconds,
                from: 0,
                limit: 0,
            },
        ],
        // As with connections: with more of them than the cache holds, each socket is cold.
        limits: vec![Limit { unit: Unit::Each, each: "member", from: 16, to: most, factor: 3.0 }],
    }
}

fn fragments(quick: bool) -> Sweep {
    Sweep {
        work: Work::Fragments,
        title: "Echo of one message of 1 MiB, by the fragments it comes in",
        amount: "fragments",
        amount_in: Measure::Number,
        amounts: if quick {
            vec![1, 256, 4096, MOST_FRAGMENTS]
        } else {
            vec![1, 4, 16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, MOST_FRAGMENTS]
        },
        panels: [
            Panel {
                title: "server CPU a message",
                unit: Unit::Message,
                measured_in: Measure::Nanoseconds,
                from: 0,
                limit: 1,
            },
            Panel {
                title: "server CPU a fragment",
                unit: Unit::Each,
                measured_in: Measure::Nanoseconds,
                from: 256,
                limit: 1,
            },
        ],
        limits: vec![
            Limit {
                unit: Unit::Each,
                each: "fragment",
                from: 256,
                to: MOST_FRAGMENTS,
                factor: 2.0,
            },
            // Without what the bytes of the message cost, which hides all that fewer of them do. From
            // 4096 on there is enough of it to tell from noise, just: a third of the message.
            Limit {
                unit: Unit::Further,
                each: "further fragment",
                from: 4096,
                to: MOST_FRAGMENTS,
                factor: 3.0,
            },
        ],
    }
}

fn up_to(most: u64, steps: &[u64]) -> Vec<u64> {
    let mut amounts: Vec<_> = steps.iter().copied().filter(|step| *step < most).collect();
    amounts.push(most);
    amounts
}

/// How many files this process, and so the servers it starts, may have open.
fn open_files() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_ascii_whitespace().next());
    soft.and_then(|soft| soft.parse().ok()).unwrap_or(u64::MAX)
}

/// The most that the client sends.
const MOST_FRAGMENTS: u64 = 65_536;
/// What else than connections a server has open.
const SPARE_FILES: u64 = 100;
/// Of fewer connections the memory is lost between the pages that the allocator takes at a time.
const FEWEST_TO_WEIGH: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::NAMES;

    #[test]
    fn each_sweep_goes_up_and_leaves_points_to_judge() {
        for (work, quick) in Work::ALL.into_iter().flat_map(|work| [(work, false), (work, true)]) {
            let sweep = Sweep::new(work, quick);
            assert_eq!(Work::named(work.name()), Some(work));
            assert!(sweep.amounts.is_sorted_by(|a, b| a < b));
            for limit in &sweep.limits {
                assert!(
                    sweep.amounts.iter().filter(|x| (limit.from..=limit.to).contains(x)).count()
                        >= 2
                );
                assert!(limit.factor > 1.0);
            }
            assert!(sweep.panels.iter().all(|panel| panel.limit < sweep.limits.len()));
        }
        assert_eq!(Sweep::new(Work::Message, false).amounts.last(), Some(&(64 << 20)));
        assert_eq!(Sweep::new(Work::Message, false).amounts.first(), Some(&16));
        assert!(NAMES.iter().any(|name| crate::servers::is_ours(name)));
    }
}
