//! CPU time of this thread, in interleaved rounds.

use rustix::time::{ClockId, clock_gettime};

/// One implementation, doing one row's work.
pub struct Contender {
    pub name: &'static str,
    pub rank: Rank,
    /// Messages a call of `run`.
    pub units: usize,
    pub run: Box<dyn FnMut()>,
    /// Writes a message, where anything is written.
    pub writes: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// Not a WebSocket, but a limit.
    Yardstick,
    Longwire,
    Peer,
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Each with its memory somewhere else: that alone moves some figures by a third.
    pub processes: usize,
    /// Of each process.
    pub rounds: usize,
    /// CPU time of one contender in one round.
    pub slice_ns: f64,
}

/// Nanoseconds of CPU time a message.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub best: f64,
    pub median: f64,
}

/// Measures all of them, round by round, so that what disturbs the machine disturbs all alike: nanoseconds
/// a message, of each contender and in each round.
pub fn measure(contenders: &mut [Contender], plan: Plan) -> Vec<Vec<f64>> {
    let repeats: Vec<usize> = contenders.iter_mut().map(|it| calibrate(it, plan)).collect();
    let mut samples = vec![Vec::with_capacity(plan.rounds); contenders.len()];
    for _ in 0..plan.rounds {
        for (i, contender) in contenders.iter_mut().enumerate() {
            let ns = time(contender, repeats[i]);
            samples[i].push(ns / (repeats[i] * contender.units) as f64);
        }
    }
    samples
}

impl Timing {
    /// Of at least one sample.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self { best: samples[0], median: samples[samples.len() / 2] }
    }
}

/// How often to run within a slice. Also warms up what is measured.
fn calibrate(contender: &mut Contender, plan: Plan) -> usize {
    let mut repeats = 1;
    loop {
        let ns = time(contender, repeats);
        if ns >= plan.slice_ns / 4.0 {
            let fitting = (repeats as f64 * plan.slice_ns / ns).ceil() as usize;
            return fitting.max(1);
        }
        repeats *= 2;
    }
}

fn time(contender: &mut Contender, repeats: usize) -> f64 {
    let start = thread_ns();
    for _ in 0..repeats {
        (contender.run)();
    }
    thread_ns() - start
}

fn thread_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
