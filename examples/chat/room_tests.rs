use serde_json::{Value, json};

use super::*;

type Sent = Vec<(Vec<u32>, Value)>;

fn sent(effects: &Effects<u32>) -> Sent {
    let one = |delivery: &Delivery<u32>| {
        (delivery.to.clone(), serde_json::from_str(&delivery.text).unwrap())
    };
    effects.deliveries.iter().map(one).collect()
}

fn join(rooms: &mut Rooms<u32>, member: u32, room: &str, name: &str) -> Sent {
    sent(&rooms.join(member, room, name, None, 1).unwrap())
}

fn say(rooms: &mut Rooms<u32>, member: u32, id: &str, text: &str) -> Sent {
    sent(&rooms.say(member, id.into(), text.into(), 2).unwrap())
}

/// The name given and the members told by a `welcome`, which has to be the last delivery.
fn welcomed(sent: &Sent) -> (String, Vec<String>) {
    let welcome = &sent.last().unwrap().1;
    assert_eq!(welcome["type"], "welcome");
    let members = welcome["members"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&welcome["name"]), members.iter().map(text).collect())
}

fn history(sent: &Sent) -> Vec<String> {
    let messages = sent.last().unwrap().1["history"].as_array().unwrap();
    messages.iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn join_welcomes_one_and_tells_the_others() {
    let mut rooms = Rooms::new();
    let welcome = |name: &str, members: &[&str]| json!({"type": "welcome", "room": "r", "name": name, "members": members, "history": []});
    assert_eq!(join(&mut rooms, 1, "r", "bob"), [(vec![1], welcome("bob", &["bob"]))]);
    assert_eq!(
        join(&mut rooms, 2, "r", "ann"),
        [
            (vec![1], json!({"type": "joined", "name": "ann", "at": 1})),
            (vec![2], welcome("ann", &["ann", "bob"])),
        ]
    );
}

#[test]
fn a_message_reaches_its_room_and_no_one_else() {
    let mut rooms = Rooms::new();
    for (member, room) in [(1, "red"), (2, "blue"), (3, "red"), (4, "Red")] {
        join(&mut rooms, member, room, "ann");
    }
    let message =
        |name: &str| json!({"type": "message", "id": "x", "name": name, "text": "hi", "at": 2});
    assert_eq!(say(&mut rooms, 3, "x", "hi"), [(vec![1, 3], message("ann (2)"))]);
    assert_eq!(say(&mut rooms, 2, "x", "hi"), [(vec![2], message("ann"))]);
    assert_eq!(history(&join(&mut rooms, 5, "Red", "eve")), [""; 0]);
    assert_eq!(history(&join(&mut rooms, 6, "blue", "eve")), ["hi"]);
}

#[test]
fn leaving_is_told_once_and_to_those_who_stay() {
    let mut rooms = Rooms::new();
    join(&mut rooms, 1, "r", "ann");
    join(&mut rooms, 2, "r", "bob");
    join(&mut rooms, 3, "other", "eve");
    let left = json!({"type": "left", "name": "bob", "at": 9});
    assert_eq!(sent(&rooms.leave(2, 9)), [(vec![1], left)]);
    assert_eq!(rooms.leave(2, 9), Effects::none());
    assert_eq!(rooms.leave(77, 9), Effects::none());
    assert_eq!(rooms.leave(1, 9), Effects::none());
    assert_eq!(rooms.places.len(), 1);
}

#[test]
fn names_are_unique_within_a_room_and_free_again_afterwards() {
    let mut rooms = Rooms::new();
    let mut given = |member, name| welcomed(&join(&mut rooms, member, "r", name)).0;
    assert_eq!(given(1, "ann"), "ann");
    assert_eq!(given(2, "ann"), "ann (2)");
    assert_eq!(given(3, "ann"), "ann (3)");
    assert_eq!(given(4, "ann (2)"), "ann (2) (2)");
    assert_eq!(given(5, "Ann"), "Ann");
    let _ = rooms.leave(2, 3);
    assert_eq!(
        welcomed(&join(&mut rooms, 6, "r", "ann")),
        (
            "ann (2)".into(),
            ["Ann", "ann", "ann (2)", "ann (2) (2)", "ann (3)"].map(Into::into).into()
        )
    );
    assert_eq!(welcomed(&join(&mut rooms, 7, "other", "ann")).0, "ann");
}

#[test]
fn the_last_fifty_for_whoever_joins() {
    let mut rooms = Rooms::new();
    join(&mut rooms, 1, "r", "ann");
    for n in 0..HISTORY_MAX + 5 {
        say(&mut rooms, 1, &n.to_string(), &format!("text {n}"));
    }
    let expected: Vec<_> = (5..HISTORY_MAX + 5).map(|n| format!("text {n}")).collect();
    assert_eq!(history(&join(&mut rooms, 2, "r", "bob")), expected);
}

#[test]
fn repetitions_are_seen_by_the_sender_only() {
    let mut rooms = Rooms::new();
    join(&mut rooms, 1, "r", "ann");
    join(&mut rooms, 2, "r", "bob");
    join(&mut rooms, 3, "other", "eve");
    assert_eq!(say(&mut rooms, 1, "x", "hi")[0].0, [1, 2]);
    assert_eq!(say(&mut rooms, 1, "x", "hi"), [(vec![1], json!({"type": "seen", "id": "x"}))]);
    assert_eq!(say(&mut rooms, 3, "x", "hi")[0].1["type"], "message");
    assert_eq!(history(&join(&mut rooms, 4, "r", "joe")), ["hi"]);
}

#[test]
fn a_repetition_after_a_reconnect_is_a_repetition() {
    let mut rooms = Rooms::new();
    join(&mut rooms, 1, "r", "ann");
    say(&mut rooms, 1, "x", "hi");
    let _ = rooms.leave(1, 3);
    assert_eq!(history(&join(&mut rooms, 2, "r", "ann")), ["hi"]);
    assert_eq!(say(&mut rooms, 2, "x", "hi")[0].1["type"], "seen");
}

#[test]
fn ids_are_remembered_for_a_thousand_messages() {
    let mut rooms = Rooms::new();
    join(&mut rooms, 1, "r", "ann");
    for n in 0..RECENT_MAX {
        say(&mut rooms, 1, &n.to_string(), "hi");
    }
    assert_eq!(say(&mut rooms, 1, "0", "hi")[0].1["type"], "seen");
    assert_eq!(say(&mut rooms, 1, "new", "hi")[0].1["type"], "message");
    assert_eq!(say(&mut rooms, 1, "1", "hi")[0].1["type"], "seen");
    assert_eq!(say(&mut rooms, 1, "0", "hi")[0].1["type"], "message");
    assert_eq!(rooms.rooms["r"].recent.len(), RECENT_MAX);
}

#[test]
fn a_page_that_comes_back_takes_its_own_place() {
    let mut rooms = Rooms::new();
    let secret = || Some("secret".to_owned());
    let _ = rooms.join(1, "r", "ann", None, 1).unwrap();
    let _ = rooms.join(2, "r", "ann", secret(), 1).unwrap();
    let back = rooms.join(3, "r", "ann", secret(), 2).unwrap();
    assert_eq!(back.replaced, Some(2));
    let members = vec!["ann".to_owned(), "ann (2)".to_owned()];
    assert_eq!(welcomed(&sent(&back)), ("ann (2)".into(), members));
    assert_eq!(back.deliveries.len(), 1, "nobody else notices");
    assert_eq!(rooms.leave(2, 3), Effects::none(), "the old connection ends without a trace");
    assert_eq!(say(&mut rooms, 3, "x", "hi")[0].0, [1, 3]);
    assert!(rooms.say(2, "y".into(), "hi".into(), 3).is_err());
}

#[test]
fn a_page_that_comes_back_under_another_name_is_seen_to() {
    let mut rooms = Rooms::new();
    let _ = rooms.join(1, "r", "bob", Some("b".into()), 1).unwrap();
    let _ = rooms.join(2, "r", "ann", Some("a".into()), 1).unwrap();
    let back = rooms.join(3, "r", "anna", Some("a".into()), 2).unwrap();
    assert_eq!(back.replaced, Some(2));
    let told = sent(&back);
    assert_eq!(told[0], (vec![1], json!({"type": "left", "name": "ann", "at": 2})));
    assert_eq!(told[1], (vec![1], json!({"type": "joined", "name": "anna", "at": 2})));
    assert_eq!(welcomed(&told), ("anna".into(), vec!["anna".into(), "bob".into()]));
}

#[test]
fn members_without_a_session_replace_nobody() {
    let mut rooms = Rooms::new();
    assert_eq!(rooms.join(1, "r", "ann", None, 1).unwrap().replaced, None);
    assert_eq!(rooms.join(2, "r", "ann", None, 1).unwrap().replaced, None);
    assert_eq!(rooms.join(3, "r", "ann", Some("s".into()), 1).unwrap().replaced, None);
    assert_eq!(rooms.join(4, "other", "ann", Some("s".into()), 1).unwrap().replaced, None);
}

#[test]
fn refusals_change_nothing_and_say_why() {
    let mut rooms = Rooms::new();
    let homeless = rooms.say(1, "x".into(), "hi".into(), 1).unwrap_err();
    assert_eq!(homeless.encode(), r#"{"type":"error","text":"join a room first","id":"x"}"#);
    join(&mut rooms, 1, "r", "ann");
    let twice = rooms.join(1, "other", "ann", None, 1).unwrap_err();
    assert_eq!(twice.to_string(), "you are in the room r already");
    assert_eq!(rooms.rooms.len(), 1);
    assert_eq!(say(&mut rooms, 1, "x", "hi")[0].1["type"], "message");
}

#[test]
fn receive_reads_and_answers() {
    let mut rooms = Rooms::new();
    let mut receive = |member, value: Value| sent(&rooms.receive(member, &value.to_string(), 5));
    assert_eq!(receive(1, json!({"type": "ping"})), [(vec![1], json!({"type": "pong"}))]);
    let hello = json!({"type": "hello", "room": " r ", "name": "<b>"});
    assert_eq!(welcomed(&receive(1, hello)).0, "<b>");
    assert_eq!(
        receive(1, json!({"type": "say", "id": "x", "text": " <i> "})),
        [(vec![1], json!({"type": "message", "id": "x", "name": "<b>", "text": "<i>", "at": 5}))]
    );
    assert_eq!(
        receive(1, json!({"type": "say", "id": "y", "text": " "})),
        [(vec![1], json!({"type": "error", "text": "the message is empty", "id": "y"}))]
    );
    assert_eq!(receive(2, json!(["x"]))[0].1["type"], "error");
}

#[test]
fn a_room_outlives_its_members_for_an_hour() {
    let mut rooms = Rooms::new();
    join(&mut rooms, 1, "r", "ann");
    say(&mut rooms, 1, "x", "hi");
    let _ = rooms.leave(1, 1_000);
    let soon = rooms.join(2, "r", "bob", None, 999 + EMPTY_ROOM_MS).unwrap();
    assert_eq!(history(&sent(&soon)), ["hi"]);
    let _ = rooms.leave(2, 2_000);
    let late = rooms.join(3, "r", "bob", None, 2_000 + EMPTY_ROOM_MS).unwrap();
    assert_eq!(history(&sent(&late)), [""; 0]);
    let inhabited = rooms.join(4, "r", "ann", None, 9_000 + 2 * EMPTY_ROOM_MS).unwrap();
    assert_eq!(welcomed(&sent(&inhabited)).1, ["ann", "bob"]);
}

#[test]
fn few_empty_rooms_are_kept() {
    let mut rooms = Rooms::new();
    for n in 0..300_u32 {
        join(&mut rooms, n, &n.to_string(), "ann");
        let _ = rooms.leave(n, u64::from(n));
    }
    assert_eq!(rooms.rooms.len(), EMPTY_ROOMS_MAX);
    assert!(rooms.rooms.contains_key("299") && rooms.rooms.contains_key("200"));
    assert!(rooms.places.is_empty());
}

#[test]
fn too_many_rooms_are_refused_unless_one_is_empty() {
    let mut rooms = Rooms::new();
    let full = u32::try_from(ROOMS_MAX).unwrap();
    for n in 0..full {
        join(&mut rooms, n, &n.to_string(), "ann");
    }
    let refusal = rooms.join(full, "one more", "ann", None, 1).unwrap_err();
    assert!(refusal.to_string().contains("too many rooms"));
    assert_eq!(welcomed(&join(&mut rooms, full, "7", "bob")).1, ["ann", "bob"]);
    let _ = rooms.leave(3, 5);
    join(&mut rooms, full + 1, "one more", "ann");
    assert_eq!(rooms.rooms.len(), ROOMS_MAX);
    assert!(!rooms.rooms.contains_key("3"));
}

#[test]
fn a_full_room_takes_nobody_but_those_who_come_back() {
    let mut rooms = Rooms::new();
    let full = u32::try_from(MEMBERS_MAX).unwrap();
    for n in 0..full {
        // Filled by hand: ten thousand welcomes of ten thousand names each would take their time.
        let room = rooms.rooms.entry("r".into()).or_insert_with(Room::new);
        let name = format!("ann {n}");
        room.names.insert(name.clone());
        room.members.insert(n, Member { asked: name.clone(), name, session: Some(n.to_string()) });
        rooms.places.insert(n, "r".into());
    }
    let refusal = rooms.join(full, "r", "bob", Some("new".into()), 1).unwrap_err();
    assert_eq!(refusal.to_string(), "this room is full");
    let back = rooms.join(full, "r", "ann 7", Some("7".into()), 1).unwrap();
    assert_eq!(back.replaced, Some(7));
    assert_eq!(rooms.rooms["r"].members.len(), MEMBERS_MAX);
}

#[test]
fn a_broadcast_is_encoded_once() {
    let mut rooms = Rooms::new();
    for n in 0..100 {
        join(&mut rooms, n, "r", "ann");
    }
    let effects = rooms.say(5, "x".into(), "hi".into(), 1).unwrap();
    assert_eq!(effects.deliveries.len(), 1);
    assert_eq!(effects.deliveries[0].to, (0..100).collect::<Vec<_>>());
}
