//! fastwebsockets, with its own opening handshake over hyper.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{poll_fn, ready};
use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use fastwebsockets::upgrade::UpgradeFut;
use fastwebsockets::{
    FragmentCollector, FragmentCollectorRead, Frame, OpCode, Payload, Role, WebSocket,
    WebSocketError, WebSocketWrite,
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWrite, BufWriter};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::task::spawn_local;

use crate::arguments::Mode;
use crate::beat::Beat;
use crate::mailbox::Mailbox;
use crate::room::Room;
use crate::{MESSAGE_LIMIT, runtime, upgrade};

const GATHERED: usize = 64 << 10;

/// What members send each other: the payload is shared.
#[derive(Clone)]
struct Post {
    opcode: OpCode,
    payload: Bytes,
}

pub(super) fn serve(
    listener: TcpListener,
    mode: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    // Whatever ends a connection, there is nobody to tell.
    match (mode, heartbeat) {
        (Mode::Echo, None) => serve_upgrades(listener, move |upgraded| async move {
            let Some(websocket) = connect(upgraded).await else { return };
            let _ = echo(&mut FragmentCollector::new(websocket)).await;
        }),
        (Mode::Echo, Some(_)) => serve_upgrades(listener, move |upgraded| async move {
            let Some(websocket) = connect(upgraded).await else { return };
            let _ = echo_in_halves(websocket, |write| write, Beat::new(heartbeat)).await;
        }),
        (Mode::FanOut, _) => {
            let room = Room::default();
            serve_upgrades(listener, move |upgraded| {
                let room = room.clone();
                async move {
                    let Some(websocket) = connect(upgraded).await else { return };
                    let _ = fan_out(websocket, &room, Beat::new(heartbeat)).await;
                }
            })
        }
    }
}

pub(super) fn serve_gathering(
    listener: TcpListener,
    _: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    serve_upgrades(listener, move |upgraded| async move {
        let Some(websocket) = connect(upgraded).await else { return };
        let buffered = |write| BufWriter::with_capacity(GATHERED, write);
        let _ = echo_in_halves(websocket, buffered, Beat::new(heartbeat)).await;
    })
}

fn serve_upgrades<F: Future<Output = ()> + 'static>(
    listener: TcpListener,
    serve: impl Fn(UpgradeFut) -> F + Clone + 'static,
) -> io::Result<()> {
    runtime::tokio(listener, move |stream| {
        let serve = serve.clone();
        upgrade::serve(stream, move |request| {
            let (response, upgraded) = fastwebsockets::upgrade::upgrade(request)?;
            spawn_local(serve(upgraded));
            Ok::<_, WebSocketError>(response)
        })
    })
}

/// Takes the socket out of hyper's boxes. That leaves no place for bytes sent before the handshake
/// was answered: such a client is turned away.
async fn connect(upgraded: UpgradeFut) -> Option<WebSocket<TcpStream>> {
    let upgraded = upgraded.await.ok()?.into_inner().into_inner();
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    if !parts.read_buf.is_empty() {
        return None;
    }
    let mut websocket = WebSocket::after_handshake(parts.io.into_inner(), Role::Server);
    // The first length that does not pass.
    websocket.set_max_message_size(MESSAGE_LIMIT + 1);
    Some(websocket)
}

/// The plain loop of its documentation.
async fn echo(websocket: &mut FragmentCollector<TcpStream>) -> Result<(), WebSocketError> {
    loop {
        let frame = websocket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => websocket.write_frame(frame).await?,
            OpCode::Continuation | OpCode::Ping | OpCode::Pong => {}
        }
    }
}

