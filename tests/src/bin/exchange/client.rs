//! `exchange client`.

use core::pin::pin;
use std::error::Error;

use futures_util::future::{Either, select};
use longwire::CloseCode;
use longwire::driver::Timer as _;
use longwire::handshake::Request;
use longwire::session::Delivery;
use longwire_tests::runtime::{Line, Runtime};
use longwire_tests::waiting::{Woken, next};

use crate::args::Args;
use crate::flow::{Flow, Meant};
use crate::journal::Journal;

/// Ends well when everything of its own was confirmed, everything of the server's is here, and the
/// server has said that the same is true of it.
pub(crate) async fn client<R: Runtime>(args: &Args, url: &str) -> Result<(), Box<dyn Error>> {
    let (journal, past) = Journal::open(&args.log)?;
    let line = R::line(Request::parse(url)?, args.config.clone());
    let mut flow = Flow::new(journal, past, args, line.now())?;
    let talking = async {
        if args.shared {
            shared::<R>(line, &mut flow).await
        } else {
            inline::<R>(line, &mut flow).await
        }
    };
    match select(pin!(talking), pin!(R::sleep(args.deadline))).await {
        Either::Left((ending, _)) => ending,
        Either::Right(_) => Err("out of time".into()),
    }
}

async fn inline<R: Runtime>(mut line: Line<R>, flow: &mut Flow) -> Result<(), Box<dyn Error>> {
    let (mut server_done, mut closing) = (false, false);
    loop {
        flow.send_by::<R>(&mut line)?;
        if server_done && flow.is_complete() && !closing {
            line.close(CloseCode::NORMAL, "done")?;
            closing = true;
        }
        let never = core::future::pending::<()>();
        match next::<R, _>(&mut line, flow.due(), pin!(never)).await {
            Woken::News => {
                let Some(event) = line.session_mut().event() else { continue };
                match flow.note(&event)? {
                    Meant::Done => server_done = true,
                    Meant::Stopped => break,
                    Meant::Nothing | Meant::DoneHeard | Meant::Down { .. } => {}
                }
            }
            Woken::Other(()) | Woken::Due => {}
        }
    }
    flow.statistics(&line.session().statistics())?;
    if closing { Ok(()) } else { Err("stopped before it was done".into()) }
}

/// The same by a handle and a stream of events, with a task that drives the session.
async fn shared<R: Runtime>(line: Line<R>, flow: &mut Flow) -> Result<(), Box<dyn Error>> {
    let (client, mut events, driving) = line.share();
    R::spawn(async move {
        driving.await;
    });
    let timer = R::Timer::default();
    let (mut server_done, mut closing) = (false, false);
    loop {
        flow.send(timer.now(), |message| {
            client.post(message, Delivery::Received).map_err(|refused| refused.kind())
        })?;
        if server_done && flow.is_complete() && !closing {
            client.close(CloseCode::NORMAL, "done")?;
            closing = true;
        }
        let wait = async {
            match flow.due() {
                Some(due) => R::sleep(due.saturating_since(timer.now())).await,
                None => core::future::pending().await,
            }
        };
        let event = match select(pin!(events.next()), pin!(wait)).await {
            Either::Left((Some(event), _)) => event,
            Either::Left((None, _)) => return Err("no more events".into()),
            Either::Right(_) => continue,
        };
        match flow.note(&event)? {
            Meant::Done => server_done = true,
            Meant::Stopped => break,
            Meant::Nothing | Meant::DoneHeard | Meant::Down { .. } => {}
        }
    }
    flow.statistics(&client.statistics())?;
    if closing { Ok(()) } else { Err("stopped before it was done".into()) }
}
