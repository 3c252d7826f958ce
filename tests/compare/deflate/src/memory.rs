//! How much memory a connection keeps: live bytes on the heap, counted by the allocator.
//!
//! A program of its own in each package, since counting costs time.

use std::alloc::System;
use std::sync::Arc;

use stats_alloc::{Region, StatsAlloc};

use crate::chat;
use crate::contest::{Peer, Server, Terms, incoming};
use crate::pipe::{Pipe, Sink};
use crate::row::DEFAULT_LEVEL;

/// So many that what is there once does not count.
const CONNECTIONS: usize = 200;

const LEN: usize = 1 << 10;

/// Writes NAME, RANK, `takeover` or `fresh`, bytes a connection when new, and after a message each
/// way: a line a peer and mode.
pub fn report(allocator: &StatsAlloc<System>, peers: &[Peer]) {
    for peer in peers {
        for takeover in [true, false] {
            if peer.takes(takeover) {
                let [new, used] = measure(allocator, peer, takeover);
                let mode = if takeover { "takeover" } else { "fresh" };
                println!("{}\t{:?}\t{mode}\t{new}\t{used}", peer.name, peer.rank);
            }
        }
    }
}

fn measure(allocator: &StatsAlloc<System>, peer: &Peer, takeover: bool) -> [usize; 2] {
    let texts = chat::messages(LEN, 2);
    let wire = incoming(&texts[..1], takeover);
    let sink = Arc::new(Sink::default());
    let level = peer.only_level.unwrap_or(DEFAULT_LEVEL);
    let mut servers: Vec<Box<dyn Server>> = Vec::with_capacity(CONNECTIONS);
    // One before it is counted: what all of them share is made now.
    exchange(
        &mut *(peer.open)(Terms { takeover, level }, Pipe::once(wire.clone(), Arc::clone(&sink))),
        &texts,
    );
    let region = Region::new(allocator);
    let live = || {
        let change = region.change();
        let live = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
        // The transport is not the connection's.
        (live / CONNECTIONS).saturating_sub(size_of::<Pipe>())
    };
    for _ in 0..CONNECTIONS {
        let pipe = Pipe::once(wire.clone(), Arc::clone(&sink));
        servers.push((peer.open)(Terms { takeover, level }, pipe));
    }
    let new = live();
    servers.iter_mut().for_each(|server| exchange(&mut **server, &texts));
    [new, live()]
}

fn exchange(server: &mut dyn Server, texts: &[chat::Text]) {
    let mut seen = 0;
    server.receive(1, &mut |message| {
        assert!(texts[0].bytes == message, "a wrong message");
        seen += 1;
    });
    assert_eq!(seen, 1, "the message is missing");
    server.send(&texts[1]);
}
