//! Where it is shown: a terminal with a status line, plain lines, or JSON.
//!
//! On a terminal the last two rows are the status line and the line that is typed; what is reported goes above them and scrolls
//! away as everything does. Nothing but the cursor's row and colours is asked of the terminal.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use longwire::session::Event;

use super::editor::Editor;
use super::json;
use super::report::{self, Kind, Report};
use super::status::{Mood, Snapshot};
use super::terminal::{Raw, width};
use super::text::{columns, fit, wrapped};

pub(crate) enum Output {
    Screen(Screen),
    Plain { quiet: bool },
    Json,
}

impl Output {
    /// Shows an event.
    pub(crate) fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        if let Self::Json = self {
            return json::event(event).map_or(Ok(()), |line| writeln!(io::stdout(), "{line}"));
        }
        report::event(event).map_or(Ok(()), |report| self.report(report))
    }

    pub(crate) fn report(&mut self, report: Report) -> io::Result<()> {
        match self {
            Self::Screen(screen) => screen.reports.push(report),
            Self::Plain { quiet } => match report.kind {
                Kind::Received => writeln!(io::stdout(), "{}", report.text)?,
                Kind::Sent => {}
                Kind::Delivered | Kind::Note if *quiet => {}
                Kind::Delivered | Kind::Note | Kind::Trouble => {
                    eprintln!("{}{}", mark(report.kind), report.text);
                }
            },
            Self::Json if report.kind == Kind::Trouble => {
                writeln!(io::stdout(), "{}", json::refused(&report.text))?;
            }
            Self::Json => {}
        }
        Ok(())
    }

    /// Whether so much is to be shown that it should not wait until nothing else happens.
    pub(crate) const fn is_full(&self) -> bool {
        matches!(self, Self::Screen(screen) if screen.reports.len() >= 100)
    }
}

pub(crate) struct Screen {
    raw: Raw,
    color: bool,
    drawn: Option<Drawn>,
    /// To be shown.
    reports: Vec<Report>,
}

impl Screen {
    /// Takes over the terminal, if there is one; gives it back when dropped.
    pub(crate) fn open(color: bool) -> Option<Self> {
        Some(Self { raw: Raw::enter()?, color, drawn: None, reports: Vec::new() })
    }

    pub(crate) fn draw(&mut self, snapshot: &Snapshot, editor: &Editor) -> io::Result<()> {
        let (frame, drawn) =
            frame(&self.reports, snapshot, editor, width(), self.color, self.drawn);
        self.reports.clear();
        self.drawn = Some(drawn);
        let mut out = io::stdout().lock();
        out.write_all(frame.as_bytes())?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut last = String::new();
        if let Some(drawn) = self.drawn {
            last.push_str(&drawn.erased(width()));
        }
        for report in &self.reports {
            last.push_str(&rows(report, width(), self.color));
        }
        let mut out = io::stdout().lock();
        let _ = out.write_all(last.as_bytes()).and_then(|()| out.flush());
        self.raw.leave();
    }
}

/// The two rows that were drawn last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Drawn {
    /// How wide the status line was.
    status: usize,
    /// The column of the cursor in the row below.
    cursor: usize,
}

impl Drawn {
    /// Goes back to the beginning of the status line, and erases it and what is behind. A terminal that was made narrower has
    /// broken it into several rows.
    fn erased(self, width: usize) -> String {
        let width = width.max(1);
        let rows = self.status.div_ceil(width).max(1) + self.cursor / width;
        format!("\r\x1b[{rows}A\x1b[J")
    }
}

/// What to send to the terminal.
fn frame(
    reports: &[Report],
    snapshot: &Snapshot,
    editor: &Editor,
    width: usize,
    color: bool,
    drawn: Option<Drawn>,
) -> (String, Drawn) {
    // The last column is left free: some terminals begin a new row when it is written.
    let mut frame = String::from("\x1b[?25l");
    if let Some(drawn) = drawn {
        frame.push_str(&drawn.erased(width));
    }
    let width = width.saturating_sub(1);
    for report in reports {
        frame.push_str(&rows(report, width, color));
    }
    let (on, off) = match (snapshot.mood(), color) {
        (_, false) => ("", ""),
        (Mood::Good, _) => ("\x1b[32m", "\x1b[0m"),
        (Mood::Busy, _) => ("\x1b[33m", "\x1b[0m"),
        (Mood::Bad, _) => ("\x1b[31m", "\x1b[0m"),
    };
    let prompt = fit("> ", width);
    let (seen, column) = editor.view(width.saturating_sub(columns(&prompt)));
    let status = snapshot.line(width);
    let _ = write!(frame, "{on}{status}{off}\r\n{prompt}{seen}\r");
    let column = columns(&prompt).saturating_add(column);
    if column > 0 {
        let _ = write!(frame, "\x1b[{column}C");
    }
    frame.push_str("\x1b[?25h");
    (frame, Drawn { status: columns(&status), cursor: column })
}

