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
pub(crate) fn interrupts() -> mpsc::UnboundedReceiver<()> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        runtime.block_on(async move {
            while asked_to_end().await.is_ok() && sender.send(()).is_ok() {}
        });
    });
    receiver
}

#[cfg(unix)]
async fn asked_to_end() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminated.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn asked_to_end() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
