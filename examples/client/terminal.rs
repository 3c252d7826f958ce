//! The terminal in raw mode: keys arrive one by one, and are not echoed.

#[cfg(not(unix))]
pub(crate) use elsewhere::{Raw, width};
#[cfg(unix)]
pub(crate) use on_unix::{Raw, width};

/// What a terminal is taken for that does not say how wide it is.
const WIDTH: usize = 80;

#[cfg(unix)]
mod on_unix {
    use std::io::{stdin, stdout};

    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

    /// How the terminal was before.
    pub(crate) struct Raw(Termios);

    impl Raw {
        pub(crate) fn enter() -> Option<Self> {
            let before = tcgetattr(stdin()).ok()?;
            let mut raw = before.clone();
            raw.make_raw();
            tcsetattr(stdin(), OptionalActions::Now, &raw).ok()?;
            Some(Self(before))
        }

        pub(crate) fn leave(&self) {
            let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
        }
    }

    pub(crate) fn width() -> usize {
        let size = tcgetwinsize(stdout()).ok();
        size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0).unwrap_or(super::WIDTH)
    }
}

#[cfg(not(unix))]
mod elsewhere {
    /// Not known here how: lines are read and printed as they come.
    pub(crate) enum Raw {}

    impl Raw {
        pub(crate) fn enter() -> Option<Self> {
            None
        }

        pub(crate) fn leave(&self) {}
    }

    pub(crate) fn width() -> usize {
        super::WIDTH
    }
}
