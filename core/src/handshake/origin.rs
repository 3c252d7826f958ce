use alloc::{string::String, vec::Vec};

use super::authority::Authority;
use super::headers::Single;
use super::target::default_port;

/// Which origins a server lets connect (RFC 6455 section 10.2).
///
/// Only browsers send an `Origin`, and only browsers need this: without it any page that a user
/// visits could connect with the user's cookies. A request without `Origin` passes every policy.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Every origin. For servers that authenticate otherwise than by cookies.
    Any,
    /// The origin's host and port are those of the request, a missing port being that of the
    /// origin's scheme. `null` is not.
    #[default]
    SameHost,
    /// One of these, such as `https://example.com`: scheme, host and port are equal, a missing port
    /// being that of the scheme.
    List(Vec<String>),
}

impl OriginPolicy {
    /// Whether a request with this `Origin`, to this valid host, may connect.
    pub(super) fn allows(&self, origin: Single<'_>, host: &[u8]) -> bool {
        let origin = match origin {
            Single::Missing => return true,
            Single::One(origin) => Some(origin),
            // Which of them a browser's script caused cannot be told.
            Single::Several => None,
        };
        match self {
            Self::Any => true,
            Self::SameHost => origin.and_then(split).is_some_and(|(scheme, authority)| {
                // As a rule they are equal to the letter, and the host was found to be one.
                authority.eq_ignore_ascii_case(host)
                    || Origin::new(scheme, authority)
                        .is_some_and(|origin| origin.is_same_host(host))
            }),
            Self::List(list) => origin
                .is_some_and(|origin| list.iter().any(|other| is_same(origin, other.as_bytes()))),
        }
    }
}

/// `scheme "://" host [ ":" port ]` (RFC 6454 section 6.1).
struct Origin<'a> {
    scheme: &'a [u8],
    authority: Authority<'a>,
}

impl<'a> Origin<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let (scheme, authority) = split(text)?;
        Self::new(scheme, authority)
    }

    fn new(scheme: &'a [u8], authority: &'a [u8]) -> Option<Self> {
        Some(Self { scheme, authority: Authority::parse(authority).ok()? })
    }

    fn default_port(&self) -> Option<u16> {
        let is = |scheme: &[u8]| self.scheme.eq_ignore_ascii_case(scheme);
        if is(b"https") || is(b"wss") {
            Some(default_port(true))
        } else if is(b"http") || is(b"ws") {
            Some(default_port(false))
        } else {
            None
        }
    }

    fn is_same_host(&self, host: &[u8]) -> bool {
        let Ok(host) = Authority::parse(host) else { return false };
        let (ours, theirs) = (host.port, self.authority.port);
        let is_same_port = || {
            // The server cannot know whether a proxy in front of it speaks TLS; the origin says.
            let default = self.default_port();
            theirs.or(default) == ours.or(default)
        };
        self.authority.host.eq_ignore_ascii_case(host.host) && (theirs == ours || is_same_port())
    }
}

/// What is in front of `://`, and behind it.
fn split(origin: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = origin.windows(3).position(|part| part == b"://")?;
    Some((origin.get(..end)?, origin.get(end.saturating_add(3)..)?))
}

fn is_same(origin: &[u8], allowed: &[u8]) -> bool {
    let (Some(a), Some(b)) = (Origin::parse(origin), Origin::parse(allowed)) else {
        // `null`, and schemes whose origins are not hosts.
        return origin.eq_ignore_ascii_case(allowed);
    };
    a.scheme.eq_ignore_ascii_case(b.scheme)
        && a.authority.host.eq_ignore_ascii_case(b.authority.host)
        && a.authority.port.or_else(|| a.default_port())
            == b.authority.port.or_else(|| b.default_port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn allows(policy: &OriginPolicy, origins: &[&str], host: &str) -> bool {
        let origin = match origins {
            [] => Single::Missing,
            [origin] => Single::One(origin.as_bytes()),
            _ => Single::Several,
        };
        policy.allows(origin, host.as_bytes())
    }

    #[test]
    fn h21_same_host_compares_host_and_port_with_defaults_and_without_case() {
        let same = |origin, host| allows(&OriginPolicy::SameHost, &[origin], host);
        for (origin, host) in [
            ("http://example.com", "example.com"),
            ("https://example.com", "example.com"),
            ("HTTPS://Example.com", "eXample.COM:443"),
            ("http://example.com:80", "example.com"),
            ("http://example.com:8080", "example.com:8080"),
            ("http://[::1]:3000", "[::1]:3000"),
        ] {
            assert!(same(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("null", "example.com"),
            ("null", "null"),
            ("", "example.com"),
            ("http://example.com", "example.com:8080"),
            ("http://example.com:8080", "example.com"),
            ("https://example.com", "example.com:80"),
            ("http://evil.com", "example.com"),
            ("http://example.com.evil.com", "example.com"),
            ("http://evil-example.com", "example.com"),
            ("http://example.com@evil.com", "example.com"),
            ("http://evil.com/example.com", "example.com"),
            ("example.com", "example.com"),
        ] {
            assert!(!same(origin, host), "{origin} {host}");
        }
    }

    #[test]
    fn h21_no_origin_is_no_browser_and_passes() {
        let list = OriginPolicy::List(Vec::new());
        for policy in [OriginPolicy::Any, OriginPolicy::SameHost, list] {
            assert!(allows(&policy, &[], "example.com"), "{policy:?}");
        }
    }

    #[test]
    fn h21_several_origins_are_nobodys() {
        let twice = ["http://a", "http://a"];
        assert!(!allows(&OriginPolicy::SameHost, &twice, "a"));
        assert!(!allows(&OriginPolicy::List(alloc::vec!["http://a".to_string()]), &twice, "a"));
        assert!(allows(&OriginPolicy::Any, &twice, "a"));
    }

    #[test]
    fn h21_a_list_compares_scheme_host_and_port() {
        let list =
            ["https://example.com", "http://localhost:3000", "chrome-extension://abc", "null"];
        let list = OriginPolicy::List(list.iter().map(ToString::to_string).collect());
        for origin in
            ["https://EXAMPLE.com:443", "http://localhost:3000", "chrome-extension://ABC", "null"]
        {
            assert!(allows(&list, &[origin], "other"), "{origin}");
        }
        for origin in [
            "http://example.com",
            "https://example.com:444",
            "http://localhost",
            "http://other",
            "file://",
        ] {
            assert!(!allows(&list, &[origin], "other"), "{origin}");
        }
    }
}
