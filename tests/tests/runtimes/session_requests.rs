//! The request of a session is asked for anew at each attempt.

use core::sync::atomic::{AtomicU32, Ordering};
use std::net::TcpListener;
use std::thread;

use longwire::SessionConfig;
use longwire::handshake::{HandshakeError, Request};
use longwire::session::{Failure, Policy, Verdict};
use longwire_tests::runtime::Runtime;

use crate::sessions::{config, listen, next_end, until_open, until_stopped};
use crate::support::{Raw, run};

on_each!(
    a_busy_server_sees_another_token_each_time,
    a_token_that_was_refused_is_replaced_if_the_policy_says_so,
);

fn token(head: &str) -> u32 {
    let token = head.lines().find_map(|line| line.strip_prefix("Authorization: Bearer "));
    token.expect("a token").parse().expect("a number")
}

/// Refuses the first two with `status`, opens the third, and says which tokens they had.
fn serve(listener: &TcpListener, status: &str) -> Vec<u32> {
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let mut raw = Raw::accept(listener);
        tokens.push(token(&raw.head()));
        raw.write(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes());
    }
    let mut raw = Raw::accept(listener);
    let (head, answer) = raw.request();
    tokens.push(token(&head));
    raw.write(&answer);
    raw.await_end();
    tokens
}

/// Says with which errors the attempts failed, and which tokens the server saw.
fn attempts<R: Runtime>(status: &str, config: SessionConfig) -> (Vec<HandshakeError>, Vec<u32>) {
    let (listener, url) = listen();
    thread::scope(|scope| {
        let server = scope.spawn(move || serve(&listener, status));
        let refused = run::<R, _>(async {
            let count = AtomicU32::new(0);
            let request = move || {
                let token = count.fetch_add(1, Ordering::Relaxed) + 1;
                let request = Request::parse(&url).expect("a URL");
                request.header("Authorization", format!("Bearer {token}")).expect("a header")
            };
            let mut line = R::line_with(request, config);
            let mut refused = Vec::new();
            for _ in 0..2 {
                let (failure, _) = next_end::<R>(&mut line).await;
                let Failure::Handshake(refusal) = failure else { panic!("{failure:?}") };
                refused.push(refusal.error);
            }
            until_open::<R>(&mut line).await;
            line.session_mut().abort();
            until_stopped::<R>(&mut line).await;
            refused
        });
        (refused, server.join().expect("the raw server panicked"))
    })
}

fn a_busy_server_sees_another_token_each_time<R: Runtime>() {
    let (refused, tokens) = attempts::<R>("503 Busy", config());
    assert_eq!(refused, [HandshakeError::Declined(503); 2]);
    assert_eq!(tokens, [1, 2, 3]);
}

fn a_token_that_was_refused_is_replaced_if_the_policy_says_so<R: Runtime>() {
    let mut config = config();
    config.policy = Policy::new(|failure, verdict| {
        let expired = HandshakeError::Declined(401);
        let is_expired = matches!(failure, Failure::Handshake(refusal) if refusal.error == expired);
        if is_expired { Verdict::Retry } else { verdict }
    });
    let (refused, tokens) = attempts::<R>("401 Expired", config);
    assert_eq!(refused, [HandshakeError::Declined(401); 2]);
    assert_eq!(tokens, [1, 2, 3]);
}
