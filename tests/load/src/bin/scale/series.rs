//! What was measured: for each server a sample at each amount of work.

/// What one message costs the server at some amount of work. Of several the best counts: whatever
/// else runs on the machine can only add.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// CPU time for one message, or for one message to all of a room.
    pub(crate) cpu_ns: f64,
    /// By how much the server's resident memory has grown for all of the work.
    pub(crate) resident: Option<f64>,
}

/// What is counted per piece of work, `x` being how much work there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// CPU time for a message.
    Message,
    /// CPU time for a message, by `x`.
    Each,
    /// CPU time for a message beyond what it takes with the least `x`, by `x`.
    Further,
    /// Resident memory by `x`.
    Memory,
}

/// One server's samples, in the order of the amounts of work.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) server: &'static str,
    points: Vec<(u64, Option<Sample>)>,
}

impl Sample {
    fn best(self, other: Self) -> Self {
        let resident = match (self.resident, other.resident) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
        Self { cpu_ns: self.cpu_ns.min(other.cpu_ns), resident }
    }
}

impl Series {
    pub(crate) fn new(server: &'static str, amounts: &[u64]) -> Self {
        Self { server, points: amounts.iter().map(|x| (*x, None)).collect() }
    }

    pub(crate) fn add(&mut self, x: u64, sample: Sample) {
        if let Some((_, best)) = self.points.iter_mut().find(|(at, _)| *at == x) {
            *best = Some(best.map_or(sample, |best| best.best(sample)));
        }
    }

    /// In this unit at this amount, if it was measured.
    pub(crate) fn value(&self, unit: Unit, x: u64) -> Option<f64> {
        let sample = self.points.iter().find(|(at, _)| *at == x)?.1?;
        match unit {
            Unit::Message => Some(sample.cpu_ns),
            Unit::Each => Some(sample.cpu_ns / x as f64),
            Unit::Further => {
                let (least, first) = self.least()?;
                (x > least).then(|| (sample.cpu_ns - first) / (x - least) as f64)
            }
            Unit::Memory => Some(sample.resident? / x as f64),
        }
    }

    /// All that were measured, in this unit. What is not above zero is less than can be measured.
    pub(crate) fn values(&self, unit: Unit) -> impl Iterator<Item = (u64, f64)> + '_ {
        self.points
            .iter()
            .filter_map(move |(x, _)| Some((*x, self.value(unit, *x)?)))
            .filter(|(_, value)| *value > 0.0)
    }

    /// The least amount of work, and what a message costs there.
    pub(crate) fn least(&self) -> Option<(u64, f64)> {
        let (x, sample) = self.points.first()?;
        Some((*x, (*sample)?.cpu_ns))
    }
}

#[cfg(test)]
pub(crate) fn series(server: &'static str, cpu_ns: &[(u64, f64)]) -> Series {
    let amounts: Vec<_> = cpu_ns.iter().map(|(x, _)| *x).collect();
    let mut series = Series::new(server, &amounts);
    for (x, cpu_ns) in cpu_ns {
        series.add(*x, Sample { cpu_ns: *cpu_ns, resident: None });
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_counts_in_each_unit() {
        let mut series = Series::new("it", &[1, 4, 16]);
        series.add(1, Sample { cpu_ns: 100.0, resident: Some(50.0) });
        series.add(4, Sample { cpu_ns: 190.0, resident: Some(40.0) });
        series.add(4, Sample { cpu_ns: 160.0, resident: Some(80.0) });
        series.add(4, Sample { cpu_ns: 170.0, resident: None });
        assert_eq!(series.value(Unit::Message, 4), Some(160.0));
        assert_eq!(series.value(Unit::Each, 4), Some(40.0));
        assert_eq!(series.value(Unit::Further, 4), Some(20.0));
        assert_eq!(series.value(Unit::Further, 1), None);
        assert_eq!(series.value(Unit::Memory, 4), Some(10.0));
        assert_eq!(series.value(Unit::Message, 16), None);
        assert_eq!(series.values(Unit::Each).collect::<Vec<_>>(), [(1, 100.0), (4, 40.0)]);
        series.add(16, Sample { cpu_ns: 90.0, resident: None });
        assert_eq!(series.values(Unit::Further).count(), 1);
    }
}
