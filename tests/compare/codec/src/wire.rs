//! What goes over the wire: payloads, frames made by hand, and a reader for what contenders wrote.

use bytes::Bytes;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Server,
    Client,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub kind: Kind,
    pub payload: Bytes,
}

/// Xorshift: the same bytes in every run.
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[(self.next() >> 33) as usize % of.len()]
    }
}

pub fn binary(noise: &mut Noise, len: usize) -> Sample {
    let payload: Vec<u8> = (0..len).map(|_| (noise.next() >> 24) as u8).collect();
    Sample { kind: Kind::Binary, payload: payload.into() }
}

pub fn ascii(noise: &mut Noise, len: usize) -> Sample {
    let payload: Vec<u8> = (0..len).map(|_| b' ' + ((noise.next() >> 24) % 95) as u8).collect();
    Sample { kind: Kind::Text, payload: payload.into() }
}

/// Words of several scripts: one to four bytes a character, changing often.
pub fn mixed(noise: &mut Noise, len: usize) -> Sample {
    const WORDS: [&str; 10] = [
        "hello ",
        "Grüße ",
        "привет ",
        "你好，",
        "世界。",
        "こんにちは",
        "🎉🚀 ",
        "ελληνικά ",
        "naïve ",
        "שלום ",
    ];
    let mut text = String::with_capacity(len);
    loop {
        let word = *noise.pick(&WORDS);
        if text.len() + word.len() > len {
            break;
        }
        text.push_str(word);
    }
    while text.len() < len {
        text.push('.');
    }
    Sample { kind: Kind::Text, payload: text.into() }
}

/// The frames of a client, one a sample.
pub fn masked(samples: &[Sample], noise: &mut Noise) -> Bytes {
    let mut wire = Vec::new();
    for sample in samples {
        let len = sample.payload.len();
        wire.push(0x80 | if sample.kind == Kind::Text { 1 } else { 2 });
        match len {
            0..=125 => wire.push(0x80 | len as u8),
            126..=0xffff => {
                wire.push(0x80 | 126);
                wire.extend_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                wire.push(0x80 | 127);
                wire.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        let key = ((noise.next() >> 16) as u32).to_ne_bytes();
        wire.extend_from_slice(&key);
        wire.extend(sample.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    }
    wire.into()
}

/// The messages in what was written by `side`, read by the letter of RFC 6455 section 5.2.
///
/// # Panics
///
/// If it is not a sequence of whole binary messages.
pub fn messages(mut wire: &[u8], side: Side) -> Vec<Vec<u8>> {
    let mut take = |n: usize| {
        let (head, rest) = wire.split_at_checked(n)?;
        wire = rest;
        Some(head)
    };
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut keys = Vec::new();
    let mut is_inside = false;
    while let Some(head) = take(2) {
        assert_eq!(head[0] & 0x70, 0, "reserved bits");
        assert_eq!(head[0] & 0x0f, if is_inside { 0 } else { 2 }, "opcode");
        let is_masked = head[1] & 0x80 != 0;
        assert_eq!(is_masked, side == Side::Client, "masked by a client only");
        let len = match head[1] & 0x7f {
            126 => take(2).map(|len| u64::from(u16::from_be_bytes([len[0], len[1]]))),
            127 => take(8).map(|len| u64::from_be_bytes(len.try_into().expect("eight bytes"))),
            len => Some(u64::from(len)),
        };
        let len = len.expect("a whole header") as usize;
        let key: [u8; 4] = match is_masked {
            true => take(4).expect("a whole key").try_into().expect("four bytes"),
            false => [0; 4],
        };
        keys.push(key);
        let payload = take(len).expect("a whole payload");
        if !is_inside {
            messages.push(Vec::new());
        }
        let message = messages.last_mut().expect("one was begun");
        message.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        is_inside = head[0] & 0x80 == 0;
    }
    assert!(wire.is_empty() && !is_inside, "the last message is not whole");
    if side == Side::Client && keys.len() > 1 {
        assert!(keys.windows(2).any(|two| two[0] != two[1]), "every frame has the same key");
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [usize; 7] = [0, 1, 125, 126, 0xffff, 0x1_0000, 100_001];

    fn frames() -> (Vec<Sample>, Bytes) {
        let mut noise = Noise(7);
        let samples: Vec<Sample> = LENGTHS.iter().map(|&len| binary(&mut noise, len)).collect();
        let wire = masked(&samples, &mut noise);
        (samples, wire)
    }

    #[test]
    fn what_was_framed_is_read_back() {
        let (samples, wire) = frames();
        let payloads: Vec<Bytes> = samples.into_iter().map(|sample| sample.payload).collect();
        assert_eq!(messages(&wire, Side::Client), payloads);
    }

    #[test]
    #[should_panic = "masked by a client only"]
    fn a_server_must_not_mask() {
        messages(&frames().1, Side::Server);
    }

    #[test]
    #[should_panic = "a whole payload"]
    fn a_frame_that_was_cut_off_is_noticed() {
        let (_, wire) = frames();
        messages(&wire[..wire.len() - 1], Side::Client);
    }

    #[test]
    fn fragments_are_one_message() {
        let wire = [0x02, 1, b'a', 0x00, 1, b'b', 0x80, 1, b'c', 0x82, 0];
        assert_eq!(messages(&wire, Side::Server), [b"abc".to_vec(), Vec::new()]);
    }

    #[test]
    fn text_is_of_the_length_asked_for_and_valid() {
        for len in [0, 1, 16 << 10] {
            for sample in [ascii(&mut Noise(3), len), mixed(&mut Noise(3), len)] {
                assert_eq!(sample.payload.len(), len);
                assert!(std::str::from_utf8(&sample.payload).is_ok());
            }
        }
    }
}
