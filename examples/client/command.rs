//! What is typed: a line to send, or a command.

use longwire::CloseCode;

pub(crate) const HELP: &str = "\
/ping                  asks the server for a pong, and says how long it took
/offline  /online      there is no network any more; there is one again
/changed               another network: see whether the connection survived
/suspend  /resume      closes and keeps what waits; connects again
/connect               while the next try is waited for: tries now
/cancel N              takes message N back, if it still waits
/status                what was done so far
/close [CODE REASON]   sends what waits, closes, and exits
//...                  sends a line that begins with a slash";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Send(String),
    Ping,
    Offline,
    Online,
    Changed,
    Suspend,
    Resume,
    Connect,
    Cancel(u64),
    Status,
    Close(CloseCode, String),
    Help,
}

/// Reads a line that was typed. None is an empty one.
pub(crate) fn parse(line: &str) -> Result<Option<Command>, String> {
    let Some(command) = line.strip_prefix('/').filter(|rest| !rest.starts_with('/')) else {
        let text = line.strip_prefix('/').unwrap_or(line);
        return Ok((!text.is_empty()).then(|| Command::Send(text.to_owned())));
    };
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    let rest = rest.trim();
    let parsed = match name {
        "cancel" => rest.parse().map(Command::Cancel).map_err(|_| "/cancel N: which message?")?,
        "close" => close(rest)?,
        _ if !rest.is_empty() => return Err(format!("/{name} takes nothing more")),
        "ping" => Command::Ping,
        "offline" => Command::Offline,
        "online" => Command::Online,
        "changed" => Command::Changed,
        "suspend" => Command::Suspend,
        "resume" => Command::Resume,
        "connect" => Command::Connect,
        "status" => Command::Status,
        "help" | "" | "?" => Command::Help,
        _ => {
            return Err(format!("no command is called /{name}: see /help, or write // to send it"));
        }
    };
    Ok(Some(parsed))
}

fn close(rest: &str) -> Result<Command, String> {
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    if code.is_empty() {
        return Ok(Command::Close(CloseCode::NORMAL, String::new()));
    }
    let code = code.parse().ok().and_then(CloseCode::from_wire).filter(|code| code.is_sendable());
    let code = code.ok_or("a close code is 1000 to 1003, 1007 to 1014 or 3000 to 4999")?;
    Ok(Command::Close(code, reason.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(text: &str) -> Result<Option<Command>, String> {
        Ok(Some(Command::Send(text.to_owned())))
    }

    #[test]
    fn what_does_not_begin_with_a_slash_is_sent() {
        assert_eq!(parse("hello"), send("hello"));
        assert_eq!(parse(" /ping"), send(" /ping"));
        assert_eq!(parse(""), Ok(None));
    }

    #[test]
    fn two_slashes_send_one() {
        assert_eq!(parse("//ping"), send("/ping"));
        assert_eq!(parse("///"), send("//"));
    }

    #[test]
    fn commands_and_their_arguments() {
        assert_eq!(parse("/ping"), Ok(Some(Command::Ping)));
        assert_eq!(parse("/cancel 12"), Ok(Some(Command::Cancel(12))));
        let close = |code, reason: &str| Ok(Some(Command::Close(code, reason.to_owned())));
        assert_eq!(parse("/close"), close(CloseCode::NORMAL, ""));
        assert_eq!(parse("/close 1001 lunch time "), close(CloseCode::GOING_AWAY, "lunch time"));
        assert_eq!(parse("/"), Ok(Some(Command::Help)));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for line in
            ["/png", "/ping 1", "/cancel", "/cancel x", "/close 1005", "/close x", "/close 99999"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn help_names_every_command() {
        for word in
            HELP.split_whitespace().filter(|word| word.starts_with('/') && !word.starts_with("//"))
        {
            let line = if word == "/cancel" { "/cancel 1" } else { word };
            assert!(parse(line).is_ok(), "{word}");
        }
    }
}
