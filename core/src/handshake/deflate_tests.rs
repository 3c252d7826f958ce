//! permessage-deflate's negotiation: all combinations of the four parameters against all that a
//! server or a client may want.

use alloc::{format, string::String, vec, vec::Vec};

use bytes::Buf;

use super::HandshakeError as E;
use super::InvalidDeflate as D;
use super::deflate::{Terms, answer, offer, verify};
use super::*;
use crate::buffer::Outbox;
use crate::deflate::WindowBits;

pub(super) const NAME: &str = "permessage-deflate";

/// The four parameters as numbers: 15 for a window without limit.
pub(super) type Four = (bool, bool, u8, u8);

pub(super) fn want((server_no, client_no, server_bits, client_bits): Four) -> Deflate {
    Deflate {
        server_no_context_takeover: server_no,
        client_no_context_takeover: client_no,
        server_max_window_bits: WindowBits::new(server_bits).unwrap(),
        client_max_window_bits: WindowBits::new(client_bits).unwrap(),
        ..Deflate::DEFAULT
    }
}

pub(super) fn four(deflate: &Deflate) -> Four {
    (
        deflate.server_no_context_takeover,
        deflate.client_no_context_takeover,
        deflate.server_max_window_bits.get(),
        deflate.client_max_window_bits.get(),
    )
}

/// All that an end may want: 256.
fn wants() -> Vec<Four> {
    let mut all = Vec::new();
    for flags in 0..4 {
        for server_bits in 8..=15 {
            for client_bits in 8..=15 {
                all.push((flags & 1 != 0, flags & 2 != 0, server_bits, client_bits));
            }
        }
    }
    all
}

fn text(terms: &Terms) -> String {
    let mut outbox = Outbox::default();
    terms.write(&mut outbox);
    let line = String::from_utf8(outbox.chunk().to_vec()).unwrap();
    let line = line.strip_prefix("Sec-WebSocket-Extensions: ").unwrap();
    line.strip_suffix("\r\n").unwrap().into()
}

/// The answer's text and what the server then holds to.
fn served(own: Four, lines: &[&str]) -> Option<(String, Four)> {
    let lines = lines.iter().map(|line| line.as_bytes());
    let chosen = answer(&want(own), lines).unwrap();
    chosen.map(|(terms, agreed)| (text(&terms), four(&agreed)))
}

fn verified(own: Four, lines: &[&str]) -> Result<Option<Four>, HandshakeError> {
    let agreed = verify(&want(own), lines.iter().map(|line| line.as_bytes()))?;
    Ok(agreed.map(|agreed| four(&agreed)))
}

/// One offer or answer in all that tells its meaning: whether the flags are there, and for each window
/// `None` if it is not there, 0 if it has no value.
#[derive(Clone, Copy, Debug)]
struct Spelling {
    server_no: bool,
    client_no: bool,
    server_bits: Option<u8>,
    client_bits: Option<u8>,
}

impl Spelling {
    fn text(self) -> String {
        let window = |name: &str, bits: Option<u8>| match bits {
            None => String::new(),
            Some(0) => format!("; {name}"),
            Some(bits) => format!("; {name}={bits}"),
        };
        let flag = |name: &str, there| if there { format!("; {name}") } else { String::new() };
        [
            NAME.into(),
            flag("server_no_context_takeover", self.server_no),
            flag("client_no_context_takeover", self.client_no),
            window("server_max_window_bits", self.server_bits),
            window("client_max_window_bits", self.client_bits),
        ]
        .concat()
    }

    /// Of a client that would offer this.
    fn client(self) -> Four {
        let limit = |bits: Option<u8>| bits.filter(|bits| *bits > 0).unwrap_or(15);
        (self.server_no, self.client_no, limit(self.server_bits), limit(self.client_bits))
    }
}

/// All valid offers: 360, and with `no_value` as many again of `server_max_window_bits` alone.
fn spellings(no_value: bool) -> Vec<Spelling> {
    let windows: Vec<Option<u8>> = [None, Some(0)].into_iter().chain((8..=15).map(Some)).collect();
    let mut all = Vec::new();
    for flags in 0..4 {
        for server_bits in windows.iter().copied().filter(|bits| no_value || *bits != Some(0)) {
            for client_bits in windows.iter().copied() {
                let (server_no, client_no) = (flags & 1 != 0, flags & 2 != 0);
                all.push(Spelling { server_no, client_no, server_bits, client_bits });
            }
        }
    }
    all
}

