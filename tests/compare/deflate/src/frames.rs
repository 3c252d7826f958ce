//! Frames made by hand, and a reader for what contenders wrote (RFC 6455 section 5.2).

/// A client's frame with a compressed message, or a server's: with RSV1 set (RFC 7692 section 6).
pub fn write(wire: &mut Vec<u8>, payload: &[u8], key: Option<[u8; 4]>) {
    let len = payload.len();
    wire.push(0xc1);
    let masked = if key.is_some() { 0x80 } else { 0 };
    match len {
        0..=125 => wire.push(masked | len as u8),
        126..=0xffff => {
            wire.push(masked | 126);
            wire.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            wire.push(masked | 127);
            wire.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    let Some(key) = key else { return wire.extend_from_slice(payload) };
    wire.extend_from_slice(&key);
    wire.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub first: u8,
    pub key: Option<[u8; 4]>,
    /// Where the payload starts.
    pub start: usize,
    /// And where it ends.
    pub end: usize,
}

/// The header at the beginning of `wire`, if it is whole.
pub fn read(wire: &[u8]) -> Option<Head> {
    let (&first, &second) = (wire.first()?, wire.get(1)?);
    let (len, mut start) = match second & 0x7f {
        126 => (u16::from_be_bytes(wire.get(2..4)?.try_into().ok()?).into(), 4),
        127 => (u64::from_be_bytes(wire.get(2..10)?.try_into().ok()?) as usize, 10),
        len => (len.into(), 2),
    };
    let mut key = None;
    if second & 0x80 != 0 {
        key = Some(wire.get(start..start + 4)?.try_into().ok()?);
        start += 4;
    }
    Some(Head { first, key, start, end: start + len })
}

/// A message as it was written: compressed, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub is_compressed: bool,
    pub payload: Vec<u8>,
}

/// The messages in what a server wrote.
///
/// # Panics
///
/// If it is not a sequence of whole text messages, none of them masked.
pub fn messages(mut wire: &[u8]) -> Vec<Written> {
    let mut messages: Vec<Written> = Vec::new();
    let mut is_inside = false;
    while !wire.is_empty() {
        let head = read(wire).expect("a whole header");
        assert_eq!(head.key, None, "masked by a client only");
        assert_eq!(head.first & 0x0f, if is_inside { 0 } else { 1 }, "opcode");
        let rsv1 = head.first & 0x40 != 0;
        assert_eq!(head.first & 0x30, 0, "RSV2 and RSV3");
        assert!(!(is_inside && rsv1), "RSV1 is the first frame's only");
        if !is_inside {
            messages.push(Written { is_compressed: rsv1, payload: Vec::new() });
        }
        let payload = wire.get(head.start..head.end).expect("a whole payload");
        messages.last_mut().expect("one was begun").payload.extend_from_slice(payload);
        is_inside = head.first & 0x80 == 0;
        wire = &wire[head.end..];
    }
    assert!(!is_inside, "the last message is not whole");
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_framed_is_read_back() {
        for len in [0, 1, 125, 126, 0xffff, 0x1_0000] {
            let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let mut wire = Vec::new();
            write(&mut wire, &payload, None);
            assert_eq!(messages(&wire), [Written { is_compressed: true, payload }]);
        }
    }

    #[test]
    fn fragments_are_one_message() {
        let wire = [0x41, 1, b'a', 0x00, 1, b'b', 0x80, 1, b'c', 0x81, 0];
        let written = messages(&wire);
        assert_eq!(written[0], Written { is_compressed: true, payload: b"abc".to_vec() });
        assert_eq!(written[1], Written { is_compressed: false, payload: Vec::new() });
    }

    #[test]
    #[should_panic = "masked by a client only"]
    fn a_server_must_not_mask() {
        let mut wire = Vec::new();
        write(&mut wire, b"abc", Some([1, 2, 3, 4]));
        messages(&wire);
    }
}
