//! sockudo-ws: its protocol without I/O, with one write a read.

use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sockudo_ws::handshake::server_handshake;
use sockudo_ws::protocol::Protocol;
use sockudo_ws::{Message, RECV_BUFFER_SIZE, Role};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::arguments::Mode;
use crate::beat::Beat;
use crate::{MESSAGE_LIMIT, runtime};

pub(super) fn serve(listener: TcpListener, _: Mode, heartbeat: Option<Duration>) -> io::Result<()> {
    runtime::tokio(listener, move |stream| async move {
        // Whatever ends the connection, there is nobody to tell.
        let _ = echo(stream, Beat::new(heartbeat)).await;
    })
}

async fn echo(mut stream: TcpStream, mut beat: Beat) -> sockudo_ws::Result<()> {
    let handshake = server_handshake(&mut stream).await?;
    let mut protocol = Protocol::new(Role::Server, MESSAGE_LIMIT, MESSAGE_LIMIT);
    let mut received = BytesMut::with_capacity(RECV_BUFFER_SIZE);
    received.extend_from_slice(&handshake.leftover.unwrap_or_default());
    let mut messages = Vec::new();
    let mut answers = BytesMut::with_capacity(RECV_BUFFER_SIZE);
    loop {
        // Messages before the one that breaks a rule are still answered.
        let processed = protocol.process_into(&mut received, &mut messages);
        for message in messages.drain(..) {
            match message {
                Message::Text(_) | Message::Binary(_) => {
                    protocol.encode_message(&message, &mut answers)?;
                }
                Message::Ping(payload) => protocol.encode_pong(&payload, &mut answers),
                Message::Pong(_) => {}
                Message::Close(_) => protocol.encode_close_response(&mut answers),
            }
        }
        if !answers.is_empty() {
            stream.write_all(&answers).await?;
            answers.clear();
        }
        processed?;
        if protocol.is_closed() {
            return Ok(());
        }
        received.reserve(RECV_BUFFER_SIZE);
        let read = {
            let mut read = pin!(stream.read_buf(&mut received));
            poll_fn(|cx| match read.as_mut().poll(cx) {
                Poll::Ready(n) => Poll::Ready(Some(n)),
                Poll::Pending => beat.poll_silent(cx).map(|()| None),
            })
            .await
        };
        match read {
            Some(Ok(0)) => return Ok(()),
            Some(Ok(_)) => beat.hear(),
            Some(Err(error)) => return Err(error.into()),
            None => protocol.encode_message(&Message::Ping(Bytes::new()), &mut answers)?,
        }
    }
}
