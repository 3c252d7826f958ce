//! Where it is shown: a terminal with a status line, plain lines, or JSON.
//!
//! On a terminal the last two rows are the status line and the line that is typed; what is reported goes above them and scrolls
//! away as everything does. Nothing but the cursor's row and colours is asked of the terminal.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use longwire::session::Event;

use crate::editor::Editor;
use crate::json;
use crate::report::{self, Kind, Report};
use crate::status::{Mood, Snapshot};
use crate::terminal::{Raw, width};
use crate::text::fit;

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
                Kind::Trouble => eprintln!("{}", styled(&report, false)),
                Kind::Delivered | Kind::Note if *quiet => {}
                Kind::Delivered | Kind::Note => eprintln!("{}", styled(&report, false)),
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
    drawn: bool,
    /// To be shown.
    reports: Vec<Report>,
}

impl Screen {
    /// Takes over the terminal, if there is one; gives it back when dropped.
    pub(crate) fn open(color: bool) -> Option<Self> {
        Some(Self { raw: Raw::enter()?, color, drawn: false, reports: Vec::new() })
    }

    pub(crate) fn draw(&mut self, snapshot: &Snapshot, editor: &Editor) -> io::Result<()> {
        let frame = frame(&self.reports, snapshot, editor, width(), self.color, self.drawn);
        self.reports.clear();
        self.drawn = true;
        let mut out = io::stdout().lock();
        out.write_all(frame.as_bytes())?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut last = String::new();
        if self.drawn {
            last.push_str(UP_TO_STATUS);
        }
        for report in &self.reports {
            let _ = write!(last, "{}\r\n", styled(report, self.color));
        }
        let mut out = io::stdout().lock();
        let _ = out.write_all(last.as_bytes()).and_then(|()| out.flush());
        self.raw.leave();
    }
}

/// From the row that is typed in to the beginning of the status line, and nothing behind.
const UP_TO_STATUS: &str = "\r\x1b[1A\x1b[J";

/// What to send to the terminal.
fn frame(
    reports: &[Report],
    snapshot: &Snapshot,
    editor: &Editor,
    width: usize,
    color: bool,
    drawn: bool,
) -> String {
    // The last column is left free: some terminals begin a new row when it is written.
    let width = width.saturating_sub(1);
    let mut frame = String::from("\x1b[?25l");
    if drawn {
        frame.push_str(UP_TO_STATUS);
    }
    for report in reports {
        let _ = write!(frame, "{}\r\n", styled(report, color));
    }
    let (on, off) = match (snapshot.mood(), color) {
        (_, false) => ("", ""),
        (Mood::Good, _) => ("\x1b[32m", "\x1b[0m"),
        (Mood::Busy, _) => ("\x1b[33m", "\x1b[0m"),
        (Mood::Bad, _) => ("\x1b[31m", "\x1b[0m"),
    };
    let prompt = fit("> ", width);
    let (seen, column) = editor.view(width.saturating_sub(prompt.len()));
    let _ = write!(frame, "{on}{}{off}\r\n{prompt}{seen}\r", snapshot.line(width));
    let column = prompt.len().saturating_add(column);
    if column > 0 {
        let _ = write!(frame, "\x1b[{column}C");
    }
    frame.push_str("\x1b[?25h");
    frame
}

fn styled(report: &Report, color: bool) -> String {
    let (mark, on) = match report.kind {
        Kind::Received => ("< ", "\x1b[36m"),
        Kind::Sent => ("> ", ""),
        Kind::Delivered => ("  ", "\x1b[2m"),
        Kind::Note => ("* ", "\x1b[2m"),
        Kind::Trouble => ("! ", "\x1b[33m"),
    };
    let off = if color && !on.is_empty() { "\x1b[0m" } else { "" };
    let on = if color { on } else { "" };
    format!("{on}{mark}{}{off}", report.text)
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
        let first = frame(&[], &SNAPSHOT, &typed("hi"), 40, false, false);
        let status = "● connected · attempt 1 · queue empty\r\n> hi\r\x1b[4C";
        assert_eq!(first, format!("\x1b[?25l{status}\x1b[?25h"));
        let reports = [Report::new(Kind::Received, "hello")];
        let next = frame(&reports, &SNAPSHOT, &typed("hi\x1b[D"), 40, false, true);
        let status = "● connected · attempt 1 · queue empty\r\n> hi\r\x1b[3C";
        assert_eq!(next, format!("\x1b[?25l\r\x1b[1A\x1b[J< hello\r\n{status}\x1b[?25h"));
    }

    #[test]
    fn colours_are_only_used_if_wanted_and_are_switched_off_again() {
        let reports = [Report::trouble("lost"), Report::new(Kind::Sent, "#1 hi")];
        let coloured = frame(&reports, &SNAPSHOT, &typed(""), 40, true, false);
        assert!(coloured.contains("\x1b[33m! lost\x1b[0m\r\n> #1 hi\r\n\x1b[32m●"), "{coloured:?}");
        let plain = frame(&reports, &SNAPSHOT, &typed(""), 40, false, false);
        assert!(
            !plain.contains('m'.to_string().as_str()) || !plain.contains("\x1b[3"),
            "{plain:?}"
        );
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        for width in 0..60 {
            let frame = frame(&[], &SNAPSHOT, &typed("日本 and more of it"), width, false, false);
            let rows = frame.trim_start_matches("\x1b[?25l").split("\r");
            for row in rows.filter(|row| !row.starts_with('\x1b')) {
                let columns = crate::text::columns(row.trim_start_matches('\n'));
                assert!(columns < width.max(1), "{width}: {row:?}");
            }
        }
    }
}
