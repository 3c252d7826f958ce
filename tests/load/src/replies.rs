//! What comes back: counted, and compared with what is due.

use crate::message::Payload;
use crate::script::{Script, push_control};
use crate::server::Framing;

/// What some bytes of a connection amounted to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) messages: u32,
    pub(crate) pings: u32,
    /// The server began, or answered, the closing handshake, with this code (1005 if with none).
    pub(crate) closed: Option<u16>,
}

/// How far the replies of one connection have come.
///
/// Every frame's header is checked, and every message's type and length. The payload is compared
/// byte for byte in the first messages and in every so many after them.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    /// A header of which not all bytes have arrived.
    header: [u8; LONGEST_HEADER],
    header_len: u8,
    /// The frame under way: its first byte, and how much of its payload is to come.
    first: u8,
    left: u64,
    /// Whether a message is under way, and how much of it has arrived.
    within: bool,
    so_far: u64,
    /// How many messages have arrived.
    count: u64,
    control: Vec<u8>,
}

impl Replies {
    /// Takes `bytes`. What has to be sent in answer to pings is added to `answers`.
    ///
    /// # Errors
    ///
    /// With what is wrong about them.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        framing: Framing,
        (payload, script): (&Payload, &Script),
        answers: &mut Vec<u8>,
    ) -> Result<Tally, String> {
        match framing {
            Framing::Raw => self.take_raw(bytes, script),
            Framing::WebSocket => self.take_frames(bytes, payload, answers),
        }
    }

    fn take_raw(&mut self, mut bytes: &[u8], script: &Script) -> Result<Tally, String> {
        let mut tally = Tally::default();
        while !bytes.is_empty() {
            if self.so_far == 0 && !is_sample(self.count) {
                let whole = bytes.len() as u64 / script.message_size();
                let unseen = whole.min(SAMPLE - self.count % SAMPLE);
                bytes = &bytes[(unseen * script.message_size()) as usize..];
                self.count += unseen;
                tally.messages += unseen as u32;
                if unseen > 0 {
                    continue;
                }
            }
            let len = (bytes.len() as u64).min(script.message_size() - self.so_far) as usize;
            let (now, rest) = bytes.split_at(len);
            if is_sample(self.count) {
                compare(now, self.so_far, |at| script.at(at))?;
            }
            bytes = rest;
            self.so_far += len as u64;
            if self.so_far == script.message_size() {
                self.so_far = 0;
                self.count += 1;
                tally.messages += 1;
            }
        }
        Ok(tally)
    }

    fn take_frames(
        &mut self,
        mut bytes: &[u8],
        payload: &Payload,
        answers: &mut Vec<u8>,
    ) -> Result<Tally, String> {
        let mut tally = Tally::default();
        while !bytes.is_empty() {
            if self.left == 0 && !self.within && self.header_len == 0 {
                let (messages, rest) = self.skip_small(bytes, payload);
                if messages > 0 {
                    tally.messages += messages;
                    bytes = rest;
                    continue;
                }
            }
            if self.left == 0 {
                let Some(header) = self.take_header(&mut bytes) else { return Ok(tally) };
                self.begin(header, payload)?;
            }
            let len = (bytes.len() as u64).min(self.left) as usize;
            let (now, rest) = bytes.split_at(len);
            bytes = rest;
            self.left -= len as u64;
            if self.first & CONTROL != 0 {
                self.control.extend_from_slice(now);
            } else {
                if is_sample(self.count) {
                    compare(now, self.so_far, |at| payload.at(at))?;
                }
                self.so_far += len as u64;
            }
            if self.left == 0 {
                self.end(payload, &mut tally, answers)?;
            }
        }
        Ok(tally)
    }

    /// Takes small messages that are all there, each in one frame, up to the next sample; says how
    /// many, and what is left. This is nearly all that there is to do when many are in flight.
    fn skip_small<'a>(&mut self, mut bytes: &'a [u8], payload: &Payload) -> (u32, &'a [u8]) {
        let size = payload.message.size;
        let header = [FIN | payload.message.kind.opcode(), size as u8];
        let mut messages = 0;
        while size < 126
            && bytes.len() >= 2 + size as usize
            && bytes[..2] == header
            && !is_sample(self.count)
        {
            bytes = &bytes[2 + size as usize..];
            self.count += 1;
            messages += 1;
        }
        (messages, bytes)
    }

    /// The first byte of the next frame and the size of its payload, once all of it is there.
    fn take_header(&mut self, bytes: &mut &[u8]) -> Option<(u8, u8, u64)> {
        if self.header_len == 0
            && let [first, second @ 0..=125, rest @ ..] = *bytes
        {
            *bytes = rest;
            return Some((*first, *second, u64::from(*second)));
        }
        loop {
            let have = usize::from(self.header_len);
            let missing = if have < 2 {
                2 - have
            } else {
                let whole = match self.header[1] & 0x7f {
                    126 => 4,
                    127 => 10,
                    _ => 2,
                };
                whole - have
            };
            if missing == 0 {
                break;
            }
            let (now, rest) = bytes.split_at(missing.min(bytes.len()));
            if now.is_empty() {
                return None;
            }
            self.header[have..have + now.len()].copy_from_slice(now);
            self.header_len += now.len() as u8;
            *bytes = rest;
        }
        self.header_len = 0;
        let [first, second, extended @ ..] = self.header;
        let size = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes([extended[0], extended[1]])),
            127 => u64::from_be_bytes(extended),
            size => size.into(),
        };
        Some((first, second, size))
    }

    fn begin(&mut self, header: (u8, u8, u64), payload: &Payload) -> Result<(), String> {
        let (first, second, size) = header;
        if second & MASKED != 0 {
            return Err("a masked frame".to_owned());
        }
        if first & RESERVED != 0 {
            return Err("a frame with a reserved bit, though no extension was asked for".to_owned());
        }
        self.first = first;
        self.left = size;
        if first & CONTROL != 0 {
            self.control.clear();
            if size > 125 || first & FIN == 0 || first & OPCODE > PONG {
                return Err("a control frame of a form that there is not".to_owned());
            }
            return Ok(());
        }
        let expected = if self.within { 0 } else { payload.message.kind.opcode() };
        if first & OPCODE != expected {
            let opcode = first & OPCODE;
            return Err(format!("a frame with opcode {opcode}, expected {expected}"));
        }
        self.within = true;
        if size > payload.message.size - self.so_far {
            return Err(self.wrong_size(size, payload));
        }
        Ok(())
    }

    fn end(
        &mut self,
        payload: &Payload,
        tally: &mut Tally,
        answers: &mut Vec<u8>,
    ) -> Result<(), String> {
        match self.first & OPCODE {
            PING => {
                tally.pings += 1;
                push_control(answers, PONG, &self.control);
            }
            CLOSE => {
                let code = self.control.first_chunk().map(|code| u16::from_be_bytes(*code));
                tally.closed = Some(code.unwrap_or(1005));
            }
            PONG => {}
            _ if self.first & FIN != 0 => {
                if self.so_far != payload.message.size {
                    return Err(self.wrong_size(0, payload));
                }
                self.so_far = 0;
                self.within = false;
                self.count += 1;
                tally.messages += 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn wrong_size(&self, more: u64, payload: &Payload) -> String {
        let size = self.so_far.saturating_add(more);
        format!("a message of {size} bytes, expected {}", payload.message.size)
    }
}

/// Whether the payload of this message is compared.
fn is_sample(count: u64) -> bool {
    count < 8 || count.is_multiple_of(SAMPLE)
}

fn compare<'a>(
    mut bytes: &[u8],
    position: u64,
    expected: impl Fn(u64) -> &'a [u8],
) -> Result<(), String> {
    let mut at = position;
    while !bytes.is_empty() {
        let part = expected(at);
        let len = part.len().min(bytes.len());
        if bytes[..len] != part[..len] {
            let off = bytes.iter().zip(part).take_while(|(a, b)| a == b).count();
            return Err(format!("a message that differs at byte {}", at + off as u64));
        }
        bytes = &bytes[len..];
        at += len as u64;
    }
    Ok(())
}

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const CONTROL: u8 = 0x08;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// Each message of this number is a sample.
const SAMPLE: u64 = 512;
const LONGEST_HEADER: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Kind, Message};

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
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
        frame
    }

    fn bytes_of(payload: &Payload) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < payload.message.size {
            bytes.extend_from_slice(payload.at(bytes.len() as u64));
        }
        bytes.truncate(payload.message.size as usize);
        bytes
    }

    /// All that `bytes` amount to, taken in steps of `step`, with the answers to pings.
    fn take(payload: &Payload, bytes: &[u8], step: usize) -> Result<(Tally, Vec<u8>), String> {
        let script = Script::new(payload, 1);
        let (mut replies, mut sum, mut answers) =
            (Replies::default(), Tally::default(), Vec::new());
        for part in bytes.chunks(step) {
            let with = (payload, &script);
            let tally = replies.take(part, Framing::WebSocket, with, &mut answers)?;
            sum.messages += tally.messages;
            sum.pings += tally.pings;
            sum.closed = sum.closed.or(tally.closed);
        }
        Ok((sum, answers))
    }

    #[test]
    fn messages_of_all_sizes_and_pings_between_and_within_them_are_counted() {
        for size in [0, 16, 125, 126, 65_535, 65_536, 200_000] {
            let payload = Payload::new(Message::new(Kind::Binary, size));
            let body = bytes_of(&payload);
            let (head, tail) = body.split_at(body.len() / 3);
            let stream = [
                frame(0x82, &body),
                frame(0x89, b"are you there"),
                frame(0x02, head),
                frame(0x89, b""),
                frame(0x00, b""),
                frame(0x80, tail),
                frame(0x8a, b"unasked"),
                frame(0x88, &1001_u16.to_be_bytes()),
            ]
            .concat();
            for step in [1, 7, 4096, stream.len()] {
                let (tally, answers) = take(&payload, &stream, step).unwrap();
                assert_eq!(tally, Tally { messages: 2, pings: 2, closed: Some(1001) });
                let mut expected = Vec::new();
                push_control(&mut expected, PONG, b"are you there");
                push_control(&mut expected, PONG, b"");
                assert_eq!(answers, expected);
            }
        }
    }

    #[test]
    fn what_is_not_the_answer_does_not_count() {
        let payload = Payload::new(Message::new(Kind::Text, 300));
        let body = bytes_of(&payload);
        let mut other = body.clone();
        other[299] ^= 1;
        for (stream, reason) in [
            (frame(0x81, &other), "differs at byte 299"),
            (frame(0x82, &body), "opcode 2, expected 1"),
            (frame(0x81, &body[..299]), "299 bytes, expected 300"),
            (frame(0x81, &[&body[..], b"x"].concat()), "301 bytes, expected 300"),
            ([frame(0x01, &body), frame(0x80, b"x")].concat(), "301 bytes, expected 300"),
            ([frame(0x01, b""), frame(0x81, &body)].concat(), "opcode 1, expected 0"),
            (frame(0xc1, &body), "reserved bit"),
            (vec![0x81, 0x80], "masked"),
            (frame(0x09, b""), "control frame"),
        ] {
            for step in [1, stream.len()] {
                let error = take(&payload, &stream, step).unwrap_err();
                assert!(error.contains(reason), "{error} does not say {reason}");
            }
        }
    }

    #[test]
    fn of_many_messages_each_is_counted_and_each_sample_compared() {
        let payload = Payload::new(Message::new(Kind::Text, 20));
        let script = Script::new(&payload, 1);
        let message = frame(0x81, &bytes_of(&payload));
        let stream = message.repeat(1200);
        for step in [1, 21, 22, 23, 1000, stream.len()] {
            assert_eq!(take(&payload, &stream, step).unwrap().0.messages, 1200);
        }
        for sample in [0, 7, 512, 1024] {
            let mut stream = stream.clone();
            stream[sample * message.len() + 2] ^= 1;
            assert!(take(&payload, &stream, stream.len()).unwrap_err().contains("at byte 0"));
        }
        let mut stream = stream;
        stream[700 * message.len() + 1] ^= 1;
        assert!(take(&payload, &stream, stream.len()).unwrap_err().contains("21 bytes"));

        let raw = script.at(0).repeat(1200);
        let take = |bytes: &[u8], step| {
            let mut replies = Replies::default();
            let mut messages = 0;
            for part in bytes.chunks(step) {
                let with = (&payload, &script);
                messages += replies.take(part, Framing::Raw, with, &mut Vec::new())?.messages;
            }
            Ok::<_, String>(messages)
        };
        for step in [1, 25, 26, 27, 1000, raw.len()] {
            assert_eq!(take(&raw, step), Ok(1200));
        }
        let mut wrong = raw;
        wrong[512 * script.message_size() as usize] ^= 1;
        assert!(take(&wrong, 5000).unwrap_err().contains("differs"));
    }

    #[test]
    fn raw_replies_are_the_bytes_that_were_sent() {
        let payload = Payload::new(Message::new(Kind::Binary, 16));
        let script = Script::new(&payload, 2);
        let mut stream = [script.at(0), script.at(0)].concat();
        let mut replies = Replies::default();
        let mut take =
            |bytes: &[u8]| replies.take(bytes, Framing::Raw, (&payload, &script), &mut Vec::new());
        assert_eq!(take(&stream[..30]).unwrap().messages, 1);
        assert_eq!(take(&stream[30..]).unwrap().messages, 3);
        stream[40] ^= 1;
        assert!(take(&stream).unwrap_err().contains("differs"));
    }
}
