use longwire::error::ProtocolError;
use longwire::frame::{Close, CloseCode, ControlPayload, FrameHeader, Mask};

use super::source::Source;

/// Of any bytes: parsing never panics; what parses is what encodes to them; a verdict, once there,
/// stays the same whatever follows.
pub fn frame_header(input: &[u8]) {
    let whole = FrameHeader::parse(input);
    if let Ok(Some((header, len))) = whole {
        assert!((2..=FrameHeader::MAX_LEN).contains(&len));
        assert_eq!(&*header.encode(), &input[..len], "the only encoding there is");
    }
    let mut verdict = Ok(None);
    for n in 0..=input.len().min(FrameHeader::MAX_LEN + 1) {
        let now = FrameHeader::parse(&input[..n]);
        if verdict != Ok(None) {
            assert_eq!(now, verdict, "the verdict changed at byte {n}");
        }
        if let Ok(Some((_, len))) = now {
            assert!(len <= n);
        }
        verdict = now;
    }
    if input.len() <= FrameHeader::MAX_LEN + 1 || verdict != Ok(None) {
        assert_eq!(verdict, whole);
    }
    if let Ok(None) = whole {
        assert!(input.len() < FrameHeader::MAX_LEN, "the longest header is whole by then");
    }
}

/// A mask is applied byte by byte, wherever the payload is cut, and twice is not at all.
pub fn masking(input: &[u8]) {
    let mut source = Source::new(input);
    let key = [source.byte(), source.byte(), source.byte(), source.byte()];
    let (offset, step) = (source.below(70), source.below(64) + 1);
    let payload = source.rest();
    let naive: Vec<u8> = payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();

    let mut whole = payload.to_vec();
    Mask(key).apply(&mut whole);
    assert_eq!(whole, naive);
    let mut pieces = payload.to_vec();
    let (head, tail) = pieces.split_at_mut(offset.min(payload.len()));
    Mask(key).apply(head);
    let mut at = head.len();
    for piece in tail.chunks_mut(step) {
        Mask(key).rotated(at).apply(piece);
        at += piece.len();
    }
    assert_eq!(pieces, naive, "in pieces of {step} after {offset}");
    Mask(key).apply(&mut whole);
    assert_eq!(whole, payload, "an involution");
}

/// Close payloads: what parses is what would be sent, and what must not be sent does not parse.
pub fn close_payload(input: &[u8]) {
    let expected = match input {
        [] => Ok((1005, "")),
        [_] => Err(ProtocolError::InvalidCloseLength),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            let legal = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            let reason = str::from_utf8(reason);
            if legal {
                reason.map(|reason| (code, reason)).map_err(|_| ProtocolError::InvalidUtf8)
            } else {
                Err(ProtocolError::InvalidCloseCode)
            }
        }
    };
    let parsed = Close::parse(input);
    let seen = parsed.as_ref().map(|close| (close.code.get(), close.reason.as_str()));
    assert_eq!(seen, expected.as_ref().map(|(code, reason)| (*code, *reason)));
    if let Ok(close) = parsed
        && input.len() <= ControlPayload::MAX_LEN
    {
        assert_eq!(&*close.encode(), input, "encode then decode is the identity");
    }

    // And of any code and text: at most 125 bytes, and a prefix of what was meant.
    let mut source = Source::new(input);
    let code = source.short();
    let reason = String::from_utf8_lossy(source.rest()).into_owned();
    let Some(code) = CloseCode::from_wire(code) else { return };
    let wire = Close { code, reason: reason.clone() }.encode();
    assert!(wire.len() <= ControlPayload::MAX_LEN);
    let back = Close::parse(&wire).expect("what we send is legal");
    assert!(back.code == code && reason.starts_with(&back.reason));
    assert!(back.reason == reason || back.reason.len() > Close::MAX_REASON - 4);
}
