use core::cell::RefCell;
use core::fmt;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::rc::Rc;

use bytes::Buf;
use longwire::buffer::Outbox;
use longwire::driver::Transport;
use longwire::error::TransportFailure;

use crate::properties::Lcg;

/// The calls of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `poll_read`
    Read,
    /// `poll_write`
    Write,
    /// `poll_flush`
    Flush,
    /// `poll_shutdown`
    Shutdown,
}

impl Call {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Flush, Self::Shutdown];
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The call fails, and so does every later one of its kind.
    Error,
    /// It is not ready, now and ever after.
    Hang,
    /// It is not ready, but will be at once.
    Pending,
    /// It moves one byte.
    Short,
}

/// At which call what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which kind of call.
    pub call: Call,
    /// Which of them, from 0.
    pub nth: usize,
    /// What happens there.
    pub what: What,
}

/// How a transport answers when nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// With everything there is.
    Whole,
    /// Not yet, little, or everything, as the seed says.
    Fickle(u64),
}

/// How a transport behaves.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// Its mood.
    pub mood: Mood,
    /// What goes wrong.
    pub fault: Option<Fault>,
    /// Whether it knows when it is readable, and says so.
    pub gated: bool,
    /// Whether what is written leaves only when flushed.
    pub buffered: bool,
}

impl Script {
    /// Always everything at once.
    pub const WHOLE: Self = Self { mood: Mood::Whole, fault: None, gated: false, buffered: false };

    /// As `seed` says, in every respect.
    #[must_use]
    pub const fn fickle(seed: u64) -> Self {
        let (gated, buffered) = (seed & 1 == 1, seed & 2 == 2);
        Self { mood: Mood::Fickle(seed), fault: None, gated, buffered }
    }

    /// The same, with something wrong.
    #[must_use]
    pub const fn with(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }
}

/// What happened to a transport, in the order of both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// So many bytes were written.
    Wrote(usize),
    /// Its write side was shut down.
    ShutDown,
    /// It read the end of the stream.
    SawEnd,
    /// It was dropped.
    Dropped,
}

/// What happened, by which end: 0 for the first, 1 for the second.
pub type Journal = Rc<RefCell<Vec<(usize, Happened)>>>;

/// How a scripted transport fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as the script says")
    }
}

#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    room: usize,
    ended: bool,
    unread: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    /// Bytes arrived, or none will.
    fn wake_reader(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    /// There is room, or nobody who reads.
    fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }
}

/// One end of a [`link`].
#[derive(Debug)]
pub struct Scripted {
    end: usize,
    rx: Rc<RefCell<Pipe>>,
    tx: Rc<RefCell<Pipe>>,
    script: Script,
    lcg: Lcg,
    calls: Rc<RefCell<[usize; 4]>>,
    /// Written, not flushed.
    unflushed: VecDeque<u8>,
    journal: Journal,
}

/// Two ends, with `room` bytes on their way between them each way.
#[must_use]
pub fn link(scripts: [Script; 2], room: usize) -> (Scripted, Scripted) {
    let pipe = || Rc::new(RefCell::new(Pipe { room, ..Pipe::default() }));
    let (there, back, journal) = (pipe(), pipe(), Journal::default());
    let [a, b] = scripts;
    let end = |end, script: Script, rx: &Rc<RefCell<Pipe>>, tx: &Rc<RefCell<Pipe>>| Scripted {
        end,
        rx: Rc::clone(rx),
        tx: Rc::clone(tx),
        script,
        lcg: Lcg(match script.mood {
            Mood::Whole => 0,
            Mood::Fickle(seed) => seed,
        }),
        calls: Rc::default(),
        unflushed: VecDeque::new(),
        journal: Rc::clone(&journal),
    };
    (end(0, a, &back, &there), end(1, b, &there, &back))
}

impl Scripted {
    /// What happened to both ends.
    #[must_use]
    pub fn journal(&self) -> Journal {
        Rc::clone(&self.journal)
    }

    /// How often each of [`Call::ALL`] was called.
    #[must_use]
    pub fn calls(&self) -> Rc<RefCell<[usize; 4]>> {
        Rc::clone(&self.calls)
    }

    /// Sends bytes that no connection wrote.
    pub fn inject(&self, bytes: &[u8]) {
        let mut pipe = self.tx.borrow_mut();
        pipe.bytes.extend(bytes);
        pipe.wake_reader();
    }

    /// The same, and the reader is not told.
    pub fn inject_unnoticed(&self, bytes: &[u8]) {
        self.tx.borrow_mut().bytes.extend(bytes);
    }

    /// Takes what arrived before any connection does.
    #[must_use]
    pub fn take_arrived(&self) -> Vec<u8> {
        let mut pipe = self.rx.borrow_mut();
        let bytes = pipe.bytes.drain(..).collect();
        pipe.wake_writer();
        bytes
    }

