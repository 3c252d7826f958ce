use super::*;

#[test]
fn the_profiles_are_as_documented() {
    let default = SessionConfig::default();
    assert_eq!(default.connection.heartbeat, Some(Heartbeat::new(secs(20), secs(20))));
    assert_eq!((default.backoff.base, default.backoff.cap), (millis(500), secs(30)));
    assert_eq!((default.backoff.spread, default.backoff.max_retries), (Spread::Full, None));
    let rocket = SessionConfig::socket_rocket();
    assert_eq!(rocket.connection.heartbeat, Some(Heartbeat::new(secs(10), secs(10))));
    assert_eq!((rocket.backoff.base, rocket.backoff.cap), (secs(1), secs(1_024)));
    assert_eq!((rocket.backoff.spread, rocket.backoff.max_retries), (Spread::None, Some(10)));
    assert_eq!(rocket.backoff.first, Duration::ZERO);
    let browser = SessionConfig::browser();
    assert_eq!(browser.connection.heartbeat, None);
    assert_eq!((browser.connect_timeout, browser.stable_after), (secs(4), secs(5)));
    assert_eq!((browser.backoff.base, browser.backoff.cap), (secs(1), secs(10)));
    assert_eq!((browser.backoff.growth, browser.backoff.max_retries), (130, None));
}

#[test]
fn the_profile_browser_retries_within_5_s_and_then_growing_up_to_10_s() {
    let mut world = World::new(SessionConfig::browser())
        .answering([Answer::Accept, Answer::Fail(ConnectFailure::Refused)]);
    world.connect();
    world.pass(secs(10));
    world.reset();
    world.pass(secs(200));
    let gaps: Vec<_> =
        world.attempts.windows(2).map(|pair| pair[1].saturating_since(pair[0])).collect();
    assert!(gaps[0] >= secs(11) && gaps[0] <= secs(15), "{gaps:?}");
    assert_eq!(gaps[1..4], [millis(1_300), millis(1_690), millis(2_197)]);
    assert_eq!(gaps.last(), Some(&secs(10)));
}
