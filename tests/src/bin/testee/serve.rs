//! `testee serve`.

use core::convert::Infallible;
use core::pin::pin;
use core::time::Duration;
use std::error::Error;
use std::io::Write as _;
use std::net;

use futures_util::future::{Either, select};
use longwire::connection::Heartbeat;
use longwire::driver::Answer;
use longwire::handshake::{Acceptance, OriginPolicy};
use longwire::{CloseCode, Config};
use longwire_tests::runtime::Runtime;
use smol::channel::{Receiver, Sender, bounded};

use crate::args::{Args, Serve};
use crate::echo::echo;

/// Nothing is ever sent: that the other end is gone is the message.
type Signal = Receiver<Infallible>;

pub(crate) async fn serve<R: Runtime>(args: &Args, options: &Serve) -> Result<(), Box<dyn Error>> {
    let mut config = Config::server().with_message_limit(args.limit);
    config.heartbeat = options.heartbeat.map(|after| Heartbeat::new(after, after));
    config.close_timeout = options.close_deadline;
    config.handshake.deadline = options.handshake_deadline;

    let mut acceptance = Acceptance::new().origin(OriginPolicy::Any);
    if let Some(deflate) = args.deflate {
        acceptance = acceptance.deflate(deflate);
    }

    let mut terminated = pin!(R::terminated()?);
    let listener = net::TcpListener::bind(("127.0.0.1", options.port))?;
    let address = listener.local_addr()?;
    let listener = R::listener(listener)?;
    println!("listening on ws://{address}");
    std::io::stdout().flush()?;

    let (stop, stopped) = bounded(1);
    let (running, idle) = bounded(1);
    loop {
        match select(pin!(R::next_stream(&listener)), terminated.as_mut()).await {
            Either::Left((Ok(stream), _)) => {
                let session = session::<R>(
                    stream,
                    config,
                    acceptance.clone(),
                    stopped.clone(),
                    running.clone(),
                );
                R::spawn(session);
            }
            // Out of descriptors, perhaps: whoever is connected still is.
            Either::Left((Err(error), _)) => {
                eprintln!("testee: cannot accept: {error}");
                R::sleep(Duration::from_millis(50)).await;
            }
            Either::Right(_) => break,
        }
    }
    drop((listener, stop, running));
    let _ = select(pin!(idle.recv()), pin!(R::sleep(options.close_deadline))).await;
    Ok(())
}

/// One connection, from its request to its end.
async fn session<R: Runtime>(
    stream: R::Stream,
    config: Config,
    acceptance: Acceptance,
    stopped: Signal,
    _running: Sender<Infallible>,
) {
    let accepted = {
        let accepting = pin!(R::accept(stream, config, |_| Answer::Accept(acceptance)));
        match select(accepting, pin!(stopped.recv())).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right(_) => return,
        }
    };
    // A client that was refused has been told.
    let Ok(mut websocket) = accepted else { return };
    let mut stopped = pin!(stopped.recv());
    loop {
        match select(pin!(echo::<R>(&mut websocket)), stopped.as_mut()).await {
            Either::Left((None, _)) => {}
            Either::Left((Some(_), _)) => return,
            // At most one answer, for which there was no room, is dropped with what was waited for.
            Either::Right(_) => break,
        }
    }
    let _ = websocket.close(CloseCode::GOING_AWAY, "the server is stopped");
    while echo::<R>(&mut websocket).await.is_none() {}
}
