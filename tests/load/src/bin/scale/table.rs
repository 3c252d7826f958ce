//! A sweep as Markdown: a table for each panel, and what was found of its growth.

use std::fmt::Write as _;

use crate::growth::Growth;
use crate::series::Series;
use crate::sweep::Sweep;

pub(crate) fn markdown(sweep: &Sweep, all: &[Series], growths: &[Growth]) -> String {
    let mut text = format!("## {} (`{}`)\n", sweep.title, sweep.work.name());
    for panel in &sweep.panels {
        let _ = write!(text, "\n{}:\n\n| {} |", panel.title, sweep.amount);
        for series in all {
            let _ = write!(text, " {} |", series.server);
        }
        text.push_str("\n|---:|");
        text.push_str(&"---:|".repeat(all.len()));
        text.push('\n');
        for x in sweep.amounts.iter().filter(|x| **x >= panel.from) {
            let _ = write!(text, "| {} |", sweep.amount_in.say(*x as f64));
            for series in all {
                let said = series
                    .value(panel.unit, *x)
                    .map_or_else(|| "-".to_owned(), |value| panel.measured_in.say(value));
                let _ = write!(text, " {said} |");
            }
            text.push('\n');
        }
    }
    text.push('\n');
    for growth in growths {
        let mark = if growth.is_too_much() { "**grows faster than its work**: " } else { "" };
        let _ = writeln!(text, "- {mark}{}", growth.say(sweep.amount_in));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{Unit, series};
    use crate::sweep::Work;

    #[test]
    fn every_point_is_in_the_table() {
        let sweep = Sweep::new(Work::Room, true);
        let all = [
            series("longwire-tokio", &[(1, 2000.0), (16, 24_000.0), (1000, 1_500_000.0)]),
            series("uwebsockets", &[(16, 32_000.0)]),
        ];
        let growth = Growth {
            server: "longwire-tokio",
            each: "member",
            cheapest: (16, 1500.0),
            worst: (1000, 6000.0),
            factor: 3.0,
        };
        assert_eq!(sweep.panels[1].unit, Unit::Each);
        let text = markdown(&sweep, &all, &[growth]);
        assert!(text.contains("| members | longwire-tokio | uwebsockets |\n|---:|---:|---:|\n"));
        assert!(text.contains("| 16 | 24 µs | 32 µs |"));
        assert!(text.contains("| 16 | 1.5 µs | 2 µs |"));
        assert!(text.contains("| 1,000 | 1.5 ms | - |"));
        assert!(text.contains("| 4 | - | - |"));
        assert!(text.ends_with(
            "- **grows faster than its work**: longwire-tokio, per member: \
             4.00 times as much at 1,000 as at 16, at most 3 allowed\n"
        ));
    }
}
