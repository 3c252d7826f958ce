//! hyper in front of those who leave HTTP to it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, ready};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::pipe::{Pipe, complete};

pub(super) fn serve<F: Future>(
    pipe: Pipe,
    upgrade: impl Fn(&mut Request<Incoming>) -> (Response<Empty<Bytes>>, F),
) -> F::Output {
    let upgraded = RefCell::new(None);
    let service = service_fn(|mut request| {
        let (response, upgrading) = upgrade(&mut request);
        upgraded.replace(Some(upgrading));
        ready(Ok::<_, Infallible>(response))
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(pipe), service);
    complete(connection.with_upgrades()).expect("the request is valid");
    complete(upgraded.take().expect("the service was called"))
}
