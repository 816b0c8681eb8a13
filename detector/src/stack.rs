//! Stacks as people see them: frames with their names, those of the runtime marked.
//!
//! A stack begins in the runtime, where the task parked, and ends in it, where the task was
//! started. What is between is the user's, and what a report shows.
//!
//! Invariants:
//! 1. A stack that is wholly of the runtime has no marks: it is then shown as it is.
//! 2. Nothing is lost: names are whole, files as the snapshot has them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use gleak_snapshot::{Frame, Snapshot, Stack, StackId, Symbol, Task};
use serde::{Deserialize, Serialize};

use crate::ignore::FrameName;
use crate::machinery::{self, Kind, Sources};

/// A stack, innermost frame first, functions that were inlined on their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Backtrace {
    /// What called what.
    pub frames: Vec<BacktraceFrame>,
    /// Whether it ends before the task's entry: there it could not be read further.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// How many of the group's tasks stand there.
    pub tasks: u64,
    /// How many different stacks the group's tasks have, this one included. What differs in the
    /// runtime's frames only is no difference.
    pub different: u64,
    /// What all of them have, when they are different.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedCalls>,
}

/// The user's calls that stand on different stacks, on each of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SharedCalls {
    /// How many of the group's tasks have a stack.
    pub tasks: u64,
    /// Whether the innermost call is the same: then it is the first of the functions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub innermost: bool,
    /// Without generic arguments and hashes, each once, whatever line of it they stand at; those of
    /// closures also without `{closure}`.
    pub functions: Vec<String>,
}

/// One function on a stack.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BacktraceFrame {
    /// Its name, demangled and whole; `app+0x12f317`, the file and the address in it, or a bare
    /// address, when nobody knows a name.
    pub function: String,
    /// Source file, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// 1-based line, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Whether it is of the runtime: before the user's own call, or around the task's entry.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub runtime: bool,
}

/// The stacks of a snapshot. Functions have numbers, so that a hundred thousand stacks can be
/// compared.
pub(crate) struct Stacks<'a> {
    stacks: &'a [Stack],
    table: Table<'a>,
    /// What stands at a frame, by the number of the frame.
    frames: Vec<Vec<usize>>,
    /// For a frame that is not in the snapshot.
    missing: usize,
}

