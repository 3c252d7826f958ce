//! A server that goes and comes back.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use longwire::{CloseCode, Closed};
use longwire_tokio::{Event, accept};
use tokio::sync::oneshot;

use super::process::PATIENCE;

/// Echoes what it receives, until it is dropped: then all its sockets are closed, without a word.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    closed: Receiver<Closed>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into())
    }

    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("bound");
        listener.set_nonblocking(true).expect("a socket");
        let (stop, stopped) = oneshot::channel();
        let (report, closed) = channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = serve(&listener, &report) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, closed, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// How the next of its connections was closed.
    pub(crate) fn closed(&self) -> Closed {
        self.closed.recv_timeout(PATIENCE).expect("an end")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop = None;
        let _ = self.thread.take().expect("it runs").join();
    }
}

async fn serve(listener: &tokio::net::TcpListener, report: &Sender<Closed>) {
    while let Ok((stream, _)) = listener.accept().await {
        let report = report.clone();
        tokio::spawn(async move {
            let Ok(mut websocket) = accept(stream).await else { return };
            while let Some((event, mut sender)) = websocket.next_with_sender().await {
                match event {
                    Event::Message(message) if message.as_text() == Some("go away") => {
                        let _ = websocket.close(CloseCode::POLICY_VIOLATION, "as you like");
                    }
                    Event::Message(message) => drop(sender.send(message)),
                    Event::Closed(closed) => drop(report.send(*closed)),
                    Event::Piece(_) | Event::Ping(_) | Event::Pong(_) | Event::Error(_) | _ => {}
                }
            }
        });
    }
}
