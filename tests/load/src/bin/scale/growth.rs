//! Nothing may grow faster than its work: each curve held against its own cheapest point.

use crate::axis::Measure;
use crate::series::{Series, Unit};

/// What a piece of work may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) unit: Unit,
    /// What the unit is, in words.
    pub(crate) each: &'static str,
    /// From which amount of work on. Below, what does not depend on the work covers the rest.
    pub(crate) from: u64,
    /// Up to which.
    pub(crate) to: u64,
    /// How many times what it costs at any smaller amount. Its reason stands where it is chosen.
    pub(crate) factor: f64,
}

/// The worst point of a curve.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Growth {
    pub(crate) server: &'static str,
    pub(crate) each: &'static str,
    /// Where it is cheapest before it is worst.
    pub(crate) cheapest: (u64, f64),
    pub(crate) worst: (u64, f64),
    pub(crate) factor: f64,
}

impl Limit {
    /// Where this curve has grown most, compared with what it cost with less work.
    ///
    /// # Errors
    ///
    /// If fewer than two points were measured: nothing can be said then, least of all that it is
    /// well.
    pub(crate) fn look(&self, series: &Series) -> Result<Growth, String> {
        let mut points = series.values(self.unit).filter(|(x, _)| self.covers(*x));
        let first = points.next();
        let (Some(mut cheapest), Some(second)) = (first, points.next()) else {
            return Err(format!(
                "{}, per {}: fewer than two points from {} up, nothing to compare",
                series.server, self.each, self.from
            ));
        };
        let mut growth = self.growth(series, cheapest, second);
        for point in std::iter::once(second).chain(points) {
            let here = self.growth(series, cheapest, point);
            if here.ratio() > growth.ratio() {
                growth = here;
            }
            if point.1 < cheapest.1 {
                cheapest = point;
            }
        }
        Ok(growth)
    }

    /// What a panel in `unit` shows at `x` if the work costs `times` its cheapest.
    pub(crate) fn expected(&self, series: &Series, unit: Unit, x: u64, times: f64) -> Option<f64> {
        let cheapest = series
            .values(self.unit)
            .filter(|(x, _)| self.covers(*x))
            .map(|(_, value)| value)
            .min_by(f64::total_cmp)?;
        let each = cheapest * times;
        if unit == self.unit {
            return self.covers(x).then_some(each);
        }
        let message = match self.unit {
            Unit::Each => self.covers(x).then_some(each * x as f64)?,
            Unit::Further => {
                let (least, first) = series.least()?;
                first + each * (x - least) as f64
            }
            Unit::Message | Unit::Memory => return None,
        };
        match unit {
            Unit::Message => Some(message),
            Unit::Each => Some(message / x as f64),
            Unit::Further | Unit::Memory => None,
        }
    }

    fn covers(&self, x: u64) -> bool {
        (self.from..=self.to).contains(&x)
    }

    fn growth(&self, series: &Series, cheapest: (u64, f64), worst: (u64, f64)) -> Growth {
        let (server, each, factor) = (series.server, self.each, self.factor);
        Growth { server, each, cheapest, worst, factor }
    }
}

impl Growth {
    pub(crate) fn ratio(&self) -> f64 {
        self.worst.1 / self.cheapest.1
    }

    pub(crate) fn is_too_much(&self) -> bool {
        self.ratio() > self.factor
    }

    /// In words, the amounts of work being of this kind.
    pub(crate) fn say(&self, amount_in: Measure) -> String {
        let Self { server, each, cheapest, worst, factor } = self;
        let amount = |x| amount_in.say(x as f64);
        format!(
            "{server}, per {each}: {:.2} times as much at {} as at {}, at most {factor} allowed",
            self.ratio(),
            amount(worst.0),
            amount(cheapest.0)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::series;

    const LIMIT: Limit = Limit { unit: Unit::Each, each: "byte", from: 10, to: 5000, factor: 3.0 };

    #[test]
    fn work_that_costs_its_share_is_well() {
        let line =
            series("it", &[(1, 50.0), (10, 100.0), (100, 500.0), (1000, 10_000.0), (9999, 1e9)]);
        let growth = LIMIT.look(&line).unwrap();
        assert!(!growth.is_too_much());
        assert_eq!((growth.cheapest, growth.worst), ((100, 5.0), (1000, 10.0)));
        assert_eq!(
            growth.say(Measure::Bytes),
            "it, per byte: 2.00 times as much at 1000 B as at 100 B, at most 3 allowed"
        );
    }

    #[test]
    fn a_square_is_too_much_and_so_is_a_hump() {
        let square = series("it", &[(10, 100.0), (20, 400.0), (40, 1600.0)]);
        let growth = LIMIT.look(&square).unwrap();
        assert!(growth.is_too_much());
        assert_eq!(growth.worst, (40, 40.0));
        let hump = series("it", &[(10, 100.0), (20, 1000.0), (40, 400.0)]);
        assert_eq!(LIMIT.look(&hump).unwrap().worst, (20, 50.0));
        assert!(LIMIT.look(&hump).unwrap().is_too_much());
        let falling = series("it", &[(10, 1000.0), (20, 1100.0), (40, 1200.0)]);
        assert!(LIMIT.look(&falling).unwrap().ratio() < 1.0);
    }

    #[test]
    fn a_square_hides_behind_a_whole_message_but_not_from_what_further_ones_cost() {
        let points: Vec<_> =
            [1_u64, 4096, 16_384, 65_536].map(|n| (n, 300e3 + 2e-3 * (n * n) as f64)).to_vec();
        let line = series("it", &points);
        let (from, to) = (4096, 65_536);
        let limit = Limit { unit: Unit::Further, each: "fragment", from, to, factor: 3.0 };
        assert!(limit.look(&line).unwrap().is_too_much());
    }

    #[test]
    fn without_points_nothing_is_well() {
        for points in [&[][..], &[(1, 5.0), (5, 5.0)], &[(1, 5.0), (10, 5.0)]] {
            assert!(LIMIT.look(&series("it", points)).unwrap_err().contains("nothing to compare"));
        }
    }

    #[test]
    fn what_is_expected_is_the_same_in_both_panels() {
        let line = series("it", &[(1, 50.0), (10, 100.0), (100, 500.0)]);
        assert_eq!(LIMIT.expected(&line, Unit::Each, 10, 1.0), Some(5.0));
        assert_eq!(LIMIT.expected(&line, Unit::Message, 10, 3.0), Some(150.0));
        assert_eq!(LIMIT.expected(&line, Unit::Message, 1, 1.0), None);
        let limit = Limit { unit: Unit::Further, ..LIMIT };
        assert_eq!(limit.expected(&line, Unit::Message, 1, 3.0), Some(50.0));
        let each = limit.expected(&line, Unit::Each, 100, 1.0).unwrap();
        assert!((each - (50.0 + 450.0 / 99.0 * 99.0) / 100.0).abs() < 1e-9);
    }
}
