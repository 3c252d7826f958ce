//! What comes from outside: standard input and signals, each read by a thread of its own.

use std::io::{self, BufRead as _, Read as _};
use std::thread;

use tokio::sync::mpsc;

pub(crate) enum Input {
    /// Keys, from a terminal in raw mode.
    Keys(Vec<u8>),
    Line(Vec<u8>),
    End,
}

/// Reads standard input, which blocks, no faster than it is taken.
pub(crate) fn read(keys: bool) -> mpsc::Receiver<Input> {
    let (sender, receiver) = mpsc::channel(64);
    thread::spawn(move || {
        while let Some(input) = if keys { some_keys() } else { line() } {
            if sender.blocking_send(input).is_err() {
                return;
            }
        }
        let _ = sender.blocking_send(Input::End);
    });
    receiver
}

fn some_keys() -> Option<Input> {
    let mut keys = [0; 256];
    let n = io::stdin().read(&mut keys).ok()?;
    keys.get(..n).filter(|keys| !keys.is_empty()).map(|keys| Input::Keys(keys.to_vec()))
}

fn line() -> Option<Input> {
    let mut line = Vec::new();
    if io::stdin().lock().read_until(b'\n', &mut line).ok()? == 0 {
        return None;
    }
    for end in [b'\n', b'\r'] {
        line.pop_if(|last| *last == end);
    }
    Some(Input::Line(line))
}

/// Says when the user, or the system, wants an end: on any runtime, since tokio waits in a thread of its own.
///
/// Returns once it listens: an end that is wanted early is not the operating system's kind of end.
pub(crate) fn interrupts() -> mpsc::UnboundedReceiver<()> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (listening, listens) = std::sync::mpsc::channel::<()>();
    thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        runtime.block_on(async move {
            let Ok(mut ends) = Ends::listen() else { return };
            drop(listening);
            while ends.next().await.is_some() && sender.send(()).is_ok() {}
        });
    });
    // Nothing is ever sent: it ends when the thread listens, or cannot.
    let _ = listens.recv();
    receiver
}

#[cfg(unix)]
struct Ends([tokio::signal::unix::Signal; 2]);

#[cfg(unix)]
impl Ends {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]))
    }

    async fn next(&mut self) -> Option<()> {
        let [interrupt, terminate] = &mut self.0;
        tokio::select! {
            interrupted = interrupt.recv() => interrupted,
            terminated = terminate.recv() => terminated,
        }
    }
}

#[cfg(not(unix))]
struct Ends;

#[cfg(not(unix))]
impl Ends {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<()> {
        tokio::signal::ctrl_c().await.ok()
    }
}