/// A report in as many rows as it takes.
fn rows(report: &Report, width: usize, color: bool) -> String {
    let mut rows = String::new();
    let (on, off) = if color { colours(report.kind) } else { ("", "") };
    let mut mark = mark(report.kind);
    for row in wrapped(&report.text, width.saturating_sub(mark.len())) {
        let _ = write!(rows, "{on}{mark}{row}{off}\r\n");
        mark = "  ";
    }
    rows
}

const fn mark(kind: Kind) -> &'static str {
    match kind {
        Kind::Received => "< ",
        Kind::Sent => "> ",
        Kind::Delivered => "  ",
        Kind::Note => "* ",
        Kind::Trouble => "! ",
    }
}

const fn colours(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Received => ("\x1b[36m", "\x1b[0m"),
        Kind::Sent => ("", ""),
        Kind::Delivered | Kind::Note => ("\x1b[2m", "\x1b[0m"),
        Kind::Trouble => ("\x1b[33m", "\x1b[0m"),
    }
}

#[cfg(test)]
mod tests {
    use longwire::session::State;

    use super::*;

    const SNAPSHOT: Snapshot = Snapshot {
        state: State::Open,
        attempts: 1,
        retry_in: None,
        retry: 0,
        most_retries: None,
        round_trip: None,
        queued: 0,
        buffered: 0,
    };

    fn typed(keys: &str) -> Editor {
        let mut editor = Editor::default();
        keys.bytes().for_each(|byte| drop(editor.feed(byte)));
        editor
    }

    #[test]
    fn the_first_frame_draws_and_the_next_one_draws_over_it() {
        let (first, drawn) = frame(&[], &SNAPSHOT, &typed("hi"), 40, false, None);
        assert_eq!(drawn, Drawn { status: 37, cursor: 4 });
        let status = "● connected · attempt 1 · queue empty\r\n> hi\r\x1b[4C";
        assert_eq!(first, format!("\x1b[?25l{status}\x1b[?25h"));
        let reports = [Report::new(Kind::Received, "hello")];
        let (next, _) = frame(&reports, &SNAPSHOT, &typed("hi\x1b[D"), 40, false, Some(drawn));
        let status = "● connected · attempt 1 · queue empty\r\n> hi\r\x1b[3C";
        assert_eq!(next, format!("\x1b[?25l\r\x1b[1A\x1b[J< hello\r\n{status}\x1b[?25h"));
    }

    #[test]
    fn colours_are_only_used_if_wanted_and_are_switched_off_again() {
        let reports = [Report::trouble("lost"), Report::new(Kind::Sent, "#1 hi")];
        let (coloured, _) = frame(&reports, &SNAPSHOT, &typed(""), 40, true, None);
        assert!(coloured.contains("\x1b[33m! lost\x1b[0m\r\n> #1 hi\r\n\x1b[32m●"), "{coloured:?}");
        let (plain, _) = frame(&reports, &SNAPSHOT, &typed(""), 40, false, None);
        assert!(
            !plain.contains('m'.to_string().as_str()) || !plain.contains("\x1b[3"),
            "{plain:?}"
        );
    }

    #[test]
    fn a_terminal_that_was_made_narrower_has_more_rows_to_erase() {
        let drawn = Drawn { status: 37, cursor: 10 };
        for (width, rows) in [(80, 1), (38, 1), (37, 1), (36, 2), (10, 5), (0, 47)] {
            assert_eq!(drawn.erased(width), format!("\r\x1b[{rows}A\x1b[J"));
        }
    }

    #[test]
    fn what_is_longer_than_a_row_goes_on_in_the_next_one() {
        let report = Report::note("the stream ended without a close frame");
        assert_eq!(rows(&report, 24, false), "* the stream ended\r\n  without a close frame\r\n");
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        for width in 0..60 {
            let typed = typed("日本 and more of it");
            let (frame, drawn) = frame(&[], &SNAPSHOT, &typed, width, false, None);
            assert!(drawn.status < width.max(1) && drawn.cursor < width.max(1));
            let rows = frame.trim_start_matches("\x1b[?25l").split("\r");
            for row in rows.filter(|row| !row.starts_with('\x1b')) {
                let columns = columns(row.trim_start_matches('\n'));
                assert!(columns < width.max(1), "{width}: {row:?}");
            }
        }
    }
}
