//! One row of the comparison as a Markdown table: a line for each server, the best first.

use std::cmp::Ordering;
use std::fmt::Write;

use crate::rows::{Row, Samples};
use crate::servers::is_raw;

pub(crate) struct Table<'a> {
    row: &'a Row,
    lines: Vec<Line>,
    skipped: Option<&'static str>,
}

struct Line {
    server: String,
    /// By column.
    samples: Vec<Vec<f64>>,
    failure: Option<String>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(row: &'a Row) -> Self {
        Self { row, lines: Vec::new(), skipped: None }
    }

    /// There is nothing to measure, for this reason.
    pub(crate) fn skip(&mut self, reason: &'static str) {
        self.skipped = Some(reason);
    }

    pub(crate) fn add(&mut self, server: &str, samples: Samples) {
        let line = self.line(server);
        line.samples.resize(samples.len().max(line.samples.len()), Vec::new());
        for (all, new) in line.samples.iter_mut().zip(samples) {
            all.extend(new.unwrap_or_default());
        }
    }

    /// One failed measurement spoils the line: what remains would be chosen by the failure.
    pub(crate) fn fail(&mut self, server: &str, reason: &str) {
        self.line(server).failure = Some(reason.replace(['|', '\n'], " "));
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.lines.iter().all(|line| line.failure.is_none())
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("## {} (`{}`)\n\n", self.row.title, self.row.name);
        if let Some(reason) = self.skipped {
            text.push_str(&format!("Skipped: {reason}.\n"));
            return text;
        }
        let columns = self.row.columns();
        text.push_str("| server | rank | x raw |");
        for (index, (name, _)) in columns.iter().enumerate() {
            text.push_str(&if index == 0 {
                format!(" {name} | median |")
            } else {
                format!(" {name} |")
            });
        }
        text.push_str("\n|---|---:|---:|");
        text.push_str(&"---:|".repeat(columns.len() + 1));
        text.push('\n');
        let mut lines: Vec<_> = self.lines.iter().collect();
        lines.sort_by(|a, b| order(a, b));
        let mut rank = 0;
        let mut ranked = 0;
        let mut last = String::new();
        for line in lines {
            let Some(best) = line.best(0).filter(|_| line.failure.is_none()) else {
                let reason = line.failure.as_deref().unwrap_or("nothing was measured");
                let _ = writeln!(text, "| {} | - | - | failed: {reason} |", line.server);
                continue;
            };
            let place = if is_raw(&line.server) {
                "-".to_owned()
            } else {
                // What reads the same is level.
                let figure = format!("{best:.*}", columns[0].1);
                ranked += 1;
                if figure != last {
                    rank = ranked;
                    last = figure;
                }
                rank.to_string()
            };
            let ratio = self
                .yardstick(&line.server)
                .map_or_else(|| "-".to_owned(), |yardstick| format!("{:.2}", best / yardstick));
            let _ = write!(text, "| {} | {place} | {ratio} |", line.server);
            for (index, (_, places)) in columns.iter().enumerate() {
                let figure = |value: Option<f64>| {
                    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.places$}"))
                };
                let _ = write!(text, " {} |", figure(line.best(index)));
                if index == 0 {
                    let _ = write!(text, " {} |", figure(line.median(index)));
                }
            }
            text.push('\n');
        }
        text
    }

    /// What the same runtime costs without WebSocket.
    fn yardstick(&self, server: &str) -> Option<f64> {
        let raw = if server.contains("smol") { "raw-smol" } else { "raw-tokio" };
        let line = self.lines.iter().find(|line| line.server == raw)?;
        line.best(0).filter(|best| *best > 0.0)
    }

    fn line(&mut self, server: &str) -> &mut Line {
        let index = self.lines.iter().position(|line| line.server == server);
        let index = index.unwrap_or_else(|| {
            let server = server.to_owned();
            self.lines.push(Line { server, samples: Vec::new(), failure: None });
            self.lines.len() - 1
        });
        &mut self.lines[index]
    }
}

impl Line {
    fn best(&self, column: usize) -> Option<f64> {
        self.samples.get(column)?.iter().copied().min_by(f64::total_cmp)
    }

    fn median(&self, column: usize) -> Option<f64> {
        let mut samples = self.samples.get(column)?.clone();
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied()
    }
}

/// The yardsticks, then the best first, then those that failed.
fn order(a: &Line, b: &Line) -> Ordering {
    let key = |line: &Line| (line.failure.is_some(), !is_raw(&line.server));
    let figure = |line: &Line| line.best(0).unwrap_or(f64::INFINITY);
    key(a).cmp(&key(b)).then(figure(a).total_cmp(&figure(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;

    #[test]
    fn servers_are_ranked_by_their_best_and_compared_with_their_runtime() {
        let rows = rows::all(rows::Scale::full());
        let mut table = Table::new(&rows[0]);
        let mut add = |server: &str, cpu: &[f64]| {
            cpu.iter().for_each(|cpu| table.add(server, vec![Some(vec![*cpu]), Some(vec![9.0])]));
        };
        add("slow", &[300.0, 200.0, 250.0]);
        add("level", &[120.04]);
        add("longwire-smol", &[150.0, 120.0]);
        add("raw-tokio", &[100.0]);
        add("raw-smol", &[60.0]);
        table.fail("broken", "the server is stuck");
        let text = table.markdown();
        let lines: Vec<_> = text.lines().skip(4).collect();
        assert_eq!(
            lines,
            [
                "| raw-smol | - | 1.00 | 60.0 | 60.0 | 9.0 |",
                "| raw-tokio | - | 1.00 | 100.0 | 100.0 | 9.0 |",
                "| longwire-smol | 1 | 2.00 | 120.0 | 150.0 | 9.0 |",
                "| level | 1 | 1.20 | 120.0 | 120.0 | 9.0 |",
                "| slow | 3 | 2.00 | 200.0 | 250.0 | 9.0 |",
                "| broken | - | - | failed: the server is stuck |",
            ]
        );
        assert!(!table.is_complete());
    }

    #[test]
    fn what_cannot_be_measured_says_so() {
        let rows = rows::all(rows::Scale::full());
        let mut table = Table::new(&rows[0]);
        table.skip("strace is not there");
        assert!(table.markdown().ends_with("\nSkipped: strace is not there.\n"));
        assert!(table.is_complete());
    }
}
