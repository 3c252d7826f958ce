use alloc::{borrow::ToOwned, format, string::String, vec, vec::Vec};
use core::fmt;
use core::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::authority::Authority;

/// Where to connect to, and what to ask for there: a WebSocket URI (RFC 6455 section 3).
///
/// Valid by construction: whatever is in it can be written into a request.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Target {
    secure: bool,
    host: String,
    port: u16,
    resource: String,
    authorization: Option<String>,
}

impl Target {
    /// Parses a `ws`, `wss`, `http` or `https` URI.
    ///
    /// A missing port is the scheme's, an empty path is `/`, the query is kept. User information
    /// becomes the request's `Authorization` (RFC 7617) and nothing else. Hosts must be ASCII:
    /// internationalised names are encoded by whoever resolves them.
    ///
    /// # Errors
    ///
    /// See [`InvalidTarget`].
    pub fn parse(uri: &str) -> Result<Self, InvalidTarget> {
        // Nothing that could end the request line, or part of it, gets any further.
        // A backslash is a separator to browsers and none to RFC 3986: the two would see other hosts.
        if !uri.bytes().all(|b| matches!(b, b'!'..=b'~') && b != b'\\') {
            return Err(InvalidTarget::Character);
        }
        let (scheme, rest) = uri.split_once("://").ok_or(InvalidTarget::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(InvalidTarget::Scheme),
        };
        // "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used".
        if rest.contains('#') {
            return Err(InvalidTarget::Fragment);
        }
        let (authority, resource) =
            rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len())).unwrap_or_default();
        let (authorization, authority) = match authority.rsplit_once('@') {
            Some(("", authority)) => (None, authority),
            Some((userinfo, authority)) => (Some(basic(userinfo)?), authority),
            None => (None, authority),
        };
        let authority = Authority::parse(authority.as_bytes())?;
        let resource =
            if resource.starts_with('/') { resource.to_owned() } else { format!("/{resource}") };
        let port = authority.port.unwrap_or_else(|| default_port(secure));
        let host = authority.host.iter().map(|b| char::from(b.to_ascii_lowercase())).collect();
        Ok(Self { secure, host, port, resource, authorization })
    }

    /// Whether the connection is to be encrypted.
    #[must_use]
    pub const fn secure(&self) -> bool {
        self.secure
    }

    /// The host in lower case, without brackets: a name, or an IP address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The `Authorization` that the user information amounts to.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The `Host` header: the host, in brackets if it is an IPv6 address, with the port if it is
    /// not the scheme's (RFC 6455 section 4.1, item 4).
    #[must_use]
    pub fn host_header(&self) -> String {
        let mut header = String::new();
        self.write_host(|part| header.push_str(part));
        header
    }

    /// The parts of the `Host` header.
    pub(super) fn write_host(&self, mut write: impl FnMut(&str)) {
        let bracketed = self.host.contains(':');
        let (open, close) = if bracketed { ("[", "]") } else { ("", "") };
        for part in [open, &self.host, close] {
            write(part);
        }
        if self.port != default_port(self.secure) {
            write(&format!(":{}", self.port));
        }
    }
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(uri: &str) -> Result<Self, InvalidTarget> {
        Self::parse(uri)
    }
}

/// The URI, without user information.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.host_header(), self.resource)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// The port of `ws` or `wss` (RFC 6455 section 3).
pub(super) const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// RFC 7617 section 2. The user may not contain a colon, neither part a control character.
fn basic(userinfo: &str) -> Result<String, InvalidTarget> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let user = percent_decode(user)?;
    if user.contains(&b':') {
        return Err(InvalidTarget::UserInfo);
    }
    let mut credentials = user;
    credentials.push(b':');
    credentials.append(&mut percent_decode(password)?);
    if credentials.iter().any(u8::is_ascii_control) {
        return Err(InvalidTarget::UserInfo);
    }
    let mut encoded = vec![0; credentials.len().div_ceil(3).saturating_mul(4)];
    let n = STANDARD.encode_slice(&credentials, &mut encoded).unwrap_or_default();
    encoded.truncate(n);
    String::from_utf8(encoded)
        .map(|encoded| format!("Basic {encoded}"))
        .map_err(|_| InvalidTarget::UserInfo)
}

fn percent_decode(text: &str) -> Result<Vec<u8>, InvalidTarget> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [b'%', high, low, rest @ ..] => {
                let digits = [*high, *low];
                let byte = core::str::from_utf8(&digits)
                    .ok()
                    .filter(|_| digits.iter().all(u8::is_ascii_hexdigit));
                decoded.push(
                    byte.and_then(|d| u8::from_str_radix(d, 16).ok())
                        .ok_or(InvalidTarget::UserInfo)?,
                );
                rest
            }
            [b'%', ..] => return Err(InvalidTarget::UserInfo),
            [byte, rest @ ..] => {
                decoded.push(*byte);
                rest
            }
            [] => return Ok(decoded),
        };
    }
}

/// Why a URI was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidTarget {
    /// A space, a backslash, a control character or a character beyond ASCII (RFC 3986 section 2).
    Character,
    /// The scheme is not `ws`, `wss`, `http` or `https` (RFC 6455 section 3).
    Scheme,
    /// A fragment (RFC 6455 section 3: "MUST NOT be used").
    Fragment,
    /// The user information is not percent-encoded, or not a user and a password (RFC 7617 section 2).
    UserInfo,
    /// The host is missing, or is neither a name nor an address (RFC 3986 section 3.2.2).
    Host,
    /// The port is not a number from 1 to 65,535 (RFC 3986 section 3.2.3).
    Port,
}

