use alloc::string::String;
use core::fmt;

use crate::error::ProtocolError;

/// A status code: why an endpoint closed the connection (section 7.4).
///
/// Codes unknown to this crate survive the wire. Those that may never be on it are constants to
/// compare with: [`NO_STATUS`](Self::NO_STATUS), [`ABNORMAL`](Self::ABNORMAL).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint is going away: a server stopping, a page left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer violated the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a message of a kind the endpoint cannot accept.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: the close frame carried no status code. Never on the wire.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection ended without a close frame. Never on the wire.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: a payload was inconsistent with its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message violated the endpoint's policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message was too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the client required an extension that the server did not negotiate.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met a condition that prevented it from fulfilling the request.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server is restarting; come back later.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the server is overloaded; come back later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway received an invalid response from upstream.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code numbered `code`, if a close frame may carry it (sections 7.4.1 and 7.4.2, and the
    /// registrations since): 1000 to 1003, 1007 to 1014, 3000 to 4999.
    #[must_use]
    pub const fn from_wire(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// A code for the application's own use: 3000 to 4999 (section 7.4.2).
    #[must_use]
    pub const fn application(code: u16) -> Option<Self> {
        match code {
            3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// Whether a close frame may carry this code.
    #[must_use]
    pub const fn is_sendable(self) -> bool {
        Self::from_wire(self.0).is_some()
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a close frame says (section 5.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the RFC fixes the fields")]
pub struct Close {
    /// Why. [`CloseCode::NO_STATUS`] for a close frame without a payload.
    pub code: CloseCode,
    /// In words, for a person; at most [`Close::MAX_REASON`] bytes on the wire.
    pub reason: String,
}

impl Close {
    /// The longest reason a close frame can carry, in bytes of UTF-8.
    pub const MAX_REASON: usize = 123;

    /// Parses the payload of a close frame.
    ///
    /// # Errors
    ///
    /// [`InvalidCloseLength`](ProtocolError::InvalidCloseLength) for one byte,
    /// [`InvalidCloseCode`](ProtocolError::InvalidCloseCode) for a code that may not be sent,
    /// [`InvalidUtf8`](ProtocolError::InvalidUtf8) for a reason that is not UTF-8.
    pub fn parse(payload: &[u8]) -> Result<Self, ProtocolError> {
        match payload {
            [] => Ok(Self { code: CloseCode::NO_STATUS, reason: String::new() }),
            [_] => Err(ProtocolError::InvalidCloseLength),
            [high, low, reason @ ..] => {
                let code = CloseCode::from_wire(u16::from_be_bytes([*high, *low]))
                    .ok_or(ProtocolError::InvalidCloseCode)?;
                let reason = str::from_utf8(reason).map_err(|_| ProtocolError::InvalidUtf8)?;
                Ok(Self { code, reason: reason.into() })
            }
        }
    }

    /// The payload of the close frame: empty for a code that may not be sent, the reason cut at a
    /// character boundary if it is longer than [`MAX_REASON`](Self::MAX_REASON).
    #[must_use]
    pub fn encode(&self) -> ControlPayload {
        if !self.code.is_sendable() {
            return ControlPayload::EMPTY;
        }
        let mut end = self.reason.len().min(Self::MAX_REASON);
        while !self.reason.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        let reason = self.reason.as_bytes().get(..end).unwrap_or_default();
        ControlPayload::concat(&self.code.get().to_be_bytes(), reason)
    }
}

/// The payload of a control frame: up to 125 bytes, in place (section 5.5).
#[derive(Clone, Copy)]
pub struct ControlPayload {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl ControlPayload {
    /// The longest payload of a control frame, in bytes.
    pub const MAX_LEN: usize = 125;

    /// No bytes.
    pub const EMPTY: Self = Self { bytes: [0; Self::MAX_LEN], len: 0 };

    /// A copy of `bytes`, unless there are more than [`MAX_LEN`](Self::MAX_LEN).
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= Self::MAX_LEN).then(|| Self::concat(bytes, &[]))
    }

    fn concat(head: &[u8], tail: &[u8]) -> Self {
        let mut payload = Self::EMPTY;
        for (slot, byte) in payload.bytes.iter_mut().zip(head.iter().chain(tail)) {
            *slot = *byte;
            payload.len = payload.len.saturating_add(1);
        }
        payload
    }
}

impl core::ops::Deref for ControlPayload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }
}

impl fmt::Debug for ControlPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s7_4_all_65536_codes_are_judged() {
        for code in 0..=u16::MAX {
            let legal =
                matches!(code, 1000 | 1001 | 1002 | 1003 | 1007..=1014 | 3000..=3999 | 4000..=4999);
            assert_eq!(CloseCode::from_wire(code).is_some(), legal, "{code}");
            let parsed = Close::parse(&code.to_be_bytes());
            assert_eq!(parsed.is_ok(), legal);
            assert_eq!(parsed.err(), (!legal).then_some(ProtocolError::InvalidCloseCode));
        }
    }

    #[test]
    fn s5_5_1_a_payload_of_one_byte_is_malformed_and_none_means_no_status() {
        assert_eq!(Close::parse(&[3]), Err(ProtocolError::InvalidCloseLength));
        let none = Close::parse(&[]).unwrap();
        assert_eq!(none, Close { code: CloseCode::NO_STATUS, reason: String::new() });
        assert!(none.encode().is_empty(), "1005 is never on the wire");
        let abnormal = Close { code: CloseCode::ABNORMAL, reason: "x".into() };
        assert!(abnormal.encode().is_empty(), "1006 is never on the wire");
    }

    #[test]
    fn u5_a_reason_that_is_not_utf8_is_refused() {
        assert_eq!(Close::parse(b"\x03\xe8\xff"), Err(ProtocolError::InvalidUtf8));
        assert_eq!(Close::parse("\u{3}\u{e8}".as_bytes()), Err(ProtocolError::InvalidCloseCode));
    }

    #[test]
    fn c2_a_long_reason_is_cut_on_a_character_boundary() {
        for pad in 0..4 {
            let reason: String = core::iter::repeat_n('a', pad)
                .chain(core::iter::repeat_n('\u{1f600}', 60))
                .collect();
            let wire = Close { code: CloseCode::NORMAL, reason: reason.clone() }.encode();
            assert!(wire.len() <= 125);
            let parsed = Close::parse(&wire).unwrap();
            assert!(reason.starts_with(&parsed.reason));
            assert!(parsed.reason.len() > Close::MAX_REASON - 4);
        }
        let exact: String = core::iter::repeat_n('a', Close::MAX_REASON).collect();
        let close = Close { code: CloseCode::NORMAL, reason: exact };
        assert_eq!(Close::parse(&close.encode()).unwrap(), close, "exactly the limit passes");
    }
}
