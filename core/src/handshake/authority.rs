use alloc::string::String;
use core::net::Ipv6Addr;

use super::target::InvalidTarget;

/// `host [ ":" port ]` (RFC 3986 section 3.2), as in a URI, a `Host` header or an `Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    /// In lower case, an IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Authority {
    /// An empty port counts as none.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidTarget> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(InvalidTarget::Host)?;
                host.parse::<Ipv6Addr>().map_err(|_| InvalidTarget::Host)?;
                let port = if port.is_empty() {
                    None
                } else {
                    Some(port.strip_prefix(':').ok_or(InvalidTarget::Host)?)
                };
                (host, port)
            }
            None => {
                let (host, port) =
                    text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
                if host.is_empty()
                    || !host
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
                {
                    return Err(InvalidTarget::Host);
                }
                (host, port)
            }
        };
        let port = match port {
            None | Some("") => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse().ok().filter(|&port| port > 0).ok_or(InvalidTarget::Port)?)
            }
            Some(_) => return Err(InvalidTarget::Port),
        };
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}
