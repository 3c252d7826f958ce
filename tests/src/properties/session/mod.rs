//! A session, its network, its application and its peer, every schedule of them.

mod ledger;
mod network;
mod peer;
mod world;

use longwire::connection::Heartbeat;
use longwire::session::{
    Adaptive, ConnectFailure, Delivery, MessageHeartbeat, Overflow, Reachability, SendOptions,
    SessionConfig, State,
};
use longwire::time::Duration;
use longwire::{CloseCode, Message};

use super::source::Source;
use network::Answer;
use peer::Pongs;
use world::World;

/// Whatever the network, the peer and the application do, in whatever order: one `Closed` an attempt,
/// one outcome a message, order kept, duplicates only where they were announced, nothing reported that is
/// not so, no attempt after a deliberate close, bounded memory, no timer that is due for ever; and once
/// the faults stop the session is open again within its back-off, and every message has its outcome.
pub fn session(input: &[u8]) {
    let mut source = Source::new(input);
    let config = config(&mut source);
    let mut world = World::new(config, source.below(4) == 0);
    while !source.is_empty() {
        step(&mut source, &mut world);
        world.act();
        world.check();
    }
    world.recover();
    world.finish();
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Limits small enough to be reached, and what may be off.
fn config(source: &mut Source<'_>) -> SessionConfig {
    let (sizes, features) = (source.byte(), source.byte());
    let mut config = match sizes & 3 {
        0 => SessionConfig::DEFAULT,
        1 => SessionConfig::socket_rocket(),
        2 => SessionConfig::browser(),
        _ => SessionConfig::DEFAULT.with_backoff(secs(1), secs(4)),
    };
    if features & 1 != 0 {
        config.connection.heartbeat = Some(Heartbeat::new(secs(7), secs(3)));
    }
    if features & 2 != 0 {
        config.adaptive = Some(Adaptive::new(secs(3), secs(20), secs(4)));
    }
    if features & 4 != 0 {
        let beat = MessageHeartbeat::new(Message::from(peer::BEAT), secs(6), secs(4));
        let is_reply = |message: &Message<'_>| message.as_text() == Some(peer::REPLY);
        config.message_heartbeat =
            Some(if features & 8 != 0 { beat.reply(is_reply) } else { beat });
    }
    config.hold_until_ready = features & 16 != 0;
    if features & 32 != 0 {
        config.confirm_timeout = secs(3);
    }
    if features & 64 != 0 {
        config.max_transmissions = 3;
    }
    config.overflow =
        [Overflow::Refuse, Overflow::DropOldest, Overflow::DropNewest][usize::from(sizes >> 2) % 3];
    if sizes & 16 != 0 {
        (config.max_queued_messages, config.max_queued_bytes) = (5, 3_000);
    }
    if sizes & 32 != 0 {
        (config.connection.send_soft_limit, config.connection.send_hard_limit) = (300, 2_000);
    }
    if sizes & 64 != 0 {
        config.connection.fragment_size = 200;
    }
    if sizes & 128 != 0 {
        config.max_queued_messages = 0;
    }
    config.backoff.max_retries = config.backoff.max_retries.map(|_| 6);
    config
}

fn step(source: &mut Source<'_>, world: &mut World) {
    match source.below(32) {
        // The transport.
        0..=3 => world.write(source.amount()),
        4 => world.stall(),
        5 => world.hold(source.flag()),
        6..=8 => world.peer_reads(source.amount()),
        9..=11 => world.receive(source.amount()),
        12 => world.flow(),
        // The application.
        13 => {
            world.take();
        }
        14 => while world.take() {},
        15..=18 => world.send(options(source), source.length().min(5_000)),
        19 => match source.below(3) {
            0 => world.cancel(source.below(8)),
            _ => world.acknowledge(source.below(8)),
        },
        20 => world.ping(source.below(130)),
        21 => match source.below(4) {
            0 => world.session.pause(source.flag()),
            _ => world.session.ready(),
        },
        22 => {
            let reachability = source.choose(&[
                Reachability::Online,
                Reachability::Offline,
                Reachability::Changed,
            ]);
            world.session.reachability(world.now, reachability);
        }
        // Time.
        23 | 24 => world.advance(Duration::from_millis(u64::from(source.short()) / 8)),
        25 => world.advance(source.pause()),
        // The peer.
        26 => match source.below(4) {
            0 => world.peer_pings(),
            1 => world.peer_answers(),
            _ => world.peer_says(source.length().min(5_000)),
        },
        27 => world.pongs(source.choose(&[Pongs::All, Pongs::Last, Pongs::Late, Pongs::None])),
        28 => world.answers(answer(source)),
        29 => match source.below(8) {
            0 => world.reset(),
            1 => world.write_fails(source.flag()),
            2 => world.black_hole(),
            3 => world.peer_ends(),
            4 => {
                let code = source.choose(&[1000, 1001, 1011, 1012, 1013, 1002, 1008, 4000]);
                world.peer_closes(code);
            }
            5 => world.dialled(answer(source)),
            6 => world.stale(source.below(4)),
            _ => world.adopt(),
        },
        30 if world.session.state() == State::Stopped => world.connect(),
        30 | 31 => match source.below(32) {
            0..=7 => world.connect(),
            8..=12 => world.session.suspend(world.now),
            13..=17 => world.session.resume(world.now),
            18 => world.close(CloseCode::NORMAL),
            19 => world.abort(),
            20 => world.finish_within(secs(u64::from(source.byte()))),
            _ => world.flow(),
        },
        _ => unreachable!("below 32"),
    }
}

fn options(source: &mut Source<'_>) -> SendOptions {
    let choice = source.byte();
    let delivery = [Delivery::Received, Delivery::Transmitted, Delivery::Acknowledged]
        [usize::from(choice) % 3];
    let mut options = SendOptions::new(delivery);
    if choice & 0x70 == 0x70 {
        options = options.expires_in(secs(u64::from(choice) % 9));
    }
    options.volatile = choice & 0xc4 == 0xc4;
    options.first = choice & 0xc8 == 0xc8;
    options
}

fn answer(source: &mut Source<'_>) -> Answer {
    match source.below(12) {
        0..=5 => Answer::Accept,
        6 => Answer::Fail(ConnectFailure::Refused),
        7 => Answer::Hang,
        8 => Answer::Mute,
        9 => Answer::Decline(503, Some(7)),
        10 => Answer::Decline(503, None),
        _ if source.below(8) == 0 => Answer::Decline(401, None),
        _ => Answer::Accept,
    }
}
