//! The opening handshake by hyper, for the peers that build on it.

use std::convert::Infallible;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Serves requests until one is upgraded: `answer` makes the 101 and spawns what comes after it.
pub(crate) async fn serve<E>(
    stream: TcpStream,
    answer: impl Fn(&mut Request<Incoming>) -> Result<Response<Empty<Bytes>>, E>,
) {
    let service = service_fn(|mut request| {
        let response = answer(&mut request).unwrap_or_else(|_| {
            let mut refusal = Response::new(Empty::new());
            *refusal.status_mut() = StatusCode::BAD_REQUEST;
            refusal
        });
        async { Ok::<_, Infallible>(response) }
    });
    // A client that goes away in the middle of its handshake is no error of the server.
    let _ =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}
