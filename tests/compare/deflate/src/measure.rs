//! CPU time in interleaved rounds, so that what disturbs the machine disturbs all alike.

use crate::crew::{Contender, Crew};

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub rounds: usize,
    /// CPU time of one contender in one round, at least one run.
    pub slice_ns: f64,
}

/// Nanoseconds of CPU time a message.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub best: f64,
    pub median: f64,
}

pub fn measure(
    crew: &mut Crew,
    contenders: &[Contender],
    plan: Plan,
) -> Result<Vec<Timing>, String> {
    let mut repeats = Vec::with_capacity(contenders.len());
    for contender in contenders {
        repeats.push(calibrate(crew, contender, plan)?);
    }
    let mut samples = vec![Vec::with_capacity(plan.rounds); contenders.len()];
    for _ in 0..plan.rounds {
        for (i, contender) in contenders.iter().enumerate() {
            let ns = crew.time(contender, repeats[i])?;
            samples[i].push(ns / (repeats[i] * contender.units) as f64);
        }
    }
    Ok(samples.into_iter().map(summary).collect())
}

fn summary(mut samples: Vec<f64>) -> Timing {
    samples.sort_by(f64::total_cmp);
    Timing { best: samples[0], median: samples[samples.len() / 2] }
}

/// How often to run within a slice. Also warms up what is measured.
fn calibrate(crew: &mut Crew, contender: &Contender, plan: Plan) -> Result<usize, String> {
    let mut repeats = 1;
    loop {
        let ns = crew.time(contender, repeats)?;
        if ns >= plan.slice_ns / 4.0 {
            return Ok(((repeats as f64 * plan.slice_ns / ns).ceil() as usize).max(1));
        }
        repeats *= 2;
    }
}
