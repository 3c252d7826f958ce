//! The transport of every contender: memory that is always ready, in both directions.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::ReadBuf;

/// What a read hands out never crosses the end of a piece, as one from a socket does not cross what
/// has arrived.
pub struct Pipe {
    wire: Bytes,
    at: usize,
    piece: usize,
    left: usize,
    repeats: bool,
    sink: Arc<Sink>,
}

impl Pipe {
    /// Hands out `wire` for ever, `piece` by `piece`.
    pub fn repeating(wire: Bytes, piece: usize, sink: Arc<Sink>) -> Self {
        Self { left: piece.min(wire.len()), wire, at: 0, piece, repeats: true, sink }
    }

    /// Hands out `wire`, and then nothing more: reads would block.
    pub fn once(wire: Bytes, sink: Arc<Sink>) -> Self {
        Self { left: wire.len(), piece: wire.len(), wire, at: 0, repeats: false, sink }
    }

    /// The next bytes, at most `room` of them; none if a read would block.
    pub fn next_bytes(&mut self, room: usize) -> &[u8] {
        if self.left == 0 && self.repeats {
            if self.at == self.wire.len() {
                self.at = 0;
            }
            self.left = self.piece.min(self.wire.len() - self.at);
        }
        let start = self.at;
        let n = self.left.min(room);
        self.at += n;
        self.left -= n;
        &self.wire[start..self.at]
    }

    /// As `read`, for those who bring their own buffer; would-block is 0.
    pub fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let bytes = self.next_bytes(buffer.len());
        buffer[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }

    pub fn put(&self, bytes: &[u8]) -> usize {
        self.sink.take(&[IoSlice::new(bytes)])
    }

    pub fn put_vectored(&self, slices: &[IoSlice<'_>]) -> usize {
        self.sink.take(slices)
    }
}

/// Takes everything it is given at once, and counts.
#[derive(Default)]
pub struct Sink {
    writes: AtomicU64,
    bytes: AtomicU64,
    is_capturing: AtomicBool,
    captured: Mutex<Vec<u8>>,
}

impl Sink {
    fn take(&self, slices: &[IoSlice<'_>]) -> usize {
        let n: usize = slices.iter().map(|slice| slice.len()).sum();
        // One thread only: a plain load and store, not a locked addition that would be measured.
        self.writes.store(self.writes.load(Relaxed) + 1, Relaxed);
        self.bytes.store(self.bytes.load(Relaxed) + n as u64, Relaxed);
        if self.is_capturing.load(Relaxed) {
            let mut captured = self.captured.lock().expect("one thread only");
            slices.iter().for_each(|slice| captured.extend_from_slice(slice));
        }
        n
    }

    /// What `work` wrote, and in how many writes.
    pub fn capture(&self, work: impl FnOnce()) -> (Vec<u8>, u64) {
        let before = self.writes.load(Relaxed);
        self.is_capturing.store(true, Relaxed);
        work();
        self.is_capturing.store(false, Relaxed);
        let captured = std::mem::take(&mut *self.captured.lock().expect("one thread only"));
        (captured, self.writes.load(Relaxed) - before)
    }
}

/// Drives a future that only ever waits for a [`Pipe`], which is to say that it does not wait.
pub fn complete<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
    panic!("the future waits for something that is not the pipe");
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.fill(buffer) {
            0 => Err(ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.put(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.put_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = self.next_bytes(buffer.remaining());
        if bytes.is_empty() && buffer.remaining() > 0 {
            return Poll::Pending;
        }
        buffer.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.put(bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.put_vectored(slices)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures_util::io::AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.fill(buffer) {
            0 if !buffer.is_empty() => Poll::Pending,
            n => Poll::Ready(Ok(n)),
        }
    }
}

impl futures_util::io::AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.put(bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.put_vectored(slices)))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
