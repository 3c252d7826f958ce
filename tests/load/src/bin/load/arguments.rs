//! The command line: `--name value`, flags, and one URL.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

/// What was given and not yet asked for.
#[derive(Debug)]
pub(crate) struct Arguments {
    url: Option<String>,
    values: BTreeMap<String, String>,
    flags: Vec<String>,
}

impl Arguments {
    pub(crate) fn parse(
        mut arguments: impl Iterator<Item = String>,
        flags: &[&str],
    ) -> Result<Self, String> {
        let mut parsed = Self { url: None, values: BTreeMap::new(), flags: Vec::new() };
        while let Some(argument) = arguments.next() {
            match argument.strip_prefix("--") {
                Some(name) if flags.contains(&name) => parsed.flags.push(name.to_owned()),
                Some(name) => {
                    let value = arguments.next().ok_or_else(|| format!("--{name} what?"))?;
                    if parsed.values.insert(name.to_owned(), value).is_some() {
                        return Err(format!("--{name} is given twice"));
                    }
                }
                None if parsed.url.is_none() => parsed.url = Some(argument),
                None => return Err(format!("one URL is enough, {argument} is another")),
            }
        }
        Ok(parsed)
    }

    pub(crate) fn url(&mut self) -> Result<String, String> {
        self.url
            .take()
            .ok_or_else(|| "the URL of the server is missing; see load --help".to_owned())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag == name)
    }

    pub(crate) fn text(&mut self, name: &str, default: &str) -> String {
        self.values.remove(name).unwrap_or_else(|| default.to_owned())
    }

    pub(crate) fn optional<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(value) = self.values.remove(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| format!("--{name} {value}: not a number that fits"))
    }

    pub(crate) fn number<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, String> {
        Ok(self.optional(name)?.unwrap_or(default))
    }

    pub(crate) fn seconds(&mut self, name: &str) -> Result<Option<Duration>, String> {
        let Some(seconds) = self.optional(name)? else { return Ok(None) };
        let time = Duration::try_from_secs_f64(seconds);
        time.map(Some).map_err(|error| format!("--{name} {seconds}: {error}"))
    }

    /// Everything given must have been asked for.
    pub(crate) fn finish(&self) -> Result<(), String> {
        match self.values.keys().next() {
            Some(name) => Err(format!("--{name} says nothing here; see load --help")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned), &["json"])
    }

    #[test]
    fn what_is_given_is_found_and_what_nobody_asks_for_is_an_error() {
        let mut arguments = parse("--size 5 localhost:1 --json --wait 0.5 --odd 1").unwrap();
        assert_eq!(arguments.url().unwrap(), "localhost:1");
        assert_eq!(arguments.number("size", 7_u64), Ok(5));
        assert_eq!(arguments.number("depth", 7_u64), Ok(7));
        assert_eq!(arguments.seconds("wait"), Ok(Some(Duration::from_millis(500))));
        assert!(arguments.flag("json"));
        assert!(arguments.finish().unwrap_err().contains("--odd"));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, name) in [("--size", "--size"), ("--size 1 --size 2", "twice"), ("a b", "b")] {
            assert!(parse(line).unwrap_err().contains(name), "{line}");
        }
        assert!(parse("--size x").unwrap().number("size", 1_u64).unwrap_err().contains("x"));
        assert!(parse("--wait -1").unwrap().seconds("wait").is_err());
        assert!(parse("").unwrap().url().is_err());
    }
}