#[test]
fn d5_every_offer_meets_every_server() {
    let offers = spellings(false);
    assert_eq!(offers.len(), 4 * 9 * 10);
    for offered in offers {
        let line = offered.text();
        for own in wants() {
            let (answer, agreed) = served(own, &[&line]).unwrap();
            let case = || format!("{line} to {own:?}: {answer}");

            let (server_no, client_no, server_bits, client_bits) = own;
            let server_no = server_no || offered.server_no;
            let client_no = client_no || offered.client_no;
            let server_bits = server_bits.min(offered.server_bits.unwrap_or(15));
            let client_bits = match offered.client_bits {
                None => 15,
                Some(0) => client_bits,
                Some(hint) => client_bits.min(hint),
            };
            assert_eq!(agreed, (server_no, client_no, server_bits, client_bits), "{}", case());

            let may_say_nothing = offered.server_bits.is_none() && server_bits == 15;
            let expected = Spelling {
                server_no,
                client_no,
                server_bits: (!may_say_nothing).then_some(server_bits),
                client_bits: (client_bits < 15).then_some(client_bits),
            };
            assert_eq!(answer, expected.text(), "{}", case());
            assert!(
                offered.client_bits.is_some() || !answer.contains("client_max_window_bits"),
                "{}",
                case()
            );
            assert_eq!(verified(offered.client(), &[&answer]), Ok(Some(agreed)), "{}", case());
        }
    }
}

#[test]
fn d5_every_answer_meets_every_client() {
    for answered in spellings(true) {
        let line = answered.text();
        for own in wants() {
            let (server_no, client_no, server_bits, client_bits) = own;
            let silent = answered.server_bits.is_none();
            // A name alone is found first: it is what makes the answer unreadable.
            let expected = if answered.server_bits == Some(0) {
                Err(D::MissingValue)
            } else if server_no && !answered.server_no {
                Err(D::MissingServerNoContextTakeover)
            } else if answered.server_bits.is_some_and(|bits| bits > server_bits) {
                Err(D::WindowTooLarge)
            } else if server_bits < 15 && silent {
                Err(D::MissingServerMaxWindowBits)
            } else if answered.client_bits == Some(0) {
                Err(D::MissingValue)
            } else if answered.client_bits.is_some_and(|bits| bits > client_bits) {
                Err(D::WindowTooLarge)
            } else {
                let server_bits = answered.server_bits.unwrap_or(15);
                let client_bits = answered.client_bits.unwrap_or(client_bits);
                let client_no = client_no || answered.client_no;
                Ok(Some((answered.server_no, client_no, server_bits, client_bits)))
            };
            assert_eq!(verified(own, &[&line]), expected.map_err(E::from), "{line} to {own:?}");
        }
    }
}

#[test]
fn d5_every_client_of_ours_meets_every_server_of_ours() {
    for client in wants() {
        let line = text(&offer(&want(client)));
        let limit = |bits: u8| (bits < 15).then_some(bits);
        let expected = Spelling {
            server_no: client.0,
            client_no: client.1,
            server_bits: limit(client.2),
            client_bits: Some(limit(client.3).unwrap_or(0)),
        };
        assert_eq!(line, expected.text());
        for server in wants() {
            let (answer, agreed) = served(server, &[&line]).unwrap();
            assert_eq!(verified(client, &[&answer]), Ok(Some(agreed)), "{client:?} {server:?}");
            let both = (
                client.0 || server.0,
                client.1 || server.1,
                client.2.min(server.2),
                client.3.min(server.3),
            );
            assert_eq!(agreed, both, "nobody gives what it did not allow");
        }
    }
}

#[test]
fn d5_what_the_rfc_and_browsers_say_in_full() {
    let default = four(&Deflate::DEFAULT);
    let shared = four(&Deflate::SHARED);
    for (offered, own, answered, agreed) in [
        // RFC 7692 section 7.1.3 and the browsers' offer.
        (NAME, default, NAME, default),
        ("permessage-deflate; client_max_window_bits", default, NAME, default),
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
            default,
            "permessage-deflate; server_max_window_bits=10",
            (false, false, 10, 15),
        ),
        (
            "permessage-deflate; client_max_window_bits",
            shared,
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            shared,
        ),
        (
            "permessage-deflate; client_max_window_bits",
            (false, false, 9, 8),
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits=8",
            (false, false, 9, 8),
        ),
        (
            NAME,
            (false, false, 9, 8),
            "permessage-deflate; server_max_window_bits=9",
            (false, false, 9, 15),
        ),
    ] {
        assert_eq!(served(own, &[offered]), Some((answered.into(), agreed)), "{offered}");
    }
    for (own, offered) in [
        (default, "permessage-deflate; client_max_window_bits"),
        (
            shared,
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
        ),
        (
            (false, false, 8, 9),
            "permessage-deflate; server_max_window_bits=8; client_max_window_bits=9",
        ),
    ] {
        assert_eq!(text(&offer(&want(own))), offered);
    }
}

