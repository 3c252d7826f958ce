//! `wss`: longwire over a TLS stream of the application's own, on both runtimes.
#![cfg(feature = "runtimes")]

use std::sync::Arc;

use longwire::driver::{self, Answer, Connect, Line, Timer, Transport};
use longwire::handshake::{Acceptance, Incoming, Request};
use longwire::session::{self, ConnectFailure, Delivery, Failure, Loss, Outcome, Stopped};
use longwire::{CloseCode, Closed, Config, Event, Initiator, Message, SessionConfig};
use longwire_tests::runtime::{Runtime, Smol, Tokio};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The test of each runtime: what differs is where TLS and TCP come from.
macro_rules! echo_over_tls {
    ($test:ident, $runtime:ident, $adapter:ident, $tls:ident, $net:path) => {
        #[test]
        fn $test() {
            use $net as net;
            let (client, server) = certified();
            let serve = async |listener: &net::TcpListener| {
                let (stream, _) = listener.accept().await.expect("a connection");
                let stream = $tls::TlsAcceptor::from(server).accept(stream).await.expect("TLS");
                let accepting = $adapter::accept_over(stream, Config::server(), welcome);
                answer(&mut accepting.await.expect("an upgrade")).await
            };
            let call = async |url: String| {
                let request = Request::parse(&url).expect("a URL");
                let target = request.target();
                let stream = net::TcpStream::connect(("127.0.0.1", target.port())).await;
                let name = ServerName::try_from(target.host().to_owned()).expect("a name");
                let connector = $tls::TlsConnector::from(client);
                let stream = connector.connect(name, stream.expect("TCP")).await.expect("TLS");
                let connecting = $adapter::connect_over(stream, &request, Config::client());
                ask(&mut connecting.await.expect("a connection").0).await
            };
            let both = async {
                let listener = net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let port = listener.local_addr().expect("an address").port();
                let url = format!("wss://localhost:{port}/");
                futures_util::future::join(call(url), serve(&listener)).await
            };
            let (client, server) = $runtime::block_on(both);
            assert_eq!((client.initiator, client.clean), (Initiator::Local, true), "{client:?}");
            assert_eq!((server.initiator, server.clean), (Initiator::Remote, true), "{server:?}");
        }
    };
}

/// A session over TLS: with a server it trusts, and with one that it has no reason to trust.
macro_rules! session_over_tls {
    ($test:ident, $runtime:ident, $adapter:ident, $tls:ident, $net:path) => {
        #[test]
        fn $test() {
            use $net as net;
            for trusted in [true, false] {
                let (client, server) = certified();
                let client = if trusted { client } else { certified().0 };
                let both = async {
                    let listener = net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
                    let port = listener.local_addr().expect("an address").port();
                    let request = Request::parse(&format!("wss://localhost:{port}/"));
                    let request = request.expect("a URL");
                    let serve = async {
                        let (stream, _) = listener.accept().await.expect("a connection");
                        let accepting = $tls::TlsAcceptor::from(server).accept(stream).await;
                        let Ok(stream) = accepting else { return };
                        let accepting = $adapter::accept_over(stream, Config::server(), welcome);
                        let mut websocket = accepting.await.expect("an upgrade");
                        while websocket.next().await.is_some() {}
                    };
                    let connect = move |_| {
                        let (request, client) = (request.clone(), Arc::clone(&client));
                        async move {
                            let failed = |error: std::io::Error| ConnectFailure::from(error.kind());
                            let stream = $adapter::dial(&request).await?;
                            let name = ServerName::try_from(request.target().host().to_owned());
                            let name = name.map_err(|_| ConnectFailure::Unusable)?;
                            let connector = $tls::TlsConnector::from(client);
                            Ok((connector.connect(name, stream).await.map_err(failed)?, request))
                        }
                    };
                    let line = $adapter::line_over(connect, SessionConfig::DEFAULT);
                    futures_util::future::join(hold(line), serve).await.0
                };
                let (outcome, failure, stopped) = $runtime::block_on(both);
                if trusted {
                    assert_eq!((outcome, stopped), (Outcome::Received, Stopped::Closed));
                } else {
                    assert_eq!(outcome, Outcome::Lost(Loss::Stopped));
                    assert_eq!(failure, Failure::Connect(ConnectFailure::Untrusted));
                    assert_eq!(stopped, Stopped::Refused);
                }
            }
        }
    };
}

session_over_tls!(tokio_session, Tokio, longwire_tokio, tokio_rustls, tokio::net);
session_over_tls!(smol_session, Smol, longwire_smol, futures_rustls, smol::net);

/// Sends one message, and closes when that has its outcome: which it was, how the one attempt ended, and
/// why the session stopped.
async fn hold<K: Connect, C: Timer>(mut line: Line<K, C>) -> (Outcome, Failure, Stopped) {
    line.send(Message::from("hello"), Delivery::Received).expect("there is room");
    let (mut outcome, mut failure) = (None, None);
    loop {
        match line.next().await {
            Some(session::Event::Settled(settled)) => {
                outcome = Some(settled.outcome);
                line.close(CloseCode::NORMAL, "").expect("1000 may be sent");
            }
            Some(session::Event::Closed(closed)) => {
                assert!(failure.replace(closed.failure).is_none(), "a second attempt");
            }
            Some(session::Event::Stopped(stopped)) => {
                return (outcome.expect("an outcome"), failure.expect("an end"), stopped);
            }
            Some(_) => {}
            None => panic!("it had not stopped"),
        }
    }
}

echo_over_tls!(tokio, Tokio, longwire_tokio, tokio_rustls, tokio::net);
echo_over_tls!(smol, Smol, longwire_smol, futures_rustls, smol::net);

/// Messages there and back, then the closing handshake.
async fn ask<T: Transport, C: Timer>(websocket: &mut driver::WebSocket<T, C>) -> Closed {
    for size in [0, 1, 20_000, 500_000] {
        let message = Message::from(vec![7; size]);
        assert!(websocket.feed(message.clone()).await.is_ok());
        assert!(matches!(websocket.next().await, Some(Event::Message(echo)) if echo == message));
    }
    websocket.finish(CloseCode::NORMAL, "done").await.expect("it can").expect("an end")
}

async fn answer<T: Transport, C: Timer>(websocket: &mut driver::WebSocket<T, C>) -> Closed {
    loop {
        match websocket.next_with_sender().await {
            Some((Event::Message(message), mut sender)) => assert!(sender.send(message).is_ok()),
            Some((Event::Closed(closed), _)) => return *closed,
            other => panic!("{:?}", other.map(|(event, _)| event)),
        }
    }
}

fn welcome(_: &Incoming) -> Answer {
    Answer::Accept(Acceptance::new())
}

/// A certificate for `localhost`, and a client that trusts it.
fn certified() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("issued");
    let certificate = issued.cert.der().clone();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).expect("a key");
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let provider = Arc::new(ring::default_provider());
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("it fits the key");
    (Arc::new(client), Arc::new(server))
}
