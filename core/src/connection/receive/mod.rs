//! Frames in, messages out: RFC 6455 sections 5.4, 5.5 and 6.2.

mod compressed;
mod fragments;
mod open;

use core::mem;

use open::Open;

use super::compression::Incoming;
use super::idle::Idle;
use super::{Config, Receive};
use crate::buffer::Inbox;
#[cfg(feature = "deflate")]
use crate::deflate::Deflate;
use crate::error::ProtocolError;
use crate::frame::{ControlPayload, FrameHeader, Mask, Opcode};
use crate::message::{DataKind, Utf8Validator};
use crate::time::{Duration, Instant};

/// Something whole, and already unmasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Data(Data),
    /// A control frame: its payload is the first `len` unread bytes.
    Ping {
        len: usize,
    },
    /// As `Ping`.
    Pong {
        len: usize,
    },
    /// As `Ping`.
    Close {
        len: usize,
    },
}

/// Data at the front of the inbox, or assembled in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// A message in one frame: `len` unread bytes behind the first `header`. Text is not yet
    /// validated.
    Lent { kind: DataKind, header: u8, len: usize },
    /// The message assembled in the inbox. The last part of a text that was compressed is not yet
    /// validated.
    Assembled { kind: DataKind },
    /// A piece of a message: the first `len` unread bytes. Text is validated so far.
    Piece { kind: DataKind, len: usize, first: bool, last: bool },
    /// A piece of a compressed message, in the inbox as if it were all of it. Validated so far.
    Decompressed { kind: DataKind, first: bool, last: bool },
}

/// A frame whose payload is arriving.
#[derive(Clone, Copy, Debug)]
struct Frame {
    fin: bool,
    opcode: Opcode,
    mask: Option<Mask>,
    /// Payload bytes, those handed out or assembled included.
    len: usize,
    /// Payload bytes unmasked (and, of text, validated).
    done: usize,
    /// Whether the payload is received straight into the message under assembly.
    direct: bool,
}

/// How much of a message has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartialMessage {
    /// Of its own.
    pub(crate) number: u32,
    fragments: u32,
    /// Bytes of the last fragment.
    done: usize,
}

/// The receiving side: parses frames only when asked, and at most one step ahead.
#[derive(Debug)]
pub(super) struct Receiver {
    /// Whether the peer must mask: it is the client (section 5.1).
    masked: bool,
    frame: Option<Frame>,
    /// How many frames were looked at before they were whole.
    partial: u32,
    open: Option<Open>,
    utf8: Utf8Validator,
    incoming: Incoming,
    control_frames: u32,
    control_since: Instant,
    /// The longest frame that [`whole`](Self::whole) and [`fragments`](Self::fragments) may take: it is
    /// within the limits of a frame, and alone within those of a message.
    plain: usize,
}

const CONTROL_WINDOW: Duration = Duration::from_secs(1);

impl Receiver {
    pub(super) fn new() -> Self {
        Self {
            masked: false,
            frame: None,
            partial: 0,
            open: None,
            utf8: Utf8Validator::new(),
            incoming: Incoming::NONE,
            control_frames: 0,
            control_since: Instant::EPOCH,
            plain: 0,
        }
    }

    /// Goes by `config` from now on, and expects frames that are masked or are not.
    pub(super) fn configure(&mut self, masked: bool, config: &Config) {
        self.masked = masked;
        let limit = config.max_message.min(config.max_frame).min(u64::from(u16::MAX));
        let is_plain = config.receive == Receive::Messages && config.max_fragments > 0;
        self.plain = if is_plain { usize::try_from(limit).unwrap_or_default() } else { 0 };
    }

    /// Whether no frame, and no message, has begun to arrive.
    pub(super) const fn is_idle(&self) -> bool {
        self.frame.is_none() && self.open.is_none()
    }