/// What its halves have to tell.
enum News {
    Frame(Frame<'static>),
    /// Nothing more can be received now, and there is something to send.
    Pause,
    Silence,
}

/// Its read future loses a header that was read if it is dropped, so whatever happens beside it is
/// done while it waits: sending what was gathered, and pings.
async fn echo_in_halves<W: AsyncWrite + Unpin>(
    websocket: WebSocket<TcpStream>,
    write: impl Fn(OwnedWriteHalf) -> W,
    mut beat: Beat,
) -> Result<(), WebSocketError> {
    let (reader, mut writer) = websocket.split(|stream| {
        let (read_half, write_half) = stream.into_split();
        (read_half, write(write_half))
    });
    let mut reader = FragmentCollectorRead::new(reader);
    let owed = RefCell::new(VecDeque::new());
    let mut owe = |frame| {
        owed.borrow_mut().push_back(frame);
        ready(Ok::<_, WebSocketError>(()))
    };
    let mut written = false;
    loop {
        let mut read = pin!(reader.read_frame(&mut owe));
        let frame = loop {
            let news = poll_fn(|cx| match read.as_mut().poll(cx) {
                Poll::Ready(frame) => Poll::Ready(frame.map(News::Frame)),
                Poll::Pending if written || !owed.borrow().is_empty() => {
                    Poll::Ready(Ok(News::Pause))
                }
                Poll::Pending => beat.poll_silent(cx).map(|()| Ok(News::Silence)),
            });
            match news.await? {
                News::Frame(frame) => break frame,
                News::Pause => {
                    send_owed(&mut writer, &owed).await?;
                    writer.flush().await?;
                    written = false;
                }
                News::Silence => owed.borrow_mut().push_back(ping()),
            }
        };
        beat.hear();
        send_owed(&mut writer, &owed).await?;
        match frame.opcode {
            OpCode::Close => return writer.flush().await,
            OpCode::Text | OpCode::Binary => {
                writer.write_frame(frame).await?;
                written = true;
            }
            OpCode::Continuation | OpCode::Ping | OpCode::Pong => {}
        }
    }
}

async fn fan_out(
    websocket: WebSocket<TcpStream>,
    room: &Room<Mailbox<Post>>,
    mut beat: Beat,
) -> Result<(), WebSocketError> {
    let (reader, mut writer) = websocket.split(TcpStream::into_split);
    let mut reader = FragmentCollectorRead::new(reader);
    let mailbox = Mailbox::default();
    let _seat = room.join(mailbox.clone());
    let mut owe = |frame: Frame<'static>| {
        mailbox.put(Post { opcode: frame.opcode, payload: into_bytes(frame.payload) });
        ready(Ok::<_, WebSocketError>(()))
    };
    loop {
        let mut read = pin!(reader.read_frame(&mut owe));
        let frame = loop {
            let news = poll_fn(|cx| {
                if mailbox.poll_mail(cx).is_ready() {
                    return Poll::Ready(Ok(News::Pause));
                }
                match read.as_mut().poll(cx) {
                    Poll::Ready(frame) => Poll::Ready(frame.map(News::Frame)),
                    Poll::Pending => beat.poll_silent(cx).map(|()| Ok(News::Silence)),
                }
            });
            match news.await? {
                News::Frame(frame) => break frame,
                News::Pause => send_mail(&mut writer, &mailbox).await?,
                News::Silence => mailbox.put(Post { opcode: OpCode::Ping, payload: Bytes::new() }),
            }
        };
        beat.hear();
        match frame.opcode {
            OpCode::Close => return send_mail(&mut writer, &mailbox).await,
            opcode @ (OpCode::Text | OpCode::Binary) => {
                let post = Post { opcode, payload: into_bytes(frame.payload) };
                room.each(|member| member.put(post.clone()));
            }
            OpCode::Continuation | OpCode::Ping | OpCode::Pong => {}
        }
    }
}

async fn send_owed<W: AsyncWrite + Unpin>(
    writer: &mut WebSocketWrite<W>,
    owed: &RefCell<VecDeque<Frame<'static>>>,
) -> Result<(), WebSocketError> {
    loop {
        let Some(frame) = owed.borrow_mut().pop_front() else { return Ok(()) };
        writer.write_frame(frame).await?;
    }
}

async fn send_mail(
    writer: &mut WebSocketWrite<OwnedWriteHalf>,
    mailbox: &Mailbox<Post>,
) -> Result<(), WebSocketError> {
    while let Some(post) = mailbox.take() {
        let payload = Payload::Borrowed(&post.payload);
        writer.write_frame(Frame::new(true, post.opcode, None, payload)).await?;
    }
    Ok(())
}

fn ping() -> Frame<'static> {
    Frame::new(true, OpCode::Ping, None, Payload::Borrowed(&[]))
}

fn into_bytes(payload: Payload<'static>) -> Bytes {
    match payload {
        Payload::Bytes(bytes) => bytes.freeze(),
        Payload::Owned(bytes) => bytes.into(),
        Payload::Borrowed(bytes) => Bytes::from_static(bytes),
        Payload::BorrowedMut(bytes) => Bytes::from_static(bytes),
    }
}
