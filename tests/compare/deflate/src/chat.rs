//! Messages as a chat has them: JSON with identifiers, names, times and sentences. The same in
//! every run, and no two alike.

use std::fmt::Write;

use bytes::Bytes;

/// A message, in the forms that contenders take it in.
#[derive(Clone)]
pub struct Text {
    pub text: String,
    pub bytes: Bytes,
}

/// Xorshift: the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 20) as usize % bound
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    /// The first ones are picked far more often than the last, as in any language.
    fn word(&mut self) -> &'static str {
        let rank = self.below(WORDS.len()) * self.below(WORDS.len());
        WORDS[rank / WORDS.len()]
    }
}

const NAMES: [&str; 24] = [
    "Marta Lindqvist",
    "Jonas Weber",
    "Aiko Tanaka",
    "Priya Raman",
    "Tomás Herrera",
    "Chloé Girard",
    "Oleg Sidorov",
    "Fatima Zahra",
    "Ben Okafor",
    "Ines Duarte",
    "Lars Nygaard",
    "Mei-Ling Chou",
    "Pavel Novák",
    "Ruth Abrams",
    "Samir Haddad",
    "Elena Petrova",
    "Noah Fischer",
    "Zoë Martin",
    "Kwame Mensah",
    "Hanna Virtanen",
    "Diego Alvarez",
    "Sofia Rossi",
    "Yusuf Demir",
    "Grace Kelly",
];

const ROOMS: [&str; 6] = ["general", "backend", "on-call", "design", "random", "release-2026"];

const WORDS: [&str; 160] = [
    "the",
    "to",
    "I",
    "a",
    "and",
    "is",
    "it",
    "you",
    "that",
    "in",
    "of",
    "we",
    "for",
    "on",
    "this",
    "have",
    "be",
    "not",
    "with",
    "just",
    "but",
    "so",
    "are",
    "can",
    "if",
    "at",
    "do",
    "what",
    "was",
    "me",
    "will",
    "there",
    "think",
    "now",
    "one",
    "from",
    "about",
    "or",
    "they",
    "get",
    "like",
    "know",
    "up",
    "all",
    "out",
    "then",
    "when",
    "how",
    "some",
    "here",
    "my",
    "time",
    "should",
    "need",
    "see",
    "work",
    "more",
    "today",
    "build",
    "still",
    "new",
    "good",
    "really",
    "would",
    "please",
    "thanks",
    "test",
    "release",
    "look",
    "server",
    "try",
    "after",
    "deploy",
    "tomorrow",
    "meeting",
    "failed",
    "branch",
    "review",
    "merged",
    "issue",
    "customer",
    "latency",
    "again",
    "maybe",
    "because",
    "before",
    "morning",
    "restart",
    "database",
    "numbers",
    "weird",
    "dashboard",
    "fixed",
    "patch",
    "cluster",
    "rollback",
    "version",
    "someone",
    "could",
    "first",
    "error",
    "message",
    "timeout",
    "always",
    "queue",
    "probably",
    "request",
    "memory",
    "only",
    "where",
    "seems",
    "looking",
    "monday",
    "friday",
    "lunch",
    "coffee",
    "nobody",
    "question",
    "ready",
    "waiting",
    "update",
    "screenshot",
    "attached",
    "link",
    "ticket",
    "reproduce",
    "connection",
    "socket",
    "client",
    "browser",
    "compression",
    "window",
    "packet",
    "proxy",
    "certificate",
    "expired",
    "staging",
    "production",
    "feature",
    "flag",
    "config",
    "secret",
    "rotate",
    "token",
    "migrate",
    "schema",
    "index",
    "replica",
    "failover",
    "incident",
    "postmortem",
    "budget",
    "invoice",
    "vacation",
    "holiday",
    "birthday",
    "cake",
    "bicycle",
    "weather",
    "umbrella",
];

/// `count` messages of `len` bytes each: one post if it fits no more, else a room's history.
pub fn messages(len: usize, count: usize) -> Vec<Text> {
    let mut noise = Noise(0x5eed_cafe_f00d ^ len as u64);
    // The clock and the identifiers go on from message to message.
    let mut now = 1_763_647_402_481;
    let mut messages = Vec::with_capacity(count);
    for _ in 0..count {
        let text = if len < 600 {
            post(&mut noise, &mut now, len)
        } else {
            history(&mut noise, &mut now, len)
        };
        assert_eq!(text.len(), len, "of the length asked for");
        let bytes = Bytes::from(text.clone().into_bytes());
        messages.push(Text { text, bytes });
    }
    messages
}

fn history(noise: &mut Noise, now: &mut u64, len: usize) -> String {
    let room = noise.pick(&ROOMS);
    let mut text = format!(r#"{{"type":"history","room":"{room}","cursor":"{now}","messages":["#);
    let end = "]}";
    loop {
        let left = len - text.len() - end.len();
        // Whatever is left after an ordinary post has to be enough for one more.
        let size = 220 + noise.below(160);
        if left < size + 1 + 400 {
            let size = left.min(size);
            if left - size < 220 {
                text += &post(noise, now, left);
                break;
            }
        }
        text += &post(noise, now, size);
        text.push(',');
    }
    text += end;
    text
}

fn post(noise: &mut Noise, now: &mut u64, len: usize) -> String {
    *now += 1 + noise.below(90_000) as u64;
    let (name, room) = (noise.pick(&NAMES), noise.pick(&ROOMS));
    let user = 40_000 + name.len() * 977 + usize::from(name.as_bytes()[0]);
    let mut text = format!(r#"{{"type":"message","id":"{:016x}","room":"{room}","#, noise.next());
    write!(
        text,
        r#""user":{{"id":{user},"name":"{name}"}},"ts":{now},"edited":{},"text":""#,
        noise.below(12) == 0,
    )
    .expect("a string takes everything");
    let end = "\"}";
    let mut sentence = 0;
    while text.len() + end.len() < len {
        let room = len - text.len() - end.len();
        let word = noise.word();
        if word.len() + 1 > room {
            // No word is as short: what a typing user ends with.
            text.extend(std::iter::repeat_n('!', room));
            break;
        }
        text += word;
        sentence += 1;
        let ends = sentence > 4 && noise.below(7) == 0;
        text.push(if ends { '.' } else { ' ' });
        if ends {
            sentence = 0;
        }
    }
    text += end;
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::row::rows;

    #[test]
    fn messages_are_of_their_length_and_no_two_alike() {
        for row in rows() {
            let messages = messages(row.len, row.count());
            assert!(messages.iter().all(|message| message.text.len() == row.len));
            let distinct: HashSet<&str> = messages.iter().map(|it| it.text.as_str()).collect();
            assert_eq!(distinct.len(), row.count());
        }
    }
}
