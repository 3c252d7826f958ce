//! A sweep as a drawing: two panels, a line for each server, and what the work should cost.

use crate::axis::{Axis, Measure};
use crate::growth::Limit;
use crate::series::Series;
use crate::servers::NAMES;
use crate::svg::{Anchor, Mark, Svg};
use crate::sweep::{Panel, Sweep};

pub(crate) fn draw(sweep: &Sweep, all: &[Series]) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT, sweep.title);
    svg.text((LEFT[0], 30.0), Anchor::Start, "title", sweep.title);
    legend(&mut svg, sweep, all);
    for (panel, left) in sweep.panels.iter().zip(LEFT) {
        draw_panel(&mut svg, sweep, panel, all, left);
    }
    svg.finish()
}

fn legend(svg: &mut Svg, sweep: &Sweep, all: &[Series]) {
    let y = 56.0;
    let mut x = LEFT[0];
    for series in all {
        let (class, mark) = look(series.server);
        svg.line(&[(x, y - 4.0), (x + 26.0, y - 4.0)], &format!("line {class}"));
        svg.mark((x + 13.0, y - 4.0), mark, class, series.server);
        svg.text((x + 33.0, y), Anchor::Start, "key", series.server);
        x += 62.0 + 7.0 * series.server.len() as f64;
    }
    let Some(first) = all.first() else { return };
    let y = 79.0;
    let x = LEFT[0];
    svg.line(&[(x, y - 4.0), (x + 26.0, y - 4.0)], "should");
    let should = format!("if all of the work cost {} its cheapest", first.server);
    svg.text((x + 33.0, y), Anchor::Start, "key", &should);
    let x = LEFT[0] + 375.0;
    svg.area(&[(x, y - 10.0), (x + 26.0, y - 10.0), (x + 26.0, y + 2.0), (x, y + 2.0)], "allowed");
    let mut factors: Vec<_> =
        sweep.panels.iter().map(|panel| sweep.limits[panel.limit].factor.to_string()).collect();
    factors.dedup();
    let factors = factors.join(" (left) and ") + if factors.len() > 1 { " (right)" } else { "" };
    let allowed = format!("allowed: up to {factors} times that");
    svg.text((x + 33.0, y), Anchor::Start, "key", &allowed);
}

fn draw_panel(svg: &mut Svg, sweep: &Sweep, panel: &Panel, all: &[Series], left: f64) {
    let limit = &sweep.limits[panel.limit];
    let right = left + PANEL_WIDTH;
    let amounts: Vec<_> = sweep.amounts.iter().copied().filter(|x| *x >= panel.from).collect();
    let x_axis = Axis::spanning(sweep.amount_in, &amounts, (left + INSET, right - INSET));
    let values = all.iter().flat_map(|series| points(series, panel)).map(|(_, value)| value);
    let y_axis = Axis::covering(panel.measured_in, values, (BOTTOM - INSET, TOP + INSET));
    frame(svg, sweep, panel, (&x_axis, &y_axis), left);
    if let Some(first) = all.first() {
        guide(svg, sweep, panel, limit, first, &x_axis, &y_axis);
    }
    // The first on top.
    for series in all.iter().rev() {
        let (class, mark) = look(series.server);
        let place = |(x, value): (u64, f64)| (x_axis.place(x as f64), y_axis.place(value));
        let line: Vec<_> = points(series, panel).map(place).collect();
        svg.line(&line, &format!("line {class}"));
        for (x, value) in points(series, panel) {
            let amount = sweep.amount_in.say(x as f64);
            let amount = match sweep.amount_in {
                Measure::Bytes => amount,
                Measure::Nanoseconds | Measure::Number => format!("{amount} {}", sweep.amount),
            };
            let says = format!("{}, {amount}: {}", series.server, panel.measured_in.say(value));
            svg.mark(place((x, value)), mark, class, &says);
        }
    }
}