#[test]
fn d4_the_two_no_context_takeovers_are_kept_apart() {
    let flags = [(false, false), (false, true), (true, false), (true, true)];
    for (client_server_no, client_client_no) in flags {
        for (server_server_no, server_client_no) in flags {
            let client = (client_server_no, client_client_no, 15, 15);
            let line = text(&offer(&want(client)));
            let (answer, agreed) =
                served((server_server_no, server_client_no, 15, 15), &[&line]).unwrap();
            let server_no = client_server_no || server_server_no;
            let client_no = client_client_no || server_client_no;
            assert_eq!((agreed.0, agreed.1), (server_no, client_no));
            assert_eq!(answer.contains("server_no_context_takeover"), server_no);
            assert_eq!(answer.contains("client_no_context_takeover"), client_no);
            let at_client = verified(client, &[&answer]).unwrap().unwrap();
            assert_eq!((at_client.0, at_client.1), (server_no, client_no));
        }
    }
    // The hint binds the client that gave it, even if the server has not heard it.
    assert_eq!(verified((false, true, 15, 15), &[NAME]), Ok(Some((false, true, 15, 15))));
    assert_eq!(verified((false, false, 15, 9), &[NAME]), Ok(Some((false, false, 15, 9))));
}

/// Parameters that are invalid in an offer and in an answer, and what is wrong with them.
const INVALID: [(&str, InvalidDeflate); 38] = [
    ("foo", D::UnknownParameter),
    ("foo=1", D::UnknownParameter),
    ("max_window_bits=10", D::UnknownParameter),
    ("Server_no_context_takeover", D::UnknownParameter),
    ("permessage-deflate", D::UnknownParameter),
    ("server_no_context_takeover=1", D::UnexpectedValue),
    ("server_no_context_takeover=true", D::UnexpectedValue),
    ("server_no_context_takeover=\"15\"", D::UnexpectedValue),
    ("client_no_context_takeover=0", D::UnexpectedValue),
    ("server_no_context_takeover; server_no_context_takeover", D::DuplicateParameter),
    ("client_no_context_takeover; client_no_context_takeover", D::DuplicateParameter),
    ("server_max_window_bits=10; server_max_window_bits=10", D::DuplicateParameter),
    (
        "server_max_window_bits=15; client_max_window_bits=9; server_max_window_bits=15",
        D::DuplicateParameter,
    ),
    ("client_max_window_bits; client_max_window_bits", D::DuplicateParameter),
    ("client_max_window_bits; client_max_window_bits=10", D::DuplicateParameter),
    ("client_max_window_bits=10; client_max_window_bits", D::DuplicateParameter),
    ("server_max_window_bits", D::MissingValue),
    ("server_max_window_bits=0", D::InvalidValue),
    ("server_max_window_bits=7", D::InvalidValue),
    ("server_max_window_bits=16", D::InvalidValue),
    ("server_max_window_bits=08", D::InvalidValue),
    ("server_max_window_bits=010", D::InvalidValue),
    ("server_max_window_bits=+10", D::InvalidValue),
    ("server_max_window_bits=-10", D::InvalidValue),
    ("server_max_window_bits=10.0", D::InvalidValue),
    ("server_max_window_bits=1e1", D::InvalidValue),
    ("server_max_window_bits=0xa", D::InvalidValue),
    ("server_max_window_bits=100", D::InvalidValue),
    ("server_max_window_bits=266", D::InvalidValue),
    ("server_max_window_bits=4294967306", D::InvalidValue),
    ("server_max_window_bits=18446744073709551626", D::InvalidValue),
    ("server_max_window_bits=1", D::InvalidValue),
    ("server_max_window_bits=true", D::InvalidValue),
    ("client_max_window_bits=7", D::InvalidValue),
    ("client_max_window_bits=16", D::InvalidValue),
    ("client_max_window_bits=09", D::InvalidValue),
    ("client_max_window_bits=\"16\"", D::InvalidValue),
    ("client_max_window_bits='10'", D::InvalidValue),
];

#[test]
fn h6_an_invalid_offer_is_declined_and_the_next_one_tried() {
    let default = four(&Deflate::DEFAULT);
    for (invalid, _) in INVALID {
        for line in [
            format!("{NAME}; {invalid}"),
            format!("{NAME}; {invalid}; client_no_context_takeover=1"),
            format!("{NAME}; client_max_window_bits=9; {invalid}"),
        ] {
            assert_eq!(served(default, &[&line]), None, "{line}");
            let next = "permessage-deflate; server_max_window_bits=11";
            let chosen = served(default, &[&line, next]).unwrap();
            assert_eq!(chosen.1, (false, false, 11, 15), "nothing is left of {line}");
            let list = format!("foo, {line}, bar; {invalid}, {next}, {NAME}");
            assert_eq!(served(default, &[&list]), Some(chosen.clone()), "{list}");
            assert_eq!(served(default, &[next, &line]), Some(chosen), "{line}");
        }
    }
}

