//! The command line.

use std::path::PathBuf;

use crate::sweep::Work;

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) program: PathBuf,
    pub(crate) quick: bool,
    /// Where the plots go; none are drawn without.
    pub(crate) out: Option<PathBuf>,
    only: Vec<Work>,
}

impl Options {
    /// `None` if help was asked for.
    pub(crate) fn parse(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Option<Self>, String> {
        let (mut program, mut out, mut quick, mut only) = (None, None, false, Vec::new());
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} what?"));
            match &*argument {
                "--help" | "-h" => return Ok(None),
                "--quick" => quick = true,
                "--program" => program = Some(PathBuf::from(value()?)),
                "--out" => out = Some(PathBuf::from(value()?)),
                "--only" => {
                    let name = value()?;
                    only.push(Work::named(&name).ok_or_else(|| {
                        format!("--only {name}: expected message, connections, room or fragments")
                    })?);
                }
                other => return Err(format!("what is {other}? See scale --help")),
            }
        }
        let program = program
            .ok_or("--program PATH is missing: the program `server` of tests/compare/servers")?;
        if !program.is_file() {
            let program = program.display();
            return Err(format!(
                "--program {program} is not there: \
                 cargo build --release --package compare-servers, in tests/compare"
            ));
        }
        if out.is_none() && !quick {
            out = Some("docs/scale".into());
        }
        Ok(Some(Self { program, quick, out, only }))
    }

    pub(crate) fn wants(&self, work: Work) -> bool {
        self.only.is_empty() || self.only.contains(&work)
    }
}

pub(crate) const USAGE: &str = "\
scale: what a server's work costs as it grows: tables on standard output, a plot each, and an error
if it costs more than its share

    --program PATH   the program with the servers: tests/compare/servers
    --only WORK      message, connections, room or fragments (may be repeated)
    --out FOLDER     where the plots go (docs/scale; with --quick nowhere)
    --quick          less of everything: to see that it runs, not to look at
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_is_given_is_understood() {
        let here = std::env::current_exe().unwrap();
        let here = here.to_str().unwrap();
        let options = parse(&format!("--program {here} --only room --only message"));
        let options = options.unwrap().unwrap();
        assert!(options.wants(Work::Room) && !options.wants(Work::Fragments));
        assert_eq!(options.out, Some("docs/scale".into()));
        let options = parse(&format!("--quick --program {here}")).unwrap().unwrap();
        assert!(options.wants(Work::Fragments));
        assert_eq!(options.out, None);
        assert!(parse("--help --program").unwrap().is_none());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (line, reason) in [
            ("", "--program PATH is missing"),
            ("--program", "--program what?"),
            ("--program /nowhere/server", "is not there"),
            ("--only rooms", "expected message"),
            ("--fast", "what is --fast?"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
