use super::*;

#[test]
fn the_profiles_are_as_documented() {
    let default = SessionConfig::default();
    assert_eq!(default.connection.heartbeat, Some(Heartbeat::new(secs(20), secs(20))));
    assert_eq!((default.backoff.base, default.backoff.cap), (millis(500), secs(30)));
    assert_eq!((default.backoff.spread, default.backoff.max_retries), (Spread::Full, None));
    assert_eq!((default.backoff.first, default.backoff.base_spread), (secs(5), secs(0)));
    let rocket = SessionConfig::socket_rocket();
    assert_eq!(rocket.connection.heartbeat, Some(Heartbeat::new(secs(10), secs(10))));
    assert_eq!((rocket.backoff.base, rocket.backoff.cap), (secs(1), secs(1_024)));
    assert_eq!((rocket.backoff.spread, rocket.backoff.max_retries), (Spread::None, Some(10)));
    assert_eq!((rocket.backoff.first, rocket.backoff.base_spread), (secs(0), secs(0)));
    let browser = SessionConfig::browser();
    assert_eq!(browser.connection.heartbeat, None);
    assert_eq!((browser.connect_timeout, browser.stable_after), (secs(4), secs(5)));
    assert_eq!((browser.backoff.base, browser.backoff.cap), (secs(1), secs(10)));
    assert_eq!((browser.backoff.growth, browser.backoff.max_retries), (130, None));
    assert_eq!((browser.backoff.spread, browser.backoff.first), (Spread::None, secs(0)));
    assert_eq!(browser.backoff.base_spread, secs(4));
    assert_eq!(browser.with_backoff(secs(8), secs(10)).backoff.base_spread, secs(2));
}

#[test]
fn the_profile_browser_retries_within_1_to_5_s_and_then_growing_up_to_10_s() {
    let mut firsts = Vec::new();
    for seed in 0..100 {
        let session = Session::new(SessionConfig::browser(), world::random(seed), at(0));
        let mut world =
            World::of(session).answering([Answer::Accept, Answer::Fail(ConnectFailure::Refused)]);
        world.connect();
        world.pass(secs(10));
        world.reset();
        world.pass(secs(200));
        let gap = |pair: &[Instant]| pair[1].saturating_since(pair[0]).as_nanos();
        let gaps: Vec<_> = world.attempts.windows(2).map(gap).collect();
        let first = gaps[0] - secs(10).as_nanos();
        assert!((secs(1).as_nanos()..=secs(5).as_nanos()).contains(&first), "{gaps:?}");
        // It grows from what was drawn.
        let grown = (first * 130 / 100).min(secs(10).as_nanos());
        assert_eq!((gaps[1], gaps.last()), (grown, Some(&secs(10).as_nanos())));
        firsts.push(first);
    }
    for second in 1..5_u64 {
        let from = secs(second).as_nanos();
        let within = firsts.iter().filter(|first| (from..from + 1_000_000_000).contains(*first));
        assert!((10..=40).contains(&within.count()), "{firsts:?}");
    }
}
