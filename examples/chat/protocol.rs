//! What the page and the server say to each other: one JSON object a WebSocket text message, told apart by `type`.
//!
//! | page to server | fields | |
//! |---|---|---|
//! | `hello` | `room`, `name`, `session`? | enter a room; `session` is a secret of the page, see [`ClientMessage::Hello`] |
//! | `say` | `id`, `text` | a message; `id` is chosen by the page and never used twice |
//! | `ping` | | answered by `pong`, in order: a page cannot send WebSocket pings of its own, and cannot time the browser's |
//!
//! | server to page | fields | |
//! |---|---|---|
//! | `welcome` | `room`, `name`, `members`, `history` | the answer to `hello`: the name as given, who is here, what was said |
//! | `joined`, `left` | `name`, `at` | somebody else came or went |
//! | `message` | `id`, `name`, `text`, `at` | to everybody in the room, the sender too: its acknowledgement |
//! | `seen` | `id` | to a sender who repeats itself: that message has arrived before |
//! | `pong` | | how long it took is the round trip that the page shows |
//! | `error` | `text`, `id`? | a refusal, in words for people; `id` if it was a `say` |
//!
//! `at` is in milliseconds since the epoch, by the server's clock.

use core::fmt;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The longest name, in characters.
pub(crate) const NAME_MAX: usize = 40;
/// The longest name of a room, in characters.
pub(crate) const ROOM_MAX: usize = 40;
/// The longest text of a message, in characters.
pub(crate) const TEXT_MAX: usize = 4_000;
/// The longest id of a message and the longest session, in bytes.
pub(crate) const ID_MAX: usize = 64;

/// What a page asks for.
///
/// [`decode`](Self::decode) is the only place that makes one from the network, so every string in it is trimmed, not
/// empty and within its bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClientMessage {
    /// Enter a room.
    Hello {
        room: String,
        name: String,
        /// The same for every connection of one page and known to nobody else. Who comes back with it takes the place
        /// of its own earlier connection, which may be dead without anybody having noticed yet.
        session: Option<String>,
    },
    /// Say something to the room.
    Say { id: String, text: String },
    /// Is anybody there?
    Ping,
}

impl ClientMessage {
    /// Reads one text message of a page.
    pub(crate) fn decode(json: &str) -> Result<Self, Refusal> {
        let wire = serde_json::from_str(json).map_err(|error| Refusal::unreadable(&error))?;
        match wire {
            Wire::Hello { room, name, session } => Ok(Self::Hello {
                room: label("room", &room, ROOM_MAX)?,
                name: label("name", &name, NAME_MAX)?,
                session: session.map(|session| token("session", session)).transpose()?,
            }),
            Wire::Say { id, text } => {
                let id = token("message id", id)?;
                match bounded("message", text.trim(), TEXT_MAX) {
                    Ok(text) => Ok(Self::Say { id, text }),
                    Err(refusal) => Err(refusal.about(id)),
                }
            }
            Wire::Ping => Ok(Self::Ping),
            Wire::Unknown => {
                Err(Refusal::new("unknown type of message: expected hello, say or ping"))
            }
        }
    }
}

/// One message of a room, as it is kept and as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Message {
    /// Chosen by the sender's page.
    pub(crate) id: String,
    /// The sender's name in the room.
    pub(crate) name: String,
    pub(crate) text: String,
    /// When the server took it, in milliseconds since the epoch.
    pub(crate) at: u64,
}

