//! What processes reported, put together.
//!
//! Invariants:
//! 1. A task is counted once: dumps and findings of one process are joined before those of
//!    different processes are added up.
//! 2. Coverage is never made up: a process counts if it wrote something that could be read.

use std::collections::BTreeSet;

use gleak_detector::findings_file::{self, FindingsFile, Source};
use gleak_detector::snapshot::{RegionKind, Snapshot};
use gleak_detector::survey::Survey;
use gleak_detector::{Date, Exception, Finding, Fingerprint, Question, Suppressions, analyze};
use serde::Serialize;

use crate::input::{Content, InputFault};

/// Nanoseconds in a second.
const SECOND_NS: i128 = 1_000_000_000;

/// How much was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub(crate) struct Coverage {
    /// Processes that reported.
    pub(crate) processes: u64,
    /// Tests that they ran.
    pub(crate) tests: u64,
    /// Tasks that they spawned.
    pub(crate) spawned: u64,
}

impl Coverage {
    /// Whether there was no task that could have leaked: then nothing was checked.
    pub(crate) fn is_nothing(self) -> bool {
        self.spawned == 0
    }
}

/// An input that could not be read, or not in full.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Unreadable {
    /// Its name.
    pub(crate) input: String,
    /// What is wrong with it.
    pub(crate) why: String,
}

/// What processes reported.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    processes: Vec<Process>,
    /// Inputs that are not, or not wholly, part of it.
    pub(crate) unreadable: Vec<Unreadable>,
    /// Findings that were suppressed in some process.
    pub(crate) suppressed: BTreeSet<Fingerprint>,
    /// What became of each suppression.
    pub(crate) exceptions: Vec<Exception>,
}

#[derive(Debug)]
struct Process {
    report: FindingsFile,
    /// When it started, on the wall clock; only dumps say so.
    started_ns: Option<i128>,
    /// Whether a findings file of it was seen: there is one a process.
    has_file: bool,
}

impl Evidence {
    /// Adds what was read. A Go program's tests are not ours to pass or fail.
    pub(crate) fn add(&mut self, input: &str, content: Content) {
        let process = match content {
            Content::Dump(snapshot) => of_dump(&snapshot),
            Content::Go(_) => return self.note(input, &InputFault::Go),
            Content::Findings(report) => Process { report, started_ns: None, has_file: true },
        };
        match self.processes.iter_mut().find(|known| known.is(&process)) {
            Some(known) => known.join(process),
            None => self.processes.push(process),
        }
    }

    /// Notes an input that could not be read, or not in full.
    pub(crate) fn note(&mut self, input: &str, fault: &InputFault) {
        self.unreadable.push(Unreadable { input: input.to_string(), why: fault.to_string() });
    }

    /// Takes suppressed findings away, process by process: what one of them shows may not be so in
    /// another one.
    pub(crate) fn suppress(&mut self, suppressions: &Suppressions, today: Date) {
        // Without a process the lines are unused all the same.
        let unused = suppressions.apply_to(&mut Vec::new(), today);
        Exception::add_all(&mut self.exceptions, unused);
        for Process { report, .. } in &mut self.processes {
            let found = |findings: &[Finding]| -> BTreeSet<Fingerprint> {
                findings.iter().map(|finding| finding.fingerprint.clone()).collect()
            };
            let before = found(&report.findings);
            let exceptions = suppressions.apply_to(&mut report.findings, today);
            self.suppressed.extend(before.difference(&found(&report.findings)).cloned());
            Exception::add_all(&mut self.exceptions, exceptions);
        }
    }

    /// How much was looked at.
    pub(crate) fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for Process { report, .. } in &self.processes {
            coverage.processes += 1;
            coverage.tests = coverage.tests.saturating_add(report.source.tests);
            coverage.spawned = coverage.spawned.saturating_add(report.source.spawned);
        }
        coverage
    }

    /// All that was counted.
    pub(crate) fn survey(&self) -> Survey {
        let mut survey = Survey::default();
        self.processes.iter().for_each(|process| survey.join(&process.report.survey));
        survey
    }

    /// All findings, one a fingerprint, with the tasks of all processes.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        findings_file::merge(self.processes.iter().map(|process| process.report.clone()))
    }
}

impl Process {
    /// Whether both are reports of the same process. Numbers of processes are used again, on other
    /// machines above all: two findings files are two processes, and two dumps are of one process
    /// only if it started at one moment.
    fn is(&self, other: &Process) -> bool {
        let (mine, its) = (&self.report.source, &other.report.source);
        let same_start = match (self.started_ns, other.started_ns) {
            // The wall clock of a dump is cut to seconds.
            (Some(mine), Some(its)) => (mine - its).abs() <= 2 * SECOND_NS,
            _ => true,
        };
        mine.program == its.program
            && mine.pid == its.pid
            && same_start
            && !(self.has_file && other.has_file)
    }

    /// Takes over what the other report has more.
    fn join(&mut self, other: Process) {
        let (mine, its) = (&mut self.report.source, &other.report.source);
        mine.tests = mine.tests.max(its.tests);
        mine.spawned = mine.spawned.max(its.spawned);
        self.has_file |= other.has_file;
        self.started_ns = self.started_ns.or(other.started_ns);
        self.report.complete &= other.report.complete;
        // One file a process has it.
        self.report.survey.join(&other.report.survey);
        let findings = &mut self.report.findings;
        for finding in other.report.findings {
            match findings.iter_mut().find(|known| known.fingerprint == finding.fingerprint) {
                Some(known) if known.tasks() < finding.tasks() => *known = finding,
                Some(_) => {}
                None => findings.push(finding),
            }
        }
    }
}

fn of_dump(snapshot: &Snapshot) -> Process {
    let header = &snapshot.header;
    let tests = snapshot.regions.iter().filter(|region| region.kind == RegionKind::Test).count();
    let source = Source {
        program: header.program.clone(),
        pid: header.pid,
        tests: tests as u64,
        spawned: header.counters.spawned,
    };
    let findings = analyze(snapshot, &Question::default()).findings;
    let started_ns = i128::from(header.wall_s) * SECOND_NS - i128::from(header.taken_ns);
    let complete = !snapshot.completeness.cut;
    Process {
        report: FindingsFile { source, findings, survey: Survey::default(), complete },
        started_ns: Some(started_ns),
        has_file: false,
    }
}
