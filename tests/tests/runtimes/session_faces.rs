//! A session as a page knows it, and as SocketRocket's users do, over real sockets.

use core::time::Duration;
use std::net::TcpListener;
use std::thread;

use longwire::driver::BrowserWebSocket;
use longwire::handshake::Response;
use longwire::session::{BrowserEvent, Delegate, Delivery, Failure, State};
use longwire::{CloseCode, Message};
use longwire_tests::runtime::Runtime;

use crate::sessions::{config, line, listen};
use crate::support::{CLOSE, PING, PONG, Raw, TEXT, run};

on_each!(
    a_page_sees_open_message_and_close_again_and_again,
    a_delegate_is_told_that_it_closed_or_that_it_failed_and_never_both,
);

/// Echoes a message and is gone; echoes the next, on another connection, and is closed.
fn echo_twice(listener: &TcpListener) {
    for is_last in [false, true] {
        let mut raw = Raw::accept(listener);
        raw.welcome();
        let (kind, payload) = raw.receive();
        assert_eq!((kind, &*payload), (TEXT, &b"hello"[..]));
        raw.send(TEXT, &payload);
        if is_last {
            let (kind, payload) = raw.receive();
            assert_eq!((kind, &payload[..2]), (CLOSE, &1000_u16.to_be_bytes()[..]));
            raw.send(CLOSE, &payload);
        }
    }
}

fn a_page_sees_open_message_and_close_again_and_again<R: Runtime>() {
    let (listener, url) = listen();
    thread::scope(|scope| {
        scope.spawn(move || echo_twice(&listener));
        run::<R, _>(async {
            let (client, events, driving) = line::<R>(&url, config()).share();
            let mut page = BrowserWebSocket::new(events);
            assert_eq!(page.ready_state(), 0);
            // A page's would throw.
            page.send(Message::from("hello")).expect("there is room");
            assert_eq!(page.buffered_amount(), 5);
            R::spawn(async move {
                let _ = driving.await;
            });
            assert_eq!(page.next().await, Some(BrowserEvent::Open));
            assert_eq!(page.next().await, Some(BrowserEvent::Message(Message::from("hello"))));
            assert_eq!(page.buffered_amount(), 0);

            // The server goes, and is there again.
            assert_eq!(page.next().await, Some(BrowserEvent::Error));
            let Some(BrowserEvent::Close(close)) = page.next().await else { panic!("a close") };
            assert_eq!((close.code, close.was_clean), (CloseCode::ABNORMAL, false));
            assert_eq!(page.next().await, Some(BrowserEvent::Open));
            assert_eq!(page.ready_state(), 1);
            page.send(Message::from("hello")).expect("there is room");
            assert_eq!(page.next().await, Some(BrowserEvent::Message(Message::from("hello"))));

            assert!(page.close(CloseCode::GOING_AWAY, "").is_err(), "not a page's to say");
            page.close(CloseCode::NORMAL, "bye").expect("a page may");
            assert!(page.ready_state() >= 2);
            let Some(BrowserEvent::Close(close)) = page.next().await else { panic!("a close") };
            assert_eq!(
                (close.code, &*close.reason, close.was_clean),
                (CloseCode::NORMAL, "bye", true)
            );
            assert_eq!(page.next().await, None);
            assert_eq!((page.ready_state(), client.state()), (3, State::Stopped));
        });
    });
}

/// What was told, in order.
#[derive(Default)]
struct Told(Vec<String>);

impl Delegate for Told {
    fn did_open(&mut self, response: Option<&Response>) {
        let status = response.map(Response::status);
        self.0.push(format!("open {status:?}"));
    }

    fn did_receive_message(&mut self, message: Message<'_>) {
        self.0.push(format!("message {}", message.as_text().expect("text")));
    }

    fn did_fail(&mut self, failure: &Failure) {
        self.0.push(String::from(if matches!(failure, Failure::Closed(_)) {
            "lost"
        } else {
            "failed"
        }));
    }

    fn did_close(&mut self, code: CloseCode, reason: &str, was_clean: bool) {
        self.0.push(format!("closed {} {reason} {was_clean}", code.get()));
    }

    fn did_receive_pong(&mut self, payload: &[u8], round_trip: Option<Duration>) {
        let payload = String::from_utf8_lossy(payload);
        self.0.push(format!("pong {payload} {}", round_trip.is_some()));
    }
}

fn a_delegate_is_told_that_it_closed_or_that_it_failed_and_never_both<R: Runtime>() {
    let (listener, url) = listen();
    let told = thread::scope(|scope| {
        scope.spawn(move || {
            // Gone before it was open; gone without a word; closed.
            drop(Raw::accept(&listener));
            let mut lost = Raw::accept(&listener);
            lost.welcome();
            assert_eq!((lost.receive().0, lost.receive().0), (TEXT, PING));
            drop(lost);
            let mut raw = Raw::accept(&listener);
            raw.welcome();
            assert_eq!(raw.receive(), (TEXT, b"ready".to_vec()));
            // What confirms a message is between the ends, and not for a delegate.
            let (kind, payload) = raw.receive();
            assert_eq!(kind, PING);
            raw.send(PONG, &payload);
            raw.send(PONG, b"unasked");
            raw.send(TEXT, b"hello");
            raw.send(PING, b"are you there?");
            assert_eq!(raw.receive(), (PONG, b"are you there?".to_vec()));
            raw.send(CLOSE, &[&4000_u16.to_be_bytes()[..], b"enough"].concat());
            assert_eq!(raw.receive().0, CLOSE);
        });
        run::<R, _>(async {
            let (client, mut events, driving) = line::<R>(&url, config()).share();
            R::spawn(async move {
                let _ = driving.await;
            });
            client.post(Message::from("ready"), Delivery::Received).expect("there is room");
            let mut told = Told::default();
            events.tell(&mut told).await;
            told.0
        })
    });
    assert_eq!(
        told,
        [
            "failed",
            "open Some(101)",
            "lost",
            "open Some(101)",
            "pong unasked false",
            "message hello",
            "closed 4000 enough true",
        ]
    );
}