/// The first server's cheapest, drawn out over all of its work, and how far above that it may go.
fn guide(
    svg: &mut Svg,
    sweep: &Sweep,
    panel: &Panel,
    limit: &Limit,
    first: &Series,
    x_axis: &Axis,
    y_axis: &Axis,
) {
    let along = |times: f64| {
        let expected = sweep
            .amounts
            .iter()
            .filter_map(move |x| Some((*x, limit.expected(first, panel.unit, *x, times)?)));
        // Above the frame there is nothing to see.
        expected
            .filter(|(x, _)| *x >= panel.from)
            .map(|(x, value)| (x_axis.place(x as f64), y_axis.place(value).max(TOP)))
            .collect::<Vec<_>>()
    };
    let should = along(1.0);
    let mut area = along(limit.factor);
    area.extend(should.iter().rev());
    svg.area(&area, "allowed");
    svg.line(&should, "should");
}

fn frame(svg: &mut Svg, sweep: &Sweep, panel: &Panel, axes: (&Axis, &Axis), left: f64) {
    let right = left + PANEL_WIDTH;
    svg.text((left, TOP - 10.0), Anchor::Start, "panel", panel.title);
    for (x, label) in axes.0.ticks() {
        svg.line(&[(x, TOP), (x, BOTTOM)], "grid");
        svg.text((x, BOTTOM + 18.0), Anchor::Middle, "tick", &label);
    }
    for (y, label) in axes.1.ticks() {
        svg.line(&[(left, y), (right, y)], "grid");
        svg.text((left - 7.0, y + 4.5), Anchor::End, "tick", &label);
    }
    svg.area(&[(left, TOP), (right, TOP), (right, BOTTOM), (left, BOTTOM)], "frame");
    svg.text((left + PANEL_WIDTH / 2.0, BOTTOM + 40.0), Anchor::Middle, "name", sweep.amount);
}

fn points<'a>(series: &'a Series, panel: &'a Panel) -> impl Iterator<Item = (u64, f64)> + 'a {
    series.values(panel.unit).filter(|(x, _)| *x >= panel.from)
}

/// Its colour and its shape: the same in every plot.
fn look(server: &str) -> (&'static str, Mark) {
    let index = NAMES.iter().position(|name| *name == server).unwrap_or_default();
    (["s0", "s1", "s2", "s3", "s4"][index], Mark::ALL[index])
}

const WIDTH: u32 = 960;
const HEIGHT: u32 = 480;
const LEFT: [f64; 2] = [68.0, 558.0];
const PANEL_WIDTH: f64 = 384.0;
const TOP: f64 = 122.0;
const BOTTOM: f64 = 424.0;
/// Between the frame and the outermost points.
const INSET: f64 = 12.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::series;
    use crate::sweep::Work;

    #[test]
    fn a_plot_has_a_mark_for_each_point_within_its_frame() {
        let sweep = Sweep::new(Work::Message, true);
        let cost = |each: f64| -> Vec<_> {
            sweep.amounts.iter().map(|x| (*x, 3000.0 + each * *x as f64)).collect()
        };
        let all = [series(NAMES[0], &cost(0.1)), series(NAMES[3], &cost(0.3))];
        let text = draw(&sweep, &all);
        let from = |panel: &Panel| sweep.amounts.iter().filter(|x| **x >= panel.from).count();
        let marks = 2 * sweep.panels.iter().map(from).sum::<usize>() + 2;
        assert_eq!(text.matches("<path class=\"mark").count(), marks);
        assert!(text.contains("<title>longwire-tokio, 64 KiB: 9.55 µs</title>"));
        assert_eq!(text.matches("class=\"should\"").count(), 3);
        assert_eq!(text.matches("class=\"allowed\"").count(), 3);
        for mark in text.split("<path class=\"mark s").skip(1) {
            let place = mark.split_once("d=\"M").unwrap().1.split('m').next().unwrap();
            let (x, y) = place.split_once(' ').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((0.0..f64::from(WIDTH)).contains(&x) && (0.0..BOTTOM).contains(&y));
        }
        assert!(!text.contains("NaN") && !text.contains("inf"));
    }

    #[test]
    fn nothing_measured_is_an_empty_plot() {
        for work in Work::ALL {
            let text = draw(&Sweep::new(work, true), &[]);
            assert!(!text.contains("NaN") && !text.contains("inf"));
        }
    }
}