impl fmt::Display for InvalidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => {
                "the URI holds a character that must be percent-encoded (RFC 3986, 2): encode it"
            }
            Self::Scheme => "the URI's scheme is not ws or wss (RFC 6455, 3): use one of them",
            Self::Fragment => {
                "the URI has a fragment (RFC 6455, 3): remove it, or write '#' as %23"
            }
            Self::UserInfo => {
                "the URI's user information cannot be decoded (RFC 7617, 2): percent-encode it"
            }
            Self::Host => {
                "the URI's host is neither a name nor an address (RFC 3986, 3.2.2): correct it"
            }
            Self::Port => "the URI's port is not from 1 to 65535 (RFC 3986, 3.2.3): correct it",
        })
    }
}

impl core::error::Error for InvalidTarget {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn parts(uri: &str) -> (bool, String, u16, String, String) {
        let t = Target::parse(uri).unwrap_or_else(|e| panic!("{uri}: {e}"));
        (t.secure(), t.host().into(), t.port(), t.resource().into(), t.host_header())
    }

    fn expect(uri: &str, secure: bool, host: &str, port: u16, resource: &str, header: &str) {
        assert_eq!(
            parts(uri),
            (secure, host.into(), port, resource.into(), header.into()),
            "{uri}"
        );
    }

    #[test]
    fn h14_default_ports_are_omitted_and_ipv6_is_bracketed() {
        expect("ws://example.com", false, "example.com", 80, "/", "example.com");
        expect(
            "WSS://Example.COM:443/a/b?c=d&e",
            true,
            "example.com",
            443,
            "/a/b?c=d&e",
            "example.com",
        );
        expect("https://example.com:/", true, "example.com", 443, "/", "example.com");
        expect("http://example.com:443?q", false, "example.com", 443, "/?q", "example.com:443");
        expect("ws://[::1]:8080/x", false, "::1", 8080, "/x", "[::1]:8080");
        expect("wss://[2001:DB8::1]", true, "2001:db8::1", 443, "/", "[2001:db8::1]");
        expect("ws://127.0.0.1:65535/@:?/", false, "127.0.0.1", 65535, "/@:?/", "127.0.0.1:65535");
        assert_eq!(Target::parse("ws://a:81?b").unwrap().to_string(), "ws://a:81/?b");
    }

    #[test]
    fn h14_user_information_becomes_authorization_and_is_nowhere_else() {
        let t: Target = "wss://Aladdin:open%20sesame@example.com/x".parse().unwrap();
        assert_eq!(t.authorization(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert_eq!((t.host(), t.host_header().as_str()), ("example.com", "example.com"));
        assert_eq!(format!("{t} {t:?}"), "wss://example.com/x Target(wss://example.com/x)");
        assert_eq!(Target::parse("ws://user@a").unwrap().authorization(), Some("Basic dXNlcjo="));
        assert_eq!(Target::parse("ws://u:p%3Aq@r@a").unwrap().host(), "a", "the last @ ends it");
        assert_eq!(Target::parse("ws://@a").unwrap().authorization(), None);
        for bad in ["ws://a%3Ab:c@d", "ws://a%0d%0a:c@d", "ws://%zz@d", "ws://%4@d", "ws://%+1@d"] {
            assert_eq!(Target::parse(bad), Err(InvalidTarget::UserInfo), "{bad}");
        }
    }

    #[test]
    fn h15_what_could_be_injected_is_refused() {
        for bad in [
            "ws://a/ b",
            "ws://a/\r\nX: y",
            "ws://a/\0",
            "ws://a\tb/",
            " ws://a",
            "ws://a\\@b",
            "ws://a/\u{e9}",
            "ws://b\u{fc}cher.de/",
            "ws://a/\x7f",
        ] {
            assert_eq!(Target::parse(bad), Err(InvalidTarget::Character), "{bad:?}");
        }
    }

    #[test]
    fn rfc6455_3_fragments_and_other_schemes_are_refused() {
        for bad in ["ws://a/#b", "ws://a#", "ws://a/?b#c"] {
            assert_eq!(Target::parse(bad), Err(InvalidTarget::Fragment), "{bad}");
        }
        for bad in ["", "a", "a/b", "//a/b", "ftp://a", "ws:a", "ws:/a", "://a", "wsx://a"] {
            assert_eq!(Target::parse(bad), Err(InvalidTarget::Scheme), "{bad}");
        }
    }

    #[test]
    fn h14_hosts_and_ports_are_checked() {
        for bad in [
            "ws://",
            "ws:///x",
            "ws://:80",
            "ws://u@",
            "ws://[::1",
            "ws://[]",
            "ws://[::g]",
            "ws://[::1]x",
            "ws://::1",
            "ws://a b",
            "ws://a%41",
            "ws://a\\b",
            "ws://[1.2.3.4]",
            "ws://[fe80::1%25eth0]",
            "ws://a,b",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
        for bad in
            ["ws://a:x", "ws://a:0", "ws://a:65536", "ws://a:+80", "ws://a:-1", "ws://[::1]:x"]
        {
            assert_eq!(Target::parse(bad), Err(InvalidTarget::Port), "{bad}");
        }
    }
}