    /// Takes the place of `idle`, and that of this one, which [is idle](Self::is_idle) as well.
    pub(super) fn swap(&mut self, idle: &mut Idle) {
        mem::swap(&mut self.incoming, &mut idle.incoming);
        mem::swap(&mut self.partial, &mut idle.partial);
        mem::swap(&mut self.control_frames, &mut idle.control_frames);
        mem::swap(&mut self.control_since, &mut idle.control_since);
    }

    /// Accepts compressed messages from now on.
    #[cfg(feature = "deflate")]
    pub(super) fn decompress(&mut self, deflate: &Deflate, is_server: bool) {
        self.incoming = Incoming::agreed(deflate, is_server);
    }

    /// Memory held for decompressing.
    pub(super) fn compression_memory(&self) -> usize {
        self.incoming.memory()
    }

    /// Which frame has begun and is not complete: a number of its own.
    pub(super) fn partial_frame(&self) -> Option<u32> {
        self.frame.map(|_| self.partial)
    }

    /// The message that has begun and is not complete, as far as was looked.
    pub(super) fn partial_message(&self) -> Option<PartialMessage> {
        let Open { number, fragments, .. } = self.open?;
        let frame = self.frame.filter(|frame| !frame.opcode.is_control());
        Some(PartialMessage { number, fragments, done: frame.map_or(0, |frame| frame.done) })
    }

    /// Whether a message has begun and is not complete.
    pub(super) const fn is_inside_message(&self) -> bool {
        self.open.is_some()
    }

    /// The common case of [`next`](Self::next) in few steps: a whole message in one frame of up to
    /// 65,535 bytes. Judges nothing: what it does not take is looked at there.
    #[inline]
    pub(super) fn whole(&self, inbox: &mut Inbox) -> Option<Data> {
        if self.frame.is_some() || self.open.is_some() {
            return None;
        }
        let unread = inbox.unread_mut();
        let (&mut [first, second], rest) = unread.split_first_chunk_mut()?;
        let kind = match first {
            0x81 => DataKind::Text,
            0x82 => DataKind::Binary,
            _ => return None,
        };
        // Without the mask bit of a client's frame, or with that of a server's, it is over any length.
        let short = second ^ if self.masked { 0x80 } else { 0 };
        let (len, rest, header, masked_header) = match short {
            1..=125 => (usize::from(short), rest, 2, 6),
            126 => {
                let (length, rest) = rest.split_first_chunk_mut()?;
                let len = u16::from_be_bytes(*length);
                if len < 126 {
                    return None;
                }
                (usize::from(len), rest, 4, 8)
            }
            _ => return None,
        };
        if len > self.plain {
            return None;
        }
        if self.masked {
            let (key, rest) = rest.split_first_chunk_mut()?;
            Mask(*key).apply(rest.get_mut(..len)?);
            return Some(Data::Lent { kind, header: masked_header, len });
        }
        (rest.len() >= len).then_some(Data::Lent { kind, header, len })
    }

    /// The next thing that is whole, if there is one.
    #[inline]
    pub(super) fn next(
        &mut self,
        inbox: &mut Inbox,
        config: &Config,
        now: Instant,
    ) -> Result<Option<Found>, ProtocolError> {
        loop {
            let frame = match self.frame {
                Some(frame) => frame,
                None => {
                    if let Some(open) = self.open
                        && self.plain > 0
                        && !open.compressed
                        && let Some(data) = self.fragments(open, inbox, config)?
                    {
                        return Ok(Some(Found::Data(data)));
                    }
                    match self.header(inbox, config, now)? {
                        Some(frame) => frame,
                        None => return Ok(None),
                    }
                }
            };
            let found = if frame.opcode.is_control() {
                self.control(frame, inbox)
            } else if self.is_inside_compressed() {
                self.compressed(frame, inbox, config)?
            } else if config.receive == Receive::Pieces {
                self.piece(frame, inbox)?
            } else if frame.direct {
                self.direct(frame, inbox)?
            } else {
                self.staged(frame, inbox)?
            };
            // The frame is over and there is nothing to hand out: on to the next.
            if found.is_some() || self.frame.is_some() {
                return Ok(found);
            }
        }
    }

