use core::net::Ipv6Addr;

use super::classes::is_host_byte;
use super::target::InvalidTarget;

/// `host [ ":" port ]` (RFC 3986 section 3.2), as in a URI, a `Host` header or an `Origin`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Authority<'a> {
    /// In any case, an IPv6 address without its brackets; ASCII.
    pub(super) host: &'a [u8],
    pub(super) port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// An empty port counts as none.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, InvalidTarget> {
        let (host, rest) = match text.strip_prefix(b"[") {
            Some(text) => {
                let end = text.iter().position(|&b| b == b']').ok_or(InvalidTarget::Host)?;
                let (host, rest) = text.split_at_checked(end).unwrap_or_default();
                let address = core::str::from_utf8(host).ok().map(str::parse::<Ipv6Addr>);
                address.and_then(Result::ok).ok_or(InvalidTarget::Host)?;
                (host, rest.get(1..).unwrap_or_default())
            }
            None => {
                let end = text.iter().position(|&b| !is_host_byte(b)).unwrap_or(text.len());
                text.split_at_checked(end).filter(|_| end > 0).ok_or(InvalidTarget::Host)?
            }
        };
        let port = match rest {
            [] | [b':'] => None,
            [b':', digits @ ..] => Some(parse_port(digits).ok_or(InvalidTarget::Port)?),
            _ => return Err(InvalidTarget::Host),
        };
        Ok(Self { host, port })
    }
}

fn parse_port(digits: &[u8]) -> Option<u16> {
    let port = digits.iter().try_fold(0_u16, |port, digit| {
        let digit = digit.is_ascii_digit().then_some(u16::from(digit & 0xf))?;
        port.checked_mul(10)?.checked_add(digit)
    });
    port.filter(|&port| port > 0)
}
