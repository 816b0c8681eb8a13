//! `gleak flame`: the tasks of a dump as a picture.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::Path;

use gleak_detector::profile::{self, Chosen, Frame, Profile};

use super::{close, one_content};
use crate::args::{By, Flame, FlameFormat, Weight};
use crate::error::Failure;
use crate::exit_code;
use crate::input::{InputFault, Source, stdin_twice};
use crate::names::Names;
use crate::output::{Existing, Sink};
use crate::picture::{self, Line, Picture};
use crate::plain::{counted, grouped};
use crate::tasks::Tasks;

/// Runs the command.
pub(crate) fn run(args: &Flame) -> Result<u8, Failure> {
    let sink = Sink::open(args.to.output.as_deref(), Existing::from_force(args.to.force))?;
    if args.format == FlameFormat::Svg {
        not_to_terminal("flame", &sink)?;
    }
    let is_stdin = |argument: &Path| Source::of(argument) == Source::Stdin;
    if is_stdin(&args.input) && args.diff.as_deref().is_some_and(is_stdin) {
        return Err(stdin_twice());
    }

    let mut names = Names::open(&args.names)?;
    let before = args.diff.as_deref().map(|it| read(it, &mut names)).transpose()?;
    let now = read(&args.input, &mut names)?;
    close(&names)?;

    sink.deliver(&drawn(args, &now, before.as_ref())?)?;
    Ok(exit_code::PASS)
}

/// The picture of a dump, or its stacks; beside those of an earlier one, if there is one.
pub(crate) fn drawn(
    args: &Flame,
    now: &Profile,
    before: Option<&Profile>,
) -> Result<Vec<u8>, Failure> {
    let frames = now.frames.iter().chain(before.iter().flat_map(|it| &it.frames));
    let parts = picture::parts(frames);
    let lines = lines(args, now, before);
    match args.format {
        FlameFormat::Folded => Ok(folded(&lines)),
        FlameFormat::Svg => {
            let own = || title(args, now, before, &lines);
            let picture = Picture {
                lines: &lines,
                parts: &parts,
                unit: unit(args.weight),
                title: &args.title.clone().unwrap_or_else(own),
                subtitle: &subtitle(args, &lines),
                icicle: args.icicle,
                reverse: args.reverse,
            };
            picture.draw().map_err(Failure::Picture)
        }
    }
}

/// What is made for browsers or other programs says nothing on a terminal.
pub(super) fn not_to_terminal(what: &str, sink: &Sink) -> Result<(), Failure> {
    if matches!(sink, Sink::Stdout) && io::stdout().is_terminal() {
        let why = "a picture is no use on a terminal; -o FILE writes it".into();
        return Err(Failure::Usage { what: what.into(), why });
    }
    Ok(())
}

/// The stacks of the picture that is drawn when nothing else is asked for.
pub(super) fn usual_lines(profile: &Profile) -> Vec<Line> {
    let weighed = profile.weighed(profile::By::Both, profile::Weight::Tasks);
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for (stack, count) in weighed {
        *lines.entry(joined(None, &stack)).or_default() += count;
    }
    lines.into_iter().map(|(stack, count)| Line { stack, count, before: None }).collect()
}

/// That picture.
pub(super) fn usual(profile: &Profile) -> Result<Vec<u8>, Failure> {
    let picture = Picture {
        lines: &usual_lines(profile),
        parts: &picture::parts(profile.frames.iter()),
        unit: unit(Weight::Tasks),
        title: &whose(profile),
        subtitle: "where tasks come from, then where they wait; width is the number of tasks",
        icicle: false,
        reverse: false,
    };
    picture.draw().map_err(Failure::Picture)
}

fn read(argument: &Path, names: &mut Names) -> Result<Profile, Failure> {
    let source = Source::of(argument);
    let content = one_content(&source, names)?;
    let no_tasks = || Failure::Input { name: source.name(), fault: InputFault::NoTasks };
    let tasks = Tasks::of(&content).ok_or_else(no_tasks)?;
    Ok(Profile::new(tasks.snapshot(), &Chosen::default()))
}