    /// Parses and judges the next header.
    #[inline]
    fn header(
        &mut self,
        inbox: &mut Inbox,
        config: &Config,
        now: Instant,
    ) -> Result<Option<Frame>, ProtocolError> {
        let Some((header, header_len)) = FrameHeader::parse(inbox.unread())? else {
            return Ok(None);
        };
        // 5.1: "a client MUST mask all frames", "A server MUST NOT mask any frames".
        if header.mask.is_some() != self.masked {
            return Err(ProtocolError::WrongMasking);
        }
        // 5.2: unless an extension defines it; RFC 7692 section 6: for the first frame of a message.
        let may_be_compressed = matches!(header.opcode, Opcode::Text | Opcode::Binary);
        if header.rsv1 && !(may_be_compressed && self.incoming.is_agreed()) {
            return Err(ProtocolError::ReservedBits);
        }
        if header.opcode.is_control() {
            self.count_control(config, now)?;
        } else {
            self.open_or_continue(&header, config)?;
        }
        // F2: a length this machine cannot address is over any limit it can have.
        let len = usize::try_from(header.payload_len).map_err(|_| ProtocolError::FrameTooBig)?;
        inbox.take(header_len);
        let whole = config.receive == Receive::Messages && !self.is_inside_compressed();
        let direct = whole
            && !header.opcode.is_control()
            && inbox.unread().len() < len
            && !inbox.stages(len);
        let mut frame = Frame {
            fin: header.fin,
            opcode: header.opcode,
            mask: header.mask,
            len,
            done: 0,
            direct,
        };
        if direct {
            let before = inbox.message_len();
            inbox.direct(len);
            let arrived = inbox.message_len().saturating_sub(before);
            self.unmask(&mut frame, inbox.message_mut().get_mut(before..).unwrap_or_default())?;
            debug_assert_eq!(frame.done, arrived);
        } else if (whole || header.opcode.is_control()) && inbox.stages(len) {
            inbox.expect(len);
        }
        self.partial = self.partial.wrapping_add(1);
        self.frame = Some(frame);
        Ok(Some(frame))
    }

    fn count_control(&mut self, config: &Config, now: Instant) -> Result<(), ProtocolError> {
        if now.saturating_since(self.control_since) >= CONTROL_WINDOW {
            self.control_since = now;
            self.control_frames = 0;
        }
        self.control_frames = self.control_frames.saturating_add(1);
        if self.control_frames > config.max_control_rate {
            Err(ProtocolError::ControlFlood)
        } else {
            Ok(())
        }
    }

    fn control(&mut self, frame: Frame, inbox: &mut Inbox) -> Option<Found> {
        let payload = inbox.unread_mut().get_mut(..frame.len)?;
        if let Some(mask) = frame.mask {
            mask.apply(payload);
        }
        self.frame = None;
        let len = frame.len.min(ControlPayload::MAX_LEN);
        match frame.opcode {
            Opcode::Ping => Some(Found::Ping { len }),
            Opcode::Pong => Some(Found::Pong { len }),
            Opcode::Close => Some(Found::Close { len }),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => None,
        }
    }

    /// A payload that waits in the staging area until it is whole.
    #[inline]
    fn staged(
        &mut self,
        mut frame: Frame,
        inbox: &mut Inbox,
    ) -> Result<Option<Found>, ProtocolError> {
        let Some(open) = self.open else { return Ok(None) };
        let unread = inbox.unread_mut();
        let whole = unread.len() >= frame.len;
        let alone = frame.fin && open.fragments == 1;
        if whole && alone && frame.done == 0 {
            // The common case. Text is validated as it is handed out, in one pass.
            if let (Some(mask), Some(payload)) = (frame.mask, unread.get_mut(..frame.len)) {
                mask.apply(payload);
            }
            self.frame = None;
            self.open = None;
            return Ok(Some(Found::Data(Data::Lent {
                kind: open.kind,
                header: 0,
                len: frame.len,
            })));
        }
        let end = unread.len().min(frame.len);
        let done = frame.done;
        self.unmask(&mut frame, unread.get_mut(done..end).unwrap_or_default())?;
        if !whole {
            self.frame = Some(frame);
            return Ok(None);
        }
        if alone {
            self.finish_text(open.kind)?;
            self.frame = None;
            self.open = None;
            return Ok(Some(Found::Data(Data::Lent {
                kind: open.kind,
                header: 0,
                len: frame.len,
            })));
        }
        inbox.append(frame.len);
        self.finish_fragment(frame, open)
    }

