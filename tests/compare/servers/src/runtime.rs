//! One thread that listens, and spawns a task a connection.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;

use socket2::{Domain, Socket, Type};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

const BACKLOG: i32 = 4096;

/// Listens on a port of the system's choice.
pub(crate) fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves on tokio until something fails.
pub(crate) fn tokio<F: Future<Output = ()> + 'static>(
    listener: TcpListener,
    serve: impl Fn(tokio::net::TcpStream) -> F,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    stream.set_nodelay(true)?;
                    spawn_local(serve(stream));
                }
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    })
}

/// Serves on smol until something fails. `block_on` polls the reactor on this thread.
pub(crate) fn smol<F: Future<Output = ()> + 'static>(
    listener: TcpListener,
    serve: impl Fn(async_net::TcpStream) -> F,
) -> io::Result<()> {
    let executor = Rc::new(smol::LocalExecutor::new());
    smol::block_on(executor.run(async {
        let listener = async_net::TcpListener::try_from(listener)?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    stream.set_nodelay(true)?;
                    executor.spawn(serve(stream)).detach();
                }
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }))
}
