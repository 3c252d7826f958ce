//! A chat client's connection as SocketRocket has it: callbacks on a delegate, and a profile to go with it.
//!
//! `cargo run --example delegate -- ws://127.0.0.1:9001`

use std::error::Error;

use longwire_smol::session::{Delegate, Delivery, Failure, Settled};
use longwire_smol::{Client, CloseCode, Message, Response, SessionConfig, line};

struct Chat {
    client: Client,
}

impl Delegate for Chat {
    fn did_open(&mut self, _: Option<&Response>) {
        println!("open");
    }

    fn did_receive_message(&mut self, message: Message<'_>) {
        println!("message: {}", message.as_text().unwrap_or("(not text)"));
        // Handles may be used from within: nothing is locked while a delegate is called.
        let _ = self.client.close(CloseCode::NORMAL, "seen enough");
    }

    fn did_fail(&mut self, failure: &Failure) {
        println!("failed: {failure}");
    }

    fn did_close(&mut self, code: CloseCode, reason: &str, was_clean: bool) {
        println!("closed: {code} {reason:?}, clean: {was_clean}");
    }

    fn did_settle(&mut self, settled: Settled) {
        println!("message {} was {}", settled.id, settled.outcome);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: delegate URL")?;
    smol::block_on(async {
        let (client, mut events, driving) = line(&url, SessionConfig::socket_rocket())?.share();
        let driving = smol::spawn(driving);
        client.post(Message::from("How are you?"), Delivery::Received)?;
        events.tell(&mut Chat { client }).await;
        println!("{}", driving.await);
        Ok(())
    })
}
