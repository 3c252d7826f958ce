use longwire::Endpoint;

use super::operations::{finish, operation};
use super::side;
use super::source::{Side, Source};

/// A connection that puts aside whatever it can after every step is told from one that does so only when
/// told by nothing that it sends, says or waits for.
pub fn resting(input: &[u8]) {
    let mut source = Source::new(input);
    let role = if source.flag() { Side::Client } else { Side::Server };
    let config = source.config(role);
    let deflate = source.flag().then(|| source.deflate());
    let mut sides = [(); 2].map(|()| {
        let side = side::Side::new(role, config, 1);
        if let Some(deflate) = &deflate { side.with_deflate(deflate) } else { side }
    });
    let guest_role = if source.flag() { Side::Client } else { Side::Server };
    let mut guest = side::Side::new(guest_role, source.config(guest_role), 2);
    if source.flag() {
        guest = guest.with_deflate(&source.deflate());
    }
    while !source.is_empty() {
        let mut same = source.clone();
        let [rested, other] = &mut sides;
        operation(&mut source, rested, role);
        operation(&mut same, other, role);
        for side in &mut sides {
            // One had more room than the other, perhaps, and took less of what it was told.
            while side.take(false) {}
            side.check();
        }
        let [rested, other] = &mut sides;
        rested.connection.release_buffers();
        // What it put aside somebody else uses, who is another end, has other limits, and may compress.
        operation(&mut same, &mut guest, guest_role);
        while guest.take(false) {}
        guest.check();
        guest.connection.release_buffers();
        same_answers(rested, other);
    }
    let [rested, other] = &mut sides;
    finish(rested);
    finish(other);
    assert!(rested.wire == other.wire, "they sent different bytes");
    assert_eq!(rested.received, other.received);
    assert_eq!(rested.pings, other.pings);
    assert_eq!(rested.errors, other.errors);
    assert_eq!(rested.closed, other.closed);
}

fn same_answers(rested: &side::Side, other: &side::Side) {
    let (a, b) = (&rested.connection, &other.connection);
    assert_eq!(a.state(), b.state());
    assert_eq!(a.poll_timeout(), b.poll_timeout());
    assert_eq!(a.buffered(), b.buffered());
    assert_eq!(a.has_room(), b.has_room());
    assert_eq!(a.transmitted_messages(), b.transmitted_messages());
    assert_eq!(a.round_trip(), b.round_trip());
    assert_eq!(a.is_send_finished(), b.is_send_finished());
    assert_eq!(a.is_finished(), b.is_finished());
    assert_eq!(a.config(), b.config());
}
