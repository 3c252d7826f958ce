//! The workers: the programs beside this one.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use compare_deflate::contest::Rank;
use compare_deflate::row::Row;

/// Each a package of its own, `compare-deflate-NAME`, and a program, `deflate-NAME`.
const NAMES: [&str; 4] = ["longwire", "zlib-rs", "c-zlib", "miniz"];

pub struct Crew {
    workers: Vec<Worker>,
    /// Those whose program is not there.
    missing: Vec<&'static str>,
    beside: PathBuf,
}

struct Worker {
    name: &'static str,
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// A contender, and where to find it.
pub struct Contender {
    pub name: String,
    pub rank: Rank,
    pub level: u8,
    /// Messages a run.
    pub units: usize,
    /// Bytes on the wire a run.
    pub wire: usize,
    worker: usize,
    number: usize,
}

/// A connection's live bytes on the heap.
pub struct Memory {
    pub name: String,
    pub rank: Rank,
    pub takeover: bool,
    pub new: usize,
    pub used: usize,
}

/// What one worker's contenders compress with.
pub struct Libraries {
    pub worker: &'static str,
    /// Packages, with their versions and features.
    pub packages: Vec<String>,
}

impl Crew {
    pub fn start() -> Result<Self, String> {
        let this = env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
        let beside = this.with_file_name("");
        let (built, missing): (Vec<&'static str>, Vec<&'static str>) =
            NAMES.into_iter().partition(|name| beside.join(format!("deflate-{name}")).exists());
        for name in &missing {
            eprintln!("deflate: deflate-{name} is left out, it was not built");
        }
        let workers = built.into_iter().map(|name| Worker::start(name, &beside));
        Ok(Self { workers: workers.collect::<Result<_, _>>()?, missing, beside })
    }

    /// Makes all workers set up that row.
    pub fn row(&mut self, row: Row) -> Result<Vec<Contender>, String> {
        let mut contenders = Vec::new();
        for (i, worker) in self.workers.iter_mut().enumerate() {
            worker.order(&format!("row {row}"))?;
            for number in 0.. {
                let line = worker.answer()?;
                if line.is_empty() {
                    break;
                }
                let fields: Vec<&str> = line.split('\t').collect();
                let [name, rank, level, units, wire] = fields[..] else {
                    return Err(format!("{}: {line}", worker.name));
                };
                contenders.push(Contender {
                    name: name.to_owned(),
                    rank: rank_of(rank)?,
                    level: level.parse().map_err(|_| line.clone())?,
                    units: number_of(units)?,
                    wire: number_of(wire)?,
                    worker: i,
                    number,
                });
            }
        }
        Ok(contenders)
    }

    /// Nanoseconds of CPU time for so many runs.
    pub fn time(&mut self, contender: &Contender, repeats: usize) -> Result<f64, String> {
        let worker = &mut self.workers[contender.worker];
        worker.order(&format!("time {} {repeats}", contender.number))?;
        Ok(number_of(&worker.answer()?)? as f64)
    }

    pub fn memory(&self) -> Result<Vec<Memory>, String> {
        let mut memory = Vec::new();
        for worker in &self.workers {
            let program = self.beside.join(format!("deflate-{}-memory", worker.name));
            for line in output(&mut Command::new(program))?.lines() {
                let fields: Vec<&str> = line.split('\t').collect();
                let [name, rank, mode, new, used] = fields[..] else {
                    return Err(format!("{}: {line}", worker.name));
                };
                memory.push(Memory {
                    name: name.to_owned(),
                    rank: rank_of(rank)?,
                    takeover: mode == "takeover",
                    new: number_of(new)?,
                    used: number_of(used)?,
                });
            }
        }
        Ok(memory)
    }

    /// What Cargo chose for each package by itself, which is how `run.sh` builds them.
    pub fn libraries(&self) -> Vec<Libraries> {
        let of = |worker: &Worker| {
            let mut cargo = Command::new("cargo");
            cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
            cargo.args(["tree", "--locked", "--edges", "normal", "--prefix", "none"]);
            cargo.args(["--format", "{p} [{f}]", "--package"]);
            cargo.arg(format!("compare-deflate-{}", worker.name));
            let tree = output(&mut cargo).unwrap_or_else(|error| error);
            let mut packages: Vec<String> = tree
                .lines()
                .filter(|line| LIBRARIES.iter().any(|name| line.starts_with(name)))
                .map(|line| line.trim_end_matches(" (*)").to_owned())
                .collect();
            packages.sort();
            packages.dedup();
            let program = self.beside.join(format!("deflate-{}", worker.name));
            let linked = output(Command::new("ldd").arg(program)).unwrap_or_default();
            packages.extend(
                linked
                    .lines()
                    .filter(|line| line.trim_start().starts_with("libz"))
                    .map(|line| format!("linked: {}", line.trim())),
            );
            Libraries { worker: worker.name, packages }
        };
        let missing = self.missing.iter().map(|&worker| Libraries {
            worker,
            packages: vec!["left out, it was not built".to_owned()],
        });
        self.workers.iter().map(of).chain(missing).collect()
    }
}

/// Peers, and whatever may compress for them.
const LIBRARIES: [&str; 9] = [
    "longwire ",
    "sockudo-ws ",
    "soketto ",
    "yawc ",
    "flate2 ",
    "zlib-rs ",
    "libz-rs-sys ",
    "libz-sys ",
    "miniz_oxide ",
];

impl Worker {
    fn start(name: &'static str, beside: &std::path::Path) -> Result<Self, String> {
        let program = beside.join(format!("deflate-{name}"));
        let mut command = Command::new(&program);
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| format!("{}: {error}", program.display()))?;
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Self { name, child, orders, answers })
    }

    fn order(&mut self, order: &str) -> Result<(), String> {
        let orders = self.orders.as_mut().expect("it is closed at the end only");
        writeln!(orders, "{order}").map_err(|error| format!("{}: {error}", self.name))
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err(format!("{} has ended", self.name)),
            Ok(_) => Ok(line.trim_end_matches('\n').to_owned()),
            Err(error) => Err(format!("{}: {error}", self.name)),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It ends with its input.
        self.orders = None;
        let _ = self.child.wait();
    }
}

fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{name}: {error}"))
}

fn rank_of(text: &str) -> Result<Rank, String> {
    let rank = [Rank::Yardstick, Rank::Longwire, Rank::Peer]
        .into_iter()
        .find(|rank| format!("{rank:?}") == text);
    rank.ok_or_else(|| format!("{text} is not a rank"))
}

fn number_of(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}
