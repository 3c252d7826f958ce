//! The little of SVG that a plot takes, readable on light and on dark.

use std::fmt::Write as _;

/// A drawing under way.
#[derive(Debug)]
pub(crate) struct Svg {
    text: String,
}

/// Where a text is held.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// What marks a point: a shape for each line, so that colours are not all that tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Disc,
    Square,
    Cross,
    Triangle,
    Diamond,
}

impl Mark {
    pub(crate) const ALL: [Self; 5] =
        [Self::Disc, Self::Square, Self::Cross, Self::Triangle, Self::Diamond];

    fn path(self) -> &'static str {
        match self {
            Self::Disc => "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
            Self::Square => "m-3.5-3.5h7v7h-7z",
            Self::Cross => "m-3.5-3.5l7 7m0-7l-7 7",
            Self::Triangle => "m0-4.5l4.5 8h-9z",
            Self::Diamond => "m0-5l4 5l-4 5l-4-5z",
        }
    }
}

impl Svg {
    pub(crate) fn new(width: u32, height: u32, title: &str) -> Self {
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n",
            escape(title)
        );
        let _ = writeln!(text, "<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>");
        Self { text }
    }

    pub(crate) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.text,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            escape(text)
        );
    }

    pub(crate) fn line(&mut self, points: &[(f64, f64)], class: &str) {
        self.path(points, class, false);
    }

    pub(crate) fn area(&mut self, points: &[(f64, f64)], class: &str) {
        self.path(points, class, true);
    }

    /// A point; what it stands for is said when it is pointed at.
    pub(crate) fn mark(&mut self, (x, y): (f64, f64), mark: Mark, class: &str, says: &str) {
        let path = mark.path();
        let _ = writeln!(
            self.text,
            "<path class=\"mark {class}\" d=\"M{x:.1} {y:.1}{path}\"><title>{}</title></path>",
            escape(says)
        );
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    fn path(&mut self, points: &[(f64, f64)], class: &str, closed: bool) {
        if points.len() < 2 {
            return;
        }
        let mut data = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let _ = write!(data, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
        }
        let end = if closed { "Z" } else { "" };
        let _ = writeln!(self.text, "<path class=\"{class}\" d=\"{data}{end}\"/>");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "
text{font:13px system-ui,sans-serif;fill:#1f2328}
.title{font-size:17px;font-weight:600}
.panel{font-weight:600}
.paper{fill:#fff}
.grid{stroke:#d1d9e0;fill:none}
.frame{stroke:#818b98;fill:none}
.line{fill:none;stroke-width:1.6}
.mark{stroke-width:1.6;fill:#fff}
.should{fill:none;stroke:#1f2328;stroke-dasharray:6 4}
.allowed{fill:#1f2328;fill-opacity:.09}
.s0{stroke:#0550ae}.s1{stroke:#1a7f37}.s2{stroke:#6e7781}.s3{stroke:#bc4c00}.s4{stroke:#8250df}
.line.s0,.line.s1{stroke-width:2.6}
@media (prefers-color-scheme:dark){
text{fill:#f0f6fc}
.paper,.mark{fill:#0d1117}
.grid{stroke:#30363d}
.frame{stroke:#9198a1}
.should{stroke:#f0f6fc}
.allowed{fill:#f0f6fc;fill-opacity:.12}
.s0{stroke:#58a6ff}.s1{stroke:#3fb950}.s2{stroke:#9198a1}.s3{stroke:#ff9b50}.s4{stroke:#d2a8ff}
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_is_well_formed() {
        let mut svg = Svg::new(100, 50, "a < b & \"c\"");
        svg.text((1.0, 2.04), Anchor::End, "panel", "1 > 0");
        svg.line(&[(0.0, 0.0), (10.0, 5.25)], "line s0");
        svg.area(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], "allowed");
        svg.line(&[(0.0, 0.0)], "line s1");
        for mark in Mark::ALL {
            svg.mark((5.0, 5.0), mark, "s4", "x");
        }
        let text = svg.finish();
        assert!(text.contains("viewBox=\"0 0 100 50\""));
        assert!(text.contains("<title>a &lt; b &amp; &quot;c&quot;</title>"));
        let said = "<text class=\"panel\" x=\"1.0\" y=\"2.0\" text-anchor=\"end\">1 &gt; 0</text>";
        assert!(text.contains(said));
        assert!(text.contains("<path class=\"line s0\" d=\"M0.0 0.0L10.0 5.2\"/>"));
        assert!(text.contains("d=\"M0.0 0.0L10.0 0.0L10.0 10.0Z\""));
        assert!(!text.contains("line s1\" d"), "a line of one point is none");
        assert_eq!(text.matches("<path class=\"mark").count(), 5);
        // Every element that is opened is closed.
        let mut open = Vec::new();
        for tag in text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap());
            }
        }
        assert!(open.is_empty());
    }
}