/// All stacks of both dumps.
fn lines(args: &Flame, now: &Profile, before: Option<&Profile>) -> Vec<Line> {
    let mut lines: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let (by, weight) = (by(args.by), weight(args.weight));
    let weighed = now.weighed(by, weight);
    // Dumps of Go programs have the names of their files there.
    let root = weighed.first().and_then(|(stack, _)| stack.first().copied());
    for (stack, count) in &weighed {
        lines.entry(joined(root, stack)).or_default().0 += count;
    }
    for (stack, count) in before.iter().flat_map(|it| it.weighed(by, weight)) {
        lines.entry(joined(root, &stack)).or_default().1 += count;
    }
    let line = |(stack, (count, old))| Line { stack, count, before: before.map(|_| old) };
    lines.into_iter().map(line).collect()
}

/// A stack under the root of another one, if there is one.
fn joined(root: Option<&Frame>, stack: &[&Frame]) -> String {
    let (first, rest) =
        stack.split_first().map_or((None, stack), |(first, rest)| (Some(*first), rest));
    let frames = root.or(first).into_iter().chain(rest.iter().copied());
    frames.map(picture::shown).collect::<Vec<String>>().join(";")
}

fn by(by: By) -> profile::By {
    match by {
        By::Spawn => profile::By::Spawn,
        By::Block => profile::By::Block,
        By::Both => profile::By::Both,
    }
}

fn weight(weight: Weight) -> profile::Weight {
    match weight {
        Weight::Tasks => profile::Weight::Tasks,
        Weight::Time => profile::Weight::Time,
    }
}

fn unit(weight: Weight) -> &'static str {
    match weight {
        Weight::Tasks => "tasks",
        Weight::Time => "ms",
    }
}

fn subtitle(args: &Flame, lines: &[Line]) -> String {
    let what = match args.by {
        By::Spawn => "where tasks come from",
        By::Block => "where tasks wait, and for what",
        By::Both => "where tasks come from, then where they wait",
    };
    let width = match args.weight {
        Weight::Tasks => "width is the number of tasks",
        Weight::Time => "width is the time that they have waited, added up",
    };
    if args.diff.is_none() {
        return format!("{what}; {width}");
    }
    let unseen = |line: &&Line| if args.reverse { line.before == Some(0) } else { line.count == 0 };
    let unseen = lines.iter().filter(unseen).count();
    let (whose, unseen) = match (args.reverse, unseen) {
        (false, 0) => ("", String::new()),
        (false, gone) => ("", format!("; {} gone, seen with --reverse", stacks(gone))),
        (true, 0) => (" in the earlier dump", String::new()),
        (true, new) => (" in the earlier dump", format!("; {} new, not seen", stacks(new))),
    };
    format!("{what}; {width}{whose}; red has grown, blue has shrunk{unseen}")
}

fn stacks(number: usize) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(number as u64, "stack"))
}

fn title(args: &Flame, profile: &Profile, before: Option<&Profile>, lines: &[Line]) -> String {
    let waited = match args.weight {
        Weight::Tasks => String::new(),
        Weight::Time => {
            let all = lines.iter().fold(0_u64, |sum, line| sum.saturating_add(line.count));
            let (all, unit) = if all < 10_000 { (all, "ms") } else { (all / 1_000, "s") };
            format!(", {} {unit} waited", grouped(all))
        }
    };
    let before = before.map_or(String::new(), |it| format!(", {} before", grouped(it.tasks())));
    format!("{}{before}{waited}", whose(profile))
}

fn whose(profile: &Profile) -> String {
    let process = match profile.pid {
        // Dumps of other makers do not tell it.
        0 => String::new(),
        pid => format!(", process {pid}"),
    };
    format!("{}{process}: {}", profile.program, counted(profile.tasks(), "task"))
}

/// One line a stack; with a comparison the older count comes first.
fn folded(lines: &[Line]) -> Vec<u8> {
    let line = |Line { stack, count, before }: &Line| match before {
        Some(before) => format!("{stack} {before} {count}\n"),
        None => format!("{stack} {count}\n"),
    };
    lines.iter().map(line).collect::<String>().into_bytes()
}
