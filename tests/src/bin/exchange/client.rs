//! `exchange client`.

use core::pin::pin;
use std::error::Error;

use longwire::CloseCode;
use longwire::handshake::Request;
use longwire_tests::runtime::Runtime;

use crate::args::Args;
use crate::flow::{Flow, Meant, Woken, next};
use crate::journal::Journal;

/// Ends well when everything of its own was confirmed, everything of the server's is here, and the
/// server has said that the same is true of it.
pub(crate) async fn client<R: Runtime>(args: &Args, url: &str) -> Result<(), Box<dyn Error>> {
    let (journal, past) = Journal::open(&args.log)?;
    let mut line = R::line(Request::parse(url)?, args.config.clone());
    let mut flow = Flow::new(journal, past, args, line.now())?;
    let mut out_of_time = pin!(R::sleep(args.deadline));
    let (mut server_done, mut closing) = (false, false);
    loop {
        flow.send::<R>(&mut line)?;
        if server_done && flow.is_complete() && !closing {
            line.close(CloseCode::NORMAL, "done")?;
            closing = true;
        }
        match next::<R, _>(&mut line, flow.due(), out_of_time.as_mut()).await {
            Woken::News => {
                let Some(event) = line.session_mut().event() else { continue };
                match flow.note(&event)? {
                    Meant::Done => server_done = true,
                    Meant::Stopped => break,
                    Meant::Nothing | Meant::DoneHeard | Meant::Down { .. } => {}
                }
            }
            Woken::Other(()) => return Err("out of time".into()),
            Woken::Due => {}
        }
    }
    flow.statistics(line.session())?;
    if closing { Ok(()) } else { Err("stopped before it was done".into()) }
}
