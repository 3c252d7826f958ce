//! `exchange serve`.

use core::convert::Infallible;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write as _};
use std::net;

use futures_util::Stream as _;
use longwire::handshake::{Acceptance, OriginPolicy, Response};
use longwire::{CloseCode, Config, SessionConfig};
use longwire_tests::runtime::{Runtime, WebSocket};
use longwire_tests::waiting::{Woken, next};
use smol::channel::{Receiver, Sender, bounded, unbounded};

use crate::args::Args;
use crate::flow::{Flow, Meant};
use crate::journal::Journal;

/// Nothing is ever sent: that the other end is gone is the message.
type Signal = Receiver<Infallible>;

/// What the listening socket's task is told.
enum Told<R: Runtime> {
    Opened(String, WebSocket<R>),
    Ended(Result<(), String>),
}

/// A session for each client, which outlives its connections.
pub(crate) async fn serve<R: Runtime>(args: &Args, listen: &str) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(&args.log)?;
    let mut args = args.clone();
    let heartbeat = args.config.connection.heartbeat;
    args.config.connection = Config::server();
    args.config.connection.heartbeat = heartbeat;
    let mut terminated = pin!(R::terminated()?);
    let listener = net::TcpListener::bind(listen)?;
    let address = listener.local_addr()?;
    let listener = R::listener(listener)?;
    println!("listening on ws://{address}");
    io::stdout().flush()?;

    let (tell, told) = unbounded::<Told<R>>();
    let (stop, stopped) = bounded::<Infallible>(1);
    let mut sessions: BTreeMap<String, Sender<WebSocket<R>>> = BTreeMap::new();
    let mut told = pin!(told);
    let mut running = 0_u32;
    let mut result = Ok(());
    loop {
        let mut accepting = pin!(R::next_stream(&listener));
        let woken = poll_fn(|cx| {
            if terminated.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            if let Poll::Ready(news) = told.as_mut().poll_next(cx) {
                return Poll::Ready(news.map(Ok));
            }
            accepting.as_mut().poll(cx).map(|stream| Some(Err(stream)))
        })
        .await;
        match woken {
            None => break,
            Some(Err(Ok(stream))) => {
                R::spawn(open::<R>(stream, args.config.clone(), tell.clone()));
            }
            // Out of descriptors, perhaps.
            Some(Err(Err(error))) => {
                eprintln!("exchange: cannot accept: {error}");
                R::sleep(Duration::from_millis(50)).await;
            }
            Some(Ok(Told::Opened(name, websocket))) => {
                let session = sessions.entry(name.clone()).or_insert_with(|| {
                    running += 1;
                    let (adopt, adopted) = unbounded();
                    let session = session::<R>(args.clone(), name, adopted, stopped.clone());
                    let tell = tell.clone();
                    R::spawn(async move {
                        let result = session.await.map_err(|error| error.to_string());
                        let _ = tell.send(Told::Ended(result)).await;
                    });
                    adopt
                });
                // A session that has ended needs no connection.
                let _ = session.try_send(websocket);
            }
            Some(Ok(Told::Ended(ending))) => {
                running -= 1;
                result = ending;
                break;
            }
        }
    }
    drop((listener, stop));
    // Every session closes with 1001, within its deadlines.
    while running > 0 {
        if let Ok(Told::Ended(ending)) = told.recv().await {
            running -= 1;
            result = result.and(ending);
        }
    }
    Ok(result?)
}

/// One connection's opening handshake.
async fn open<R: Runtime>(stream: R::Stream, config: SessionConfig, tell: Sender<Told<R>>) {
    let Ok(request) = R::receive_request(stream, config.connection).await else { return };
    let name = request.incoming().request().query().unwrap_or_default().to_owned();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        if let Ok(response) = Response::new(400) {
            let _ = request.reject(response).await;
        }
        return;
    }
    let acceptance = Acceptance::new().origin(OriginPolicy::Any);
    if let Ok(websocket) = request.accept(acceptance).await {
        let _ = tell.send(Told::Opened(name, websocket)).await;
    }
}

/// One client's session. Ends when it is done, or stopped.
///
/// Driven inline: an event is in the journal before anything behind it is read, and so before a ping
/// is answered that says that it was.
async fn session<R: Runtime>(
    args: Args,
    name: String,
    adopted: Receiver<WebSocket<R>>,
    stopped: Signal,
) -> io::Result<()> {
    let (journal, past) = Journal::open(&args.log.join(format!("{name}.log")))?;
    let mut line = R::adopting(args.config.clone());
    let mut flow = Flow::new(journal, past, &args, line.now())?;
    let (mut said_done, mut heard, mut closing) = (false, false, false);
    let mut stop = pin!(stopped.recv());
    let mut out_of_time = pin!(R::sleep(args.deadline));
    loop {
        flow.send_by::<R>(&mut line)?;
        if flow.is_complete() && !said_done && !closing {
            said_done = flow.say_done::<R>(&mut line);
        }
        let mut adopt = pin!(adopted.recv());
        let mut other = pin!(poll_fn(|cx| {
            if !closing && stop.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Some(Err("stopped")));
            }
            if out_of_time.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Some(Err("out of time")));
            }
            adopt.as_mut().poll(cx).map(|websocket| websocket.ok().map(Ok))
        }));
        match next::<R, _>(&mut line, flow.due(), other.as_mut()).await {
            Woken::News => {
                let Some(event) = line.session_mut().event() else { continue };
                match flow.note(&event)? {
                    Meant::DoneHeard => heard = true,
                    // The client closes when it has heard, whether that was confirmed or not.
                    Meant::Down { content } if said_done && (content || heard) => {
                        line.session_mut().abort();
                    }
                    Meant::Stopped => break,
                    Meant::Nothing | Meant::Done | Meant::Down { .. } => {}
                }
            }
            Woken::Other(Some(Ok(websocket))) => {
                let _ = line.adopt(websocket);
            }
            Woken::Other(Some(Err("stopped"))) => {
                closing = true;
                let _ = line.close(CloseCode::GOING_AWAY, "started again");
            }
            Woken::Other(Some(Err(why))) => return Err(io::Error::other(why)),
            // The listener's task ends after this one.
            Woken::Other(None) => return Ok(()),
            Woken::Due => {}
        }
    }
    flow.statistics(&line.session().statistics())
}
