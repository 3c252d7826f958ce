//! Plain TCP: the yardstick, which knows no WebSocket.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::arguments::Mode;
use crate::runtime;

const BUFFER: usize = 64 << 10;

pub(super) fn serve_tokio(listener: TcpListener, _: Mode, _: Option<Duration>) -> io::Result<()> {
    runtime::tokio(listener, |mut stream: tokio::net::TcpStream| async move {
        let mut buffer = vec![0; BUFFER];
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            if stream.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
    })
}

pub(super) fn serve_smol(listener: TcpListener, _: Mode, _: Option<Duration>) -> io::Result<()> {
    runtime::smol(listener, |mut stream: async_net::TcpStream| async move {
        let mut buffer = vec![0; BUFFER];
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            if stream.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
    })
}
