//! A server for the tests: one blocking thread a connection, in plain sight.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::Server;

/// What it does with a message, or before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Echo,
    /// Each message also goes to all others.
    FanOut,
    /// Each byte comes back, without a handshake.
    Raw,
    /// A ping before each echo, whose pong is due before the next message.
    Ping,
    /// A ping in one piece with the answer, whose pong is due before the first message.
    PingFirst,
    /// The last byte of each message is changed.
    Flip,
    Twice,
    Silent,
    /// Answers a message with a close frame.
    Close,
    /// Sends a close frame after the handshake and reads no more.
    TooBig,
    /// Ends the stream after the handshake.
    HangUp,
    /// Refuses the handshake.
    Refuse,
}

/// Starts one that lives as long as the test process.
pub(crate) fn serve(behaviour: Behaviour) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let members = Arc::new(Mutex::new(Vec::new()));
        for stream in listener.incoming() {
            let (stream, members) = (stream.unwrap(), Arc::clone(&members));
            // A client that goes away is the end of the connection, and of nothing else.
            thread::spawn(move || drop(converse(stream, behaviour, &members)));
        }
    });
    Server::new(&address.to_string()).unwrap()
}

fn converse(
    mut stream: TcpStream,
    behaviour: Behaviour,
    members: &Mutex<Vec<TcpStream>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if behaviour == Behaviour::Raw {
        return io::copy(&mut stream.try_clone()?, &mut stream).map(drop);
    }
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    assert!(request.starts_with(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:"));
    if behaviour == Behaviour::Refuse {
        return stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n");
    }
    members.lock().unwrap().push(stream.try_clone()?);
    let mut answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
          Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        .to_vec();
    if behaviour == Behaviour::PingFirst {
        answer.extend([0x89, 0]);
    }
    stream.write_all(&answer)?;
    if behaviour == Behaviour::HangUp {
        return stream.shutdown(Shutdown::Write);
    }
    if behaviour == Behaviour::TooBig {
        members.lock().unwrap().clear();
        return write(&mut stream, 0x88, &1009_u16.to_be_bytes());
    }
    if behaviour == Behaviour::PingFirst {
        assert_eq!(frame(&mut stream)?, (0x8a, vec![]));
    }
    let mut message = Vec::new();
    let mut kind = 0;
    loop {
        let (first, payload) = frame(&mut stream)?;
        match first & 0x0f {
            8 => return write(&mut stream, 0x88, &payload),
            opcode => kind = opcode.max(kind),
        }
        message.extend(payload);
        if first & 0x80 == 0 {
            continue;
        }
        match behaviour {
            Behaviour::Silent => {}
            Behaviour::Close => write(&mut stream, 0x88, &1001_u16.to_be_bytes())?,
            Behaviour::Flip => {
                *message.last_mut().unwrap() ^= 1;
                write(&mut stream, 0x80 | kind, &message)?;
            }
            Behaviour::Twice => {
                write(&mut stream, 0x80 | kind, &message)?;
                write(&mut stream, 0x80 | kind, &message)?;
            }
            Behaviour::Ping => {
                write(&mut stream, 0x89, b"ping")?;
                assert_eq!(frame(&mut stream)?, (0x8a, b"ping".to_vec()));
                write(&mut stream, 0x80 | kind, &message)?;
            }
            Behaviour::FanOut => {
                for mut member in &*members.lock().unwrap() {
                    write(&mut member, 0x80 | kind, &message)?;
                }
            }
            Behaviour::Echo
            | Behaviour::PingFirst
            | Behaviour::Raw
            | Behaviour::TooBig
            | Behaviour::HangUp
            | Behaviour::Refuse => write(&mut stream, 0x80 | kind, &message)?,
        }
        message.clear();
        kind = 0;
    }
}

fn frame(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut header = [0; 2];
    stream.read_exact(&mut header)?;
    assert_eq!(header[1] & 0x80, 0x80, "a client masks");
    let mut size = [0; 8];
    let size = match header[1] & 0x7f {
        126 => {
            stream.read_exact(&mut size[6..])?;
            u64::from_be_bytes(size)
        }
        127 => {
            stream.read_exact(&mut size)?;
            u64::from_be_bytes(size)
        }
        size => size.into(),
    };
    let mut key = [0; 4];
    stream.read_exact(&mut key)?;
    let mut payload = vec![0; size as usize];
    stream.read_exact(&mut payload)?;
    payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    Ok((header[0], payload))
}

fn write(stream: &mut impl Write, first: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(len as u8),
        len @ 126..=0xffff => {
            frame.push(126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    stream.write_all(&frame)
}