    /// A payload that is received straight into the message it belongs to.
    fn direct(
        &mut self,
        mut frame: Frame,
        inbox: &mut Inbox,
    ) -> Result<Option<Found>, ProtocolError> {
        let Some(open) = self.open else { return Ok(None) };
        let outstanding = inbox.outstanding();
        let fresh = frame.len.saturating_sub(outstanding).saturating_sub(frame.done);
        let message = inbox.message_mut();
        let start = message.len().saturating_sub(fresh);
        self.unmask(&mut frame, message.get_mut(start..).unwrap_or_default())?;
        if outstanding > 0 {
            self.frame = Some(frame);
            return Ok(None);
        }
        self.finish_fragment(frame, open)
    }

    /// Moves what has arrived of a payload that is still arriving into its message, so that nothing
    /// of it is in the staging area.
    pub(super) fn settle(&mut self, inbox: &mut Inbox, config: &Config) {
        if let Some(frame) = &mut self.frame
            && config.receive == Receive::Messages
            && !frame.opcode.is_control()
            && !frame.direct
            && !self.open.is_some_and(|open| open.compressed)
            && inbox.unread().len() < frame.len
        {
            frame.direct = true;
            inbox.direct(frame.len);
        }
    }

    fn finish_fragment(
        &mut self,
        frame: Frame,
        open: Open,
    ) -> Result<Option<Found>, ProtocolError> {
        self.frame = None;
        if !frame.fin {
            return Ok(None);
        }
        self.finish_text(open.kind)?;
        self.open = None;
        Ok(Some(Found::Data(Data::Assembled { kind: open.kind })))
    }

    /// Whatever has arrived of a payload that nobody assembles.
    fn piece(
        &mut self,
        mut frame: Frame,
        inbox: &mut Inbox,
    ) -> Result<Option<Found>, ProtocolError> {
        let Some(open) = self.open else { return Ok(None) };
        let unread = inbox.unread_mut();
        let len = unread.len().min(frame.len.saturating_sub(frame.done));
        self.unmask(&mut frame, unread.get_mut(..len).unwrap_or_default())?;
        let over = frame.done == frame.len;
        let last = over && frame.fin;
        self.frame = (!over).then_some(frame);
        if len == 0 && !last {
            return Ok(None);
        }
        if last {
            self.finish_text(open.kind)?;
        }
        self.open = (!last).then_some(Open { begun: true, ..open });
        Ok(Some(Found::Data(Data::Piece { kind: open.kind, len, first: !open.begun, last })))
    }

    /// Unmasks `fresh`, the payload bytes that follow those done, and validates them if text.
    ///
    /// C, U1, U2: each byte once, and a fault is found in the middle of a frame.
    #[inline]
    fn unmask(&mut self, frame: &mut Frame, fresh: &mut [u8]) -> Result<(), ProtocolError> {
        if let Some(mask) = frame.mask {
            mask.rotated(frame.done).apply(fresh);
        }
        frame.done = frame.done.saturating_add(fresh.len());
        if self.open.is_some_and(|open| open.kind == DataKind::Text) {
            self.utf8.push(fresh).map_err(|_| ProtocolError::InvalidUtf8)?;
        }
        Ok(())
    }

    /// 8.1: a message may not end inside a character.
    fn finish_text(&self, kind: DataKind) -> Result<(), ProtocolError> {
        if kind == DataKind::Text && !self.utf8.is_complete() {
            return Err(ProtocolError::InvalidUtf8);
        }
        Ok(())
    }
}
