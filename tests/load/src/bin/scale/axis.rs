//! A logarithmic axis: its range, its ticks, and what they are called.

/// What numbers are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Bytes,
    Nanoseconds,
    Number,
}

/// From a value to a place on the drawing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    measure: Measure,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Measure {
    /// A value as people say it, with no more digits than it takes to tell apart.
    pub(crate) fn say(self, value: f64) -> String {
        match self {
            Self::Bytes => in_units(value, 1024.0, &["B", "KiB", "MiB", "GiB"]),
            Self::Nanoseconds => in_units(value, 1000.0, &["ns", "µs", "ms", "s"]),
            Self::Number => grouped(value),
        }
    }
}

impl Axis {
    /// From the least to the greatest value, drawn between two places.
    pub(crate) fn spanning(measure: Measure, values: &[u64], places: (f64, f64)) -> Self {
        let (low, high) = (values.first().unwrap_or(&1), values.last().unwrap_or(&1));
        let (low, high) = (*low as f64, *high as f64);
        let high = if high > low { high } else { low * 10.0 };
        Self { measure, low, high, from: places.0, to: places.1 }
    }

    /// From the round value below the least to the one above the greatest.
    pub(crate) fn covering(
        measure: Measure,
        values: impl IntoIterator<Item = f64>,
        (from, to): (f64, f64),
    ) -> Self {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for value in values.into_iter().filter(|value| *value > 0.0) {
            low = low.min(value);
            high = high.max(value);
        }
        if high == 0.0 {
            (low, high) = (1.0, 10.0);
        }
        let round = round_values(measure, low, high);
        let low = round.iter().rfind(|value| **value <= low * 1.001).copied().unwrap_or(low);
        let high = round.iter().find(|value| **value >= high * 0.999).copied().unwrap_or(high);
        let high = if high > low { high } else { low * 10.0 };
        Self { measure, low, high, from, to }
    }

    pub(crate) fn place(&self, value: f64) -> f64 {
        let part = (value / self.low).log2() / (self.high / self.low).log2();
        self.from + part * (self.to - self.from)
    }

    /// Where the ticks are, and their labels.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        let (low, high) = (self.low * 0.999, self.high * 1.001);
        let values: Vec<f64> = match self.measure {
            Measure::Bytes => {
                let all = (high / low).log2();
                let step = [1, 2, 4, 8].into_iter().find(|step| all / (*step as f64) < 7.0);
                powers_of_two(step.unwrap_or(16))
            }
            Measure::Nanoseconds | Measure::Number if high / low < 200.0 => one_two_five(),
            Measure::Nanoseconds | Measure::Number => powers_of_ten(),
        };
        let within = values.into_iter().filter(|value| (low..=high).contains(value));
        within.map(|value| (self.place(value), self.measure.say(value))).collect()
    }
}

/// The values at which an axis may begin or end.
fn round_values(measure: Measure, low: f64, high: f64) -> Vec<f64> {
    match measure {
        Measure::Bytes => powers_of_two(1),
        Measure::Nanoseconds | Measure::Number if high / low < 1000.0 => one_two_five(),
        Measure::Nanoseconds | Measure::Number => powers_of_ten(),
    }
}

fn powers_of_two(step: usize) -> Vec<f64> {
    (-20..=60).step_by(step).map(|power| 2.0_f64.powi(power)).collect()
}

fn powers_of_ten() -> Vec<f64> {
    (-6..=15).map(|power| 10.0_f64.powi(power)).collect()
}

fn one_two_five() -> Vec<f64> {
    powers_of_ten().into_iter().flat_map(|power| [power, 2.0 * power, 5.0 * power]).collect()
}

fn in_units(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter();
    let mut unit = units.next();
    // What would be said as a whole step is said in the next unit.
    while value >= step * 0.9995 && units.len() > 0 {
        value /= step;
        unit = units.next();
    }
    format!("{} {}", digits(value), unit.unwrap_or(&""))
}

/// Three digits that count, and no zeros behind the point.
fn digits(value: f64) -> String {
    let places = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2 + (-value.log10().floor()).clamp(0.0, 6.0) as usize
    };
    let text = format!("{value:.places$}");
    if places == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// In groups of three.
fn grouped(value: f64) -> String {
    let text = digits(value);
    let whole = text.find('.').unwrap_or(text.len());
    let mut grouped = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && index < whole && (whole - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_said_as_people_do() {
        for (measure, value, said) in [
            (Measure::Bytes, 16.0, "16 B"),
            (Measure::Bytes, 65_536.0, "64 KiB"),
            (Measure::Bytes, 1.5 * 1024.0 * 1024.0, "1.5 MiB"),
            (Measure::Nanoseconds, 0.0123, "0.0123 ns"),
            (Measure::Nanoseconds, 0.1, "0.1 ns"),
            (Measure::Nanoseconds, 3456.0, "3.46 µs"),
            (Measure::Nanoseconds, 999.9, "1 µs"),
            (Measure::Nanoseconds, 100_000.0, "100 µs"),
            (Measure::Nanoseconds, 2e9, "2 s"),
            (Measure::Nanoseconds, 5e12, "5000 s"),
            (Measure::Number, 1.0, "1"),
            (Measure::Number, 19_900.0, "19,900"),
            (Measure::Number, 100_000.0, "100,000"),
            (Measure::Number, 1_000_000.0, "1,000,000"),
        ] {
            assert_eq!(measure.say(value), said);
        }
    }

    #[test]
    fn an_axis_covers_its_values_with_few_ticks() {
        for (measure, values) in [
            (Measure::Bytes, vec![16.0, 67_108_864.0]),
            (Measure::Bytes, vec![300.0, 140_000.0]),
            (Measure::Nanoseconds, vec![3400.0, 9000.0]),
            (Measure::Nanoseconds, vec![0.2, 4e7]),
            (Measure::Number, vec![1.0, 19_900.0]),
            (Measure::Number, vec![7.0]),
            (Measure::Number, vec![]),
            (Measure::Nanoseconds, vec![0.0, -3.0, 20.0, 30.0]),
        ] {
            let axis = Axis::covering(measure, values.iter().copied(), (400.0, 100.0));
            for value in values.iter().filter(|value| **value > 0.0) {
                let place = axis.place(*value);
                assert!((99.9..=400.1).contains(&place), "{measure:?} {values:?}: {place}");
            }
            let ticks = axis.ticks();
            assert!((2..=10).contains(&ticks.len()), "{measure:?} {values:?}: {ticks:?}");
            assert!(ticks.is_sorted_by(|a, b| a.0 > b.0));
        }
    }

    #[test]
    fn an_axis_that_spans_ends_with_its_values() {
        let axis = Axis::spanning(Measure::Number, &[256, 1000, 19_900], (0.0, 100.0));
        assert!(axis.place(256.0).abs() < 1e-9);
        assert!((axis.place(19_900.0) - 100.0).abs() < 1e-9);
        assert!(axis.ticks().iter().all(|(place, _)| (0.0..=100.0).contains(place)));
        assert!(axis.ticks().iter().any(|(_, label)| label == "10,000"));
        for values in [&[][..], &[7]] {
            assert!(Axis::spanning(Measure::Number, values, (0.0, 100.0)).place(7.0).is_finite());
        }
    }

    #[test]
    fn equal_ratios_are_equal_distances() {
        let axis = Axis::covering(Measure::Number, [1.0, 10_000.0], (0.0, 400.0));
        assert!((axis.place(10.0) - 100.0).abs() < 1e-9);
        assert!((axis.place(1000.0) - 300.0).abs() < 1e-9);
    }
}