    /// What the script says about the next call of this kind, before anything moves.
    fn script(&mut self, call: Call, cx: &Context<'_>) -> Poll<Result<bool, Broken>> {
        let nth = {
            let mut calls = self.calls.borrow_mut();
            let slot = &mut calls[call as usize];
            *slot += 1;
            *slot - 1
        };
        if let Some(fault) = self.script.fault.filter(|fault| fault.call == call) {
            match fault.what {
                What::Error if nth >= fault.nth => return Poll::Ready(Err(Broken)),
                What::Hang if nth >= fault.nth => return Poll::Pending,
                What::Pending if nth == fault.nth => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                What::Short if nth == fault.nth => return Poll::Ready(Ok(true)),
                What::Error | What::Hang | What::Pending | What::Short => {}
            }
        }
        match self.script.mood {
            Mood::Whole => Poll::Ready(Ok(false)),
            Mood::Fickle(_) => match self.lcg.below(3) {
                0 => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                n => Poll::Ready(Ok(n == 1)),
            },
        }
    }

    fn happened(&self, what: Happened) {
        self.journal.borrow_mut().push((self.end, what));
    }

    fn amount(&mut self, short: bool, most: usize) -> usize {
        match self.script.mood {
            Mood::Fickle(_) if short => 1 + self.lcg.below(most),
            Mood::Whole if short => 1,
            Mood::Fickle(_) | Mood::Whole => most,
        }
    }
}

impl Transport for Scripted {
    type Error = Broken;

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut pipe = self.rx.borrow_mut();
        if self.script.gated && pipe.bytes.is_empty() && !pipe.ended {
            // A fault in reading is readable too.
            let faulty = self.script.fault.is_some_and(|fault| fault.call == Call::Read);
            if !faulty {
                pipe.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Broken>> {
        assert!(!buf.is_empty(), "poll_read promises a buffer");
        let short = core::task::ready!(self.script(Call::Read, cx))?;
        let n = self.rx.borrow().bytes.len().min(buf.len());
        if n == 0 {
            let mut pipe = self.rx.borrow_mut();
            if !pipe.ended {
                pipe.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            drop(pipe);
            self.happened(Happened::SawEnd);
            return Poll::Ready(Ok(0));
        }
        let n = self.amount(short, n);
        let mut pipe = self.rx.borrow_mut();
        for (slot, byte) in buf.iter_mut().zip(pipe.bytes.drain(..n)) {
            *slot = byte;
        }
        pipe.wake_writer();
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<Result<usize, Broken>> {
        assert!(outbox.has_remaining(), "poll_write promises bytes");
        let short = core::task::ready!(self.script(Call::Write, cx))?;
        if self.tx.borrow().unread {
            return Poll::Ready(Err(Broken));
        }
        let taken = self.tx.borrow().bytes.len() + self.unflushed.len();
        let room = self.tx.borrow().room.saturating_sub(taken).min(outbox.remaining());
        if room == 0 {
            self.tx.borrow_mut().writer = Some(cx.waker().clone());
            if !self.unflushed.is_empty() {
                // What is full is our own buffer: as a writer of TLS records does, begin to flush.
                self.deliver();
                if self.unflushed.is_empty() {
                    cx.waker().wake_by_ref();
                }
            }
            return Poll::Pending;
        }
        let n = self.amount(short, room);
        let mut slices = [IoSlice::new(&[]); 16];
        let count = outbox.chunks_vectored(&mut slices);
        let gathered: Vec<u8> =
            slices[..count].iter().flat_map(|slice| slice.iter().copied()).take(n).collect();
        self.unflushed.extend(&gathered);
        self.happened(Happened::Wrote(gathered.len()));
        if !self.script.buffered {
            self.deliver();
        }
        Poll::Ready(Ok(gathered.len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        core::task::ready!(self.script(Call::Flush, cx))?;
        self.deliver();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        core::task::ready!(self.script(Call::Shutdown, cx))?;
        let failed = self.script.fault.is_some_and(|fault| fault.what == What::Error);
        let left = self.unflushed.len();
        let refused = self.tx.borrow().unread;
        assert!(
            failed || refused || left == 0,
            "shut down with {left} bytes not flushed: {:?}",
            self.script
        );
        self.happened(Happened::ShutDown);
        let mut pipe = self.tx.borrow_mut();
        pipe.ended = true;
        pipe.wake_reader();
        Poll::Ready(Ok(()))
    }

    fn failure(_: &Broken) -> TransportFailure {
        TransportFailure::Reset
    }
}

impl Scripted {
    fn deliver(&mut self) {
        // What hangs in flushing delivers nothing by other ways either.
        let hung = |fault: Fault| {
            fault.call == Call::Flush
                && fault.what == What::Hang
                && self.calls.borrow()[Call::Flush as usize] > fault.nth
        };
        if self.script.buffered && self.script.fault.is_some_and(hung) {
            return;
        }
        let mut pipe = self.tx.borrow_mut();
        pipe.bytes.extend(self.unflushed.drain(..));
        pipe.wake_reader();
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.happened(Happened::Dropped);
        self.tx.borrow_mut().ended = true;
        self.tx.borrow_mut().wake_reader();
        self.rx.borrow_mut().unread = true;
        self.rx.borrow_mut().wake_writer();
    }
}