/// What the server tells a page.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum ServerMessage<'a> {
    /// The answer to [`ClientMessage::Hello`].
    Welcome {
        room: &'a str,
        /// As asked for, or with a number behind it if that name was taken.
        name: &'a str,
        /// Everybody in the room, the newcomer included.
        members: Vec<&'a str>,
        /// Oldest first.
        history: &'a VecDeque<Message>,
    },
    /// Somebody else entered.
    Joined { name: &'a str, at: u64 },
    /// Somebody else is gone.
    Left { name: &'a str, at: u64 },
    /// Somebody said something.
    Message(&'a Message),
    /// The message of this id had arrived before; it was not sent to the room again.
    Seen { id: &'a str },
    /// The answer to [`ClientMessage::Ping`].
    Pong,
    /// A refusal.
    Error {
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
    },
}

impl ServerMessage<'_> {
    /// The text message to put on the wire.
    pub(crate) fn encode(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and lists of them always encode")
    }
}

/// Why something was refused, in words for the person at the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    text: String,
    id: Option<String>,
}

impl Refusal {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), id: None }
    }

    /// The same refusal, naming the message it is about, so that the page does not send that one again.
    pub(crate) fn about(self, id: String) -> Self {
        Self { id: Some(id), ..self }
    }

    /// The `error` message to put on the wire.
    pub(crate) fn encode(&self) -> String {
        ServerMessage::Error { text: &self.text, id: self.id.as_deref() }.encode()
    }

    fn unreadable(error: &serde_json::Error) -> Self {
        // The reader quotes what it stumbled over, and that may be as long as the message.
        let reason: String = error.to_string().chars().take(REASON_MAX).collect();
        Self::new(format!("not a message of this chat: {reason}"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// [`ClientMessage`] as it comes from the wire, before anything is checked.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Wire {
    Hello {
        room: String,
        name: String,
        session: Option<String>,
    },
    Say {
        id: String,
        text: String,
    },
    Ping,
    #[serde(other)]
    Unknown,
}

/// A name to show on one line: white space of any kind and length becomes one space, control characters go.
fn label(what: &str, raw: &str, max: usize) -> Result<String, Refusal> {
    let mut label = String::new();
    for word in raw.split_whitespace() {
        let before = label.len();
        if before > 0 {
            label.push(' ');
        }
        let start = label.len();
        label.extend(word.chars().filter(|c| !c.is_control()));
        if label.len() == start {
            label.truncate(before);
        }
    }
    bounded(what, &label, max)
}

/// Something only programs read.
fn token(what: &str, raw: String) -> Result<String, Refusal> {
    if raw.is_empty() {
        return Err(Refusal::new(format!("the {what} is empty")));
    }
    if raw.len() > ID_MAX {
        return Err(Refusal::new(format!("the {what} is longer than {ID_MAX} bytes")));
    }
    Ok(raw)
}

fn bounded(what: &str, text: &str, max: usize) -> Result<String, Refusal> {
    if text.is_empty() {
        return Err(Refusal::new(format!("the {what} is empty")));
    }
    if text.chars().nth(max).is_some() {
        return Err(Refusal::new(format!("the {what} is longer than {max} characters")));
    }
    Ok(text.to_owned())
}

/// How much of a JSON reader's complaint is passed on, in characters.
const REASON_MAX: usize = 160;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn decode(value: Value) -> Result<ClientMessage, String> {
        ClientMessage::decode(&value.to_string()).map_err(|refusal| refusal.to_string())
    }

    fn hello(room: &str, name: &str) -> Result<ClientMessage, String> {
        decode(json!({"type": "hello", "room": room, "name": name}))
    }

    fn say(text: &str) -> Result<ClientMessage, String> {
        decode(json!({"type": "say", "id": "1", "text": text}))
    }

    fn encoded(message: &ServerMessage<'_>) -> Value {
        serde_json::from_str(&message.encode()).unwrap()
    }

    #[test]
    fn hello_with_and_without_session() {
        let expected = |session: Option<&str>| ClientMessage::Hello {
            room: "lobby".into(),
            name: "ann".into(),
            session: session.map(Into::into),
        };
        assert_eq!(hello("lobby", "ann"), Ok(expected(None)));
        let with = json!({"type": "hello", "room": "lobby", "name": "ann", "session": "s3cret"});
        assert_eq!(decode(with), Ok(expected(Some("s3cret"))));
        let null = json!({"type": "hello", "room": "lobby", "name": "ann", "session": null});
        assert_eq!(decode(null), Ok(expected(None)));
    }

    #[test]
    fn labels_are_one_tidy_line() {
        let tidy = |raw: &str| label("name", raw, NAME_MAX).unwrap();
        assert_eq!(tidy("  ann  of\n\tgreen   gables "), "ann of green gables");
        assert_eq!(tidy("a\u{0}n\u{7f}n"), "ann");
        assert_eq!(tidy("ann \u{1} b"), "ann b");
        assert_eq!(tidy("<b>ann</b> & \"co\""), "<b>ann</b> & \"co\"");
        assert_eq!(tidy("آن 🦊"), "آن 🦊");
    }

    #[test]
    fn empties_are_refused() {
        for empty in ["", "   ", "\n\t", "\u{a0}\u{3000}", "\u{0}\u{1} \u{2}"] {
            assert_eq!(hello("lobby", empty), Err("the name is empty".into()));
            assert_eq!(hello(empty, "ann"), Err("the room is empty".into()));
        }
        assert_eq!(say(" \n "), Err("the message is empty".into()));
        let no_id = json!({"type": "say", "id": "", "text": "x"});
        assert_eq!(decode(no_id), Err("the message id is empty".into()));
    }

    #[test]
    fn bounds_count_characters_after_the_trim() {
        let name = "é".repeat(NAME_MAX);
        assert!(hello("lobby", &format!("  {name}  ")).is_ok());
        assert_eq!(
            hello("lobby", &format!("{name}x")),
            Err("the name is longer than 40 characters".into())
        );
        assert_eq!(
            hello(&"r".repeat(ROOM_MAX + 1), "ann"),
            Err("the room is longer than 40 characters".into())
        );
        let text = "🦊".repeat(TEXT_MAX);
        assert_eq!(
            say(&format!("\n{text} ")),
            Ok(ClientMessage::Say { id: "1".into(), text: text.clone() })
        );
        assert_eq!(
            say(&format!("{text}x")),
            Err("the message is longer than 4000 characters".into())
        );
        let id = "i".repeat(ID_MAX + 1);
        assert_eq!(
            decode(json!({"type": "say", "id": id, "text": "x"})),
            Err("the message id is longer than 64 bytes".into())
        );
        assert_eq!(
            decode(json!({"type": "hello", "room": "r", "name": "n", "session": id})),
            Err("the session is longer than 64 bytes".into())
        );
    }

    #[test]
    fn text_keeps_its_lines_and_its_markup() {
        let text = "<script>alert(1)</script>\n\n  \"indented\" \\ é";
        assert_eq!(
            say(&format!(" {text} ")),
            Ok(ClientMessage::Say { id: "1".into(), text: text.into() })
        );
    }

    #[test]
    fn a_refused_say_names_its_message() {
        let refusal = ClientMessage::decode(r#"{"type":"say","id":"a7","text":" "}"#).unwrap_err();
        assert_eq!(refusal.encode(), r#"{"type":"error","text":"the message is empty","id":"a7"}"#);
        assert_eq!(Refusal::new("no").encode(), r#"{"type":"error","text":"no"}"#);
    }

    #[test]
    fn what_is_not_a_message_is_refused_in_words() {
        for (json, reason) in [
            (
                r#"{"type":"shout","text":"x"}"#,
                "unknown type of message: expected hello, say or ping",
            ),
            (r#"{"type":"hello","room":"x"}"#, "missing field `name`"),
            (r#"{"type":"say","id":7,"text":"x"}"#, "invalid type"),
            (r#"{"text":"x"}"#, "missing field `type`"),
            ("[]", "not a message of this chat"),
            ("", "EOF"),
            ("hello", "expected value"),
            (r#"{"type":"ping"} x"#, "trailing characters"),
        ] {
            let text = ClientMessage::decode(json).unwrap_err().to_string();
            assert!(text.contains(reason), "{json}: {text}");
        }
    }

    #[test]
    fn complaints_are_short() {
        let long =
            json!({"type": "hello", "room": "x".repeat(100_000), "name": ["x".repeat(100_000)]});
        assert!(decode(long).unwrap_err().len() < 300);
        let deep = "[".repeat(100_000);
        assert!(ClientMessage::decode(&deep).unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn ping_with_anything_else_beside_it() {
        assert_eq!(decode(json!({"type": "ping"})), Ok(ClientMessage::Ping));
        assert_eq!(decode(json!({"type": "ping", "new": [1]})), Ok(ClientMessage::Ping));
    }

    #[test]
    fn the_wire_form_of_each_answer() {
        let said = Message { id: "1".into(), name: "ann".into(), text: "\"<b>\"".into(), at: 5 };
        let history = VecDeque::from([said.clone()]);
        let bare = json!({"id": "1", "name": "ann", "text": "\"<b>\"", "at": 5});
        assert_eq!(
            encoded(&ServerMessage::Welcome {
                room: "r",
                name: "bob",
                members: vec!["ann", "bob"],
                history: &history
            }),
            json!({"type": "welcome", "room": "r", "name": "bob", "members": ["ann", "bob"], "history": [bare]})
        );
        assert_eq!(
            encoded(&ServerMessage::Message(&said)),
            json!({"type": "message", "id": "1", "name": "ann", "text": "\"<b>\"", "at": 5})
        );
        assert_eq!(
            encoded(&ServerMessage::Joined { name: "bob", at: 6 }),
            json!({"type": "joined", "name": "bob", "at": 6})
        );
        assert_eq!(
            encoded(&ServerMessage::Left { name: "bob", at: 7 }),
            json!({"type": "left", "name": "bob", "at": 7})
        );
        assert_eq!(encoded(&ServerMessage::Seen { id: "1" }), json!({"type": "seen", "id": "1"}));
        assert_eq!(encoded(&ServerMessage::Pong), json!({"type": "pong"}));
    }
}