impl<'a> Stacks<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        let of_frames = snapshot.frames.iter().flat_map(|frame| &frame.symbols);
        let of_panics = snapshot.panics.iter().flat_map(|panic| &panic.stack);
        let mut table = Table {
            sources: Sources::new(of_frames.chain(of_panics)),
            numbers: BTreeMap::new(),
            functions: Vec::new(),
        };
        let frames = snapshot.frames.iter().map(|frame| match &frame.symbols[..] {
            [] => vec![table.nameless(address(snapshot, frame))],
            symbols => symbols.iter().map(|symbol| table.named(symbol)).collect(),
        });
        let frames = frames.collect();
        for symbol in snapshot.panics.iter().flat_map(|panic| &panic.stack) {
            table.named(symbol);
        }
        let missing = table.nameless("?".to_owned());
        Stacks { stacks: &snapshot.stacks, table, frames, missing }
    }

    /// The stack that most of these tasks have; of equally many, that of the first.
    pub(crate) fn of_tasks<'t>(
        &self,
        tasks: impl Iterator<Item = &'t Task>,
        which: fn(&Task) -> Option<StackId>,
    ) -> Option<Backtrace> {
        self.of_ids(tasks.filter_map(which))
    }

    /// As [`Stacks::of_tasks`], of stacks that are in the snapshot.
    pub(crate) fn of_ids(&self, ids: impl Iterator<Item = StackId>) -> Option<Backtrace> {
        let mut order: Vec<StackId> = Vec::new();
        let mut counts: BTreeMap<StackId, u64> = BTreeMap::new();
        for id in ids {
            let count = counts.entry(id).or_default();
            *count += 1;
            if *count == 1 {
                order.push(id);
            }
        }
        self.most(order.into_iter().filter_map(|id| {
            let stack = self.stacks.get(id.0 as usize)?;
            Some((self.expanded(stack), stack.cut, counts[&id]))
        }))
    }

    /// As [`Stacks::of_tasks`], of stacks that came with their names.
    pub(crate) fn of_symbols<'s>(
        &self,
        stacks: impl Iterator<Item = &'s [Symbol]>,
    ) -> Option<Backtrace> {
        self.most(stacks.map(|stack| (self.numbers(stack), false, 1)))
    }

    /// The names of all functions, by number.
    pub(crate) fn names(&self) -> Vec<FrameName> {
        self.table.functions.iter().map(|(symbol, _)| FrameName::of(&symbol.function)).collect()
    }

    /// The user's calls on a stack, by number; none when it is not in the snapshot.
    pub(crate) fn own_calls(&self, id: StackId) -> Vec<usize> {
        self.stacks.get(id.0 as usize).map_or(Vec::new(), |stack| {
            let calls = self.expanded(stack);
            calls[self.own(&calls, stack.cut)].to_vec()
        })
    }

    /// The user's calls on a stack as they are called, innermost first.
    pub(crate) fn own_symbols(&self, id: StackId) -> Vec<&Symbol> {
        let calls = self.own_calls(id).into_iter();
        calls.map(|number| self.table.functions[number].0.as_ref()).collect()
    }

    /// As [`Stacks::own_calls`], of a stack that came with its names.
    pub(crate) fn own_calls_of(&self, stack: &[Symbol]) -> Vec<usize> {
        let calls = self.numbers(stack);
        calls[self.own(&calls, false)].to_vec()
    }

    fn numbers(&self, stack: &[Symbol]) -> Vec<usize> {
        let number = |symbol| self.table.numbers.get(symbol).copied().unwrap_or(self.missing);
        stack.iter().map(number).collect()
    }

    fn expanded(&self, stack: &Stack) -> Vec<usize> {
        let missing = std::slice::from_ref(&self.missing);
        let frames = stack.frames.iter();
        let functions =
            frames.flat_map(|id| self.frames.get(id.0 as usize).map_or(missing, |it| it));
        functions.copied().collect()
    }

    /// The most frequent one, counted by what is the user's.
    fn most(&self, stacks: impl Iterator<Item = (Vec<usize>, bool, u64)>) -> Option<Backtrace> {
        let mut known: BTreeMap<(Vec<usize>, bool), usize> = BTreeMap::new();
        let mut kinds: Vec<(Vec<usize>, bool, u64)> = Vec::new();
        for (stack, cut, tasks) in stacks.filter(|(stack, _, _)| !stack.is_empty()) {
            let own = self.own(&stack, cut);
            let number = *known.entry((stack[own].to_vec(), cut)).or_insert(kinds.len());
            match kinds.get_mut(number) {
                Some((_, _, sum)) => *sum += tasks,
                None => kinds.push((stack, cut, tasks)),
            }
        }
        let different = kinds.len() as u64;
        let shared = (different > 1).then(|| self.shared(&kinds));
        // Of equal ones the last is taken, and the first is wanted.
        let (stack, cut, tasks) = kinds.into_iter().rev().max_by_key(|(_, _, tasks)| *tasks)?;
        let own = self.own(&stack, cut);
        let frames = stack.iter().enumerate().map(|(place, &number)| {
            let Symbol { function, file, line } =
                self.table.functions[number].0.clone().into_owned();
            BacktraceFrame { function, file, line, runtime: !own.contains(&place) }
        });
        Some(Backtrace { frames: frames.collect(), cut, tasks, different, shared })
    }

    /// What is on each of different stacks.
    fn shared(&self, kinds: &[(Vec<usize>, bool, u64)]) -> SharedCalls {
        let mut functions: Vec<String> = Vec::new();
        let (mut on_all, mut innermost) = (Vec::new(), true);
        // Each call is named once, on however many stacks it is.
        let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, (stack, cut, _)) in kinds.iter().enumerate() {
            let mut here = Vec::new();
            for (depth, &number) in stack[self.own(stack, *cut)].iter().enumerate() {
                let places = places.entry(number).or_insert_with(|| {
                    let mut places = Vec::new();
                    for name in FrameName::of(&self.table.functions[number].0.function).both() {
                        match functions.iter().position(|known| *known == name) {
                            Some(known) => places.push(known),
                            None if at == 0 => {
                                places.push(functions.len());
                                functions.push(name);
                            }
                            None => {}
                        }
                    }
                    places
                });
                here.resize(functions.len(), false);
                places.iter().for_each(|&place| here[place] = true);
                innermost &= depth > 0 || places.first() == Some(&0);
            }
            on_all.resize(functions.len(), true);
            on_all.iter_mut().zip(here).for_each(|(on_all, here)| *on_all &= here);
        }
        let mut on_all = on_all.into_iter();
        functions.retain(|_| on_all.next() == Some(true));
        let tasks = kinds.iter().map(|(_, _, tasks)| tasks).sum();
        SharedCalls { tasks, innermost, functions }
    }

    /// The places that are shown as the user's: all, where there is nothing but the runtime.
    fn own(&self, stack: &[usize], cut: bool) -> Range<usize> {
        let kinds: Vec<Kind> = stack.iter().map(|&number| self.table.functions[number].1).collect();
        let own = machinery::own(&kinds, cut);
        if own.is_empty() { 0..stack.len() } else { own }
    }
}

/// Functions that get numbers, the same one the same.
struct Table<'a> {
    sources: Sources<'a>,
    numbers: BTreeMap<Cow<'a, Symbol>, usize>,
    functions: Vec<(Cow<'a, Symbol>, Kind)>,
}

impl<'a> Table<'a> {
    fn named(&mut self, symbol: &'a Symbol) -> usize {
        match self.numbers.get(symbol) {
            Some(&number) => number,
            None => self.number(Cow::Borrowed(symbol), self.sources.kind(symbol)),
        }
    }

    fn nameless(&mut self, function: String) -> usize {
        let symbol = Symbol { function, file: None, line: None };
        self.number(Cow::Owned(symbol), Kind::default())
    }

    fn number(&mut self, symbol: Cow<'a, Symbol>, kind: Kind) -> usize {
        let functions = &mut self.functions;
        *self.numbers.entry(symbol.clone()).or_insert_with(|| {
            functions.push((symbol, kind));
            functions.len() - 1
        })
    }
}

/// `app+0x12f317`, or the bare address where no module is known.
fn address(snapshot: &Snapshot, frame: &Frame) -> String {
    let module = frame.module.and_then(|id| snapshot.modules.get(id.0 as usize));
    let file = module.and_then(|module| module.path.rsplit(['/', '\\']).next());
    match file.filter(|file| !file.is_empty()) {
        Some(file) => format!("{file}+{:#x}", frame.address),
        None => format!("{:#x}", frame.address),
    }
}