#[test]
fn d5_an_invalid_answer_fails_the_client_and_says_why() {
    let default = four(&Deflate::DEFAULT);
    for (invalid, why) in INVALID {
        let line = format!("{NAME}; {invalid}");
        // In an answer, a name alone is no less wrong for being repeated.
        assert_eq!(verified(default, &[&line]), Err(why.into()), "{line}");
        let section = format!("{why}");
        assert!(section.contains("(RFC 7692, 7.1"), "{section}");
        assert_eq!(format!("{}", E::from(why)), section);
        assert_eq!(E::from(why).status(), None, "only a client can meet it");
    }
    for window in ["client_max_window_bits", "server_max_window_bits"] {
        let line = format!("{NAME}; {window}");
        assert_eq!(verified(default, &[&line]), Err(D::MissingValue.into()));
    }
}

#[test]
fn h6_an_answer_that_was_not_offered_fails_the_client() {
    let default = four(&Deflate::DEFAULT);
    for (lines, error) in [
        (vec!["permessage-bzip2"], E::UnexpectedExtension),
        (vec!["x-webkit-deflate-frame"], E::UnexpectedExtension),
        (vec!["Permessage-Deflate"], E::UnexpectedExtension),
        (vec!["permessage-deflate, foo"], E::UnexpectedExtension),
        (vec!["foo; a=b, permessage-deflate"], E::UnexpectedExtension),
        (vec!["permessage-deflate", "foo"], E::UnexpectedExtension),
        (vec!["permessage-deflate, permessage-deflate"], D::Repeated.into()),
        (vec!["permessage-deflate", "", "permessage-deflate"], D::Repeated.into()),
        (vec!["permessage-deflate; foo, bar"], D::UnknownParameter.into()),
        (vec!["permessage-deflate", "permessage-deflate; foo"], D::Repeated.into()),
        (vec!["permessage-deflate;"], E::InvalidExtensions),
        (vec!["foo", "permessage-deflate;="], E::InvalidExtensions),
    ] {
        assert_eq!(verified(default, &lines), Err(error), "{lines:?}");
    }
    for nothing in [vec![], vec![""], vec![" , ", ","]] {
        assert_eq!(verified(four(&Deflate::SHARED), &nothing), Ok(None), "{nothing:?}");
    }
}

#[test]
fn h6_the_first_acceptable_offer_counts_over_one_line_or_many() {
    let own = (false, false, 15, 15);
    let (a, b) = (
        "permessage-deflate; server_max_window_bits=9",
        "permessage-deflate; client_max_window_bits=9",
    );
    let (agreed_a, agreed_b) = ((false, false, 9, 15), (false, false, 15, 9));
    for (lines, agreed) in [
        (vec![format!("{a}, {b}")], agreed_a),
        (vec![format!("{b}, {a}")], agreed_b),
        (vec![a.into(), b.into()], agreed_a),
        (vec!["foo; server_max_window_bits=10".into(), b.into(), a.into()], agreed_b),
        (vec![",".into(), format!(",,{a},,"), b.into()], agreed_a),
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(served(own, &lines).unwrap().1, agreed, "{lines:?}");
    }
    for none in [vec![], vec![""], vec!["foo"], vec!["permessage-deflated, permessage"]] {
        assert_eq!(served(own, &none), None, "{none:?}");
    }
}

#[test]
fn h6_a_quoted_value_is_its_token() {
    for (spelled, bits) in [("\"10\"", 10), ("\"1\\0\"", 10), ("\"\\8\"", 8), (" = \"15\" ", 15)] {
        let equals = if spelled.contains('=') { "" } else { "=" };
        let line = format!("{NAME} ;\tserver_max_window_bits{equals}{spelled}");
        assert_eq!(
            served((false, false, 15, 15), &[&line]),
            Some((format!("{NAME}; server_max_window_bits={bits}"), (false, false, bits, 15)))
        );
        assert_eq!(verified((false, false, 15, 15), &[&line]), Ok(Some((false, false, bits, 15))));
    }
}

#[test]
fn d5_levels_and_threshold_stay_each_ends_own() {
    let own = Deflate { level: 1, memory_level: 3, threshold: 7, ..Deflate::SHARED };
    let limited = "permessage-deflate; server_no_context_takeover; server_max_window_bits=9";
    let lines = || [limited.as_bytes()].into_iter();
    let expected = Deflate { server_max_window_bits: WindowBits::new(9).unwrap(), ..own };
    assert_eq!(answer(&own, lines()).unwrap().map(|(_, agreed)| agreed), Some(expected));
    assert_eq!(verify(&own, lines()), Ok(Some(expected)));
}
