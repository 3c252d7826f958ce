//! What was measured, as text for people or one line of JSON: the same fields, the same names.

use std::time::Duration;

use longwire_load::{Connected, Echoed, FannedOut, Histogram, Idled, Paced, Pacing};

/// Fields, in order. What is not known is left out.
#[derive(Debug, Default)]
pub(crate) struct Report {
    fields: Vec<(&'static str, f64)>,
}

impl Report {
    pub(crate) fn echo(result: &Echoed) -> Self {
        let mut report = Self::default();
        report.add("messages", result.messages as f64);
        report.add("elapsed_s", result.elapsed.as_secs_f64());
        report.add("messages_per_s", result.messages as f64 / result.elapsed.as_secs_f64());
        report.cpu(result.server_cpu_ns, result.own_cpu_ns, result.messages, result.elapsed);
        report.latency(&result.latency);
        report
    }

    pub(crate) fn paced(plan: &Paced, result: &Pacing) -> Self {
        let mut report = Self::default();
        report.add("messages", result.messages as f64);
        report.add("elapsed_s", result.elapsed.as_secs_f64());
        report.add("intended_per_s", plan.rate);
        report.add("messages_per_s", result.messages as f64 / result.elapsed.as_secs_f64());
        report.cpu(result.server_cpu_ns, result.own_cpu_ns, result.messages, result.elapsed);
        report.latency(&result.latency);
        report
    }

    pub(crate) fn idle(result: &Idled) -> Self {
        let mut report = Self::default();
        report.add("connections", result.connections as f64);
        if let Some((before, after)) = &result.memory {
            report.add("resident_before_bytes", before.resident as f64);
            report.add("resident_after_bytes", after.resident as f64);
            let mut each = |name, kind| {
                report.fields.extend(result.bytes_each(kind).map(|bytes| (name, bytes)));
            };
            each("resident_bytes_per_connection", |memory| memory.resident);
            each("private_bytes_per_connection", |memory| memory.private);
            each("anonymous_bytes_per_connection", |memory| memory.anonymous);
        }
        if let Some(held) = &result.held {
            report.add("held_s", held.time.as_secs_f64());
            report.add("pings_answered", held.pings as f64);
            if let Some(cpu) = held.server_cpu_ns {
                report.add("server_cpu_ns_per_s", cpu as f64 / held.time.as_secs_f64());
                if held.pings > 0 {
                    report.add("server_cpu_ns_per_ping", cpu as f64 / held.pings as f64);
                }
            }
        }
        report
    }

    pub(crate) fn fan_out(result: &FannedOut) -> Self {
        let mut report = Self::default();
        report.add("members", result.members as f64);
        report.add("rounds", result.rounds.len() as f64);
        let mut delivery = Histogram::new();
        result.rounds.iter().for_each(|round| delivery.merge(&round.delivery));
        report.add("member_p50_us", micros(delivery.quantile(0.5)));
        let to_last = result.to_last();
        report.add("last_member_p50_us", micros(to_last[to_last.len() / 2]));
        report.add("last_member_max_us", micros(to_last[to_last.len() - 1]));
        let cpu = result.rounds.iter().map(|round| round.server_cpu_ns);
        if let Some(cpu) = cpu.sum::<Option<u64>>() {
            let round = cpu as f64 / result.rounds.len() as f64;
            report.add("server_cpu_ns_per_round", round);
            report.add("server_cpu_ns_per_member", round / result.members as f64);
        }
        report
    }

    pub(crate) fn connect(result: &Connected) -> Self {
        let mut report = Self::default();
        report.add("connections", result.count as f64);
        report.add("elapsed_s", result.elapsed.as_secs_f64());
        report.add("connections_per_s", result.count as f64 / result.elapsed.as_secs_f64());
        let count = result.count as u64;
        report.cpu(result.server_cpu_ns, result.own_cpu_ns, count, result.elapsed);
        report.latency(&result.first_message);
        report
    }

    pub(crate) fn text(&self) -> String {
        let widest = self.fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let line = |(name, value): &(&str, f64)| {
            let name = name.replace('_', " ");
            format!("{name:widest$}  {:>16}", number(*value))
        };
        self.fields.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn json(&self, work: &str) -> String {
        let fields =
            self.fields.iter().map(|(name, value)| format!("\"{name}\":{}", number(*value)));
        let fields: Vec<_> = [format!("\"work\":\"{work}\"")].into_iter().chain(fields).collect();
        format!("{{{}}}", fields.join(","))
    }

    fn add(&mut self, name: &'static str, value: f64) {
        self.fields.push((name, value));
    }

    fn cpu(&mut self, server: Option<u64>, own: u64, count: u64, elapsed: Duration) {
        let share = |cpu: u64| 100.0 * cpu as f64 / elapsed.as_nanos().max(1) as f64;
        if let Some(server) = server {
            self.add("server_cpu_ns_each", server as f64 / count as f64);
            self.add("server_cpu_percent", share(server));
        }
        self.add("own_cpu_ns_each", own as f64 / count as f64);
        self.add("own_cpu_percent", share(own));
    }

    fn latency(&mut self, latency: &Histogram) {
        for (name, quantile) in
            [("latency_p50_us", 0.5), ("latency_p99_us", 0.99), ("latency_p999_us", 0.999)]
        {
            self.add(name, micros(latency.quantile(quantile)));
        }
        self.add("latency_max_us", micros(latency.max()));
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Whole numbers as such, others with three digits after the point, which JSON reads too.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let mut report = Report::default();
        report.add("messages", 1e7);
        report.cpu(Some(3_000_000), 1_000_000, 4, Duration::from_millis(10));
        assert_eq!(
            report.json("echo"),
            "{\"work\":\"echo\",\"messages\":10000000,\"server_cpu_ns_each\":750000,\
             \"server_cpu_percent\":30,\"own_cpu_ns_each\":250000,\"own_cpu_percent\":10}"
        );
        assert_eq!(report.text().lines().count(), 5);
        assert!(report.text().starts_with("messages                    10000000\n"));
    }
}
