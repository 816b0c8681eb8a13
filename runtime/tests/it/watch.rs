//! What grows, seen from inside of the process.

use std::time::Duration;

use gleak_runtime::report::{self, Watch, detector::Finding};
use gleak_runtime::{Builder, Chan, JoinHandle, go};

use crate::support::{parked, unique, until};

/// Longer than it takes to spawn a task, mostly: what is waited for are looks, not times.
const PERIOD: Duration = Duration::from_millis(20);
const SAMPLES: usize = 3;

/// Lets the watch have a look that begins now.
fn look(watch: &Watch) {
    let before = watch.samples();
    until(|| watch.samples() >= before + 2);
}

/// Findings on tasks that were spawned in this file.
fn here(watch: &Watch) -> Vec<Finding> {
    let mut findings = watch.growing();
    findings.retain(|finding| finding.key.spawn_file == file!());
    findings
}

/// A request whose answer nobody takes.
fn leak() -> (Chan<u32>, JoinHandle<()>) {
    let answer = Chan::new(0);
    let sends = answer.clone();
    let name = unique("leaks");
    let task = Builder::new().name(&name).spawn(move || sends.send(1)).expect("a task");
    parked(&name);
    (answer, task)
}

#[test]
fn a_leak_per_request_is_named_while_the_process_runs() {
    let watch = report::watch(PERIOD, SAMPLES).unwrap();
    let mut leaks = vec![leak()];
    // One request for each look; where the machine is slower than that, it takes some more.
    let mut found = Vec::new();
    while found.is_empty() {
        leaks.push(leak());
        let before = watch.samples();
        until(|| watch.samples() > before);
        found = here(&watch);
    }
    assert_eq!(found.len(), 1);
    assert!(found[0].key.entry.ends_with("watch::leak"), "{:?}", found[0].key);
    assert!(found[0].tasks() >= SAMPLES && found[0].tasks() <= leaks.len(), "{found:?}");
    // A look at the same tasks ends it.
    look(&watch);
    assert_eq!(here(&watch), []);
    for (answer, task) in leaks {
        assert_eq!(answer.recv(), Some(1));
        task.join().unwrap();
    }
}

/// Workers of a pool that come and go, and stay in it for a while.
#[test]
fn a_pool_that_breathes_grows_in_no_look() {
    let watch = report::watch(PERIOD, SAMPLES).unwrap();
    let mut pool: Vec<(Chan<()>, JoinHandle<()>)> = Vec::new();
    for turn in 0..12 {
        if turn % 3 == 2 {
            for (jobs, worker) in pool.drain(..) {
                jobs.close();
                worker.join().unwrap();
            }
        }
        let jobs = Chan::new(0);
        let own = jobs.clone();
        let name = unique("breathes");
        let worker = Builder::new().name(&name).spawn(move || while own.recv().is_some() {});
        parked(&name);
        pool.push((jobs, worker.unwrap()));
        look(&watch);
        let entries: Vec<_> = here(&watch).into_iter().map(|it| it.key.entry).collect();
        assert!(!entries.iter().any(|it| it.contains("breathes")), "{entries:?}");
    }
    for (jobs, worker) in pool {
        jobs.close();
        worker.join().unwrap();
    }
}

/// All wait for work from one channel, and there are more of them each time.
#[test]
fn a_pool_that_fills_up_grows_in_no_look() {
    let watch = report::watch(PERIOD, SAMPLES).unwrap();
    let jobs: Chan<()> = Chan::new(0);
    let mut workers = Vec::new();
    for _ in 0..8 {
        let own = jobs.clone();
        let name = unique("fills-up");
        let worker = Builder::new().name(&name).spawn(move || while own.recv().is_some() {});
        workers.push(worker.unwrap());
        parked(&name);
        let before = watch.samples();
        until(|| watch.samples() > before);
        let entries: Vec<_> = here(&watch).into_iter().map(|it| it.key.entry).collect();
        assert!(!entries.iter().any(|it| it.contains("fills_up")), "{entries:?}");
    }
    jobs.close();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn who_drops_the_watch_ends_it() {
    let watch = report::watch(Duration::from_secs(3600), SAMPLES).unwrap();
    until(|| watch.samples() == 1);
    assert_eq!(here(&watch), [], "one look shows nothing");
    drop(watch);
    let names = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let names = tasks.filter_map(|it| std::fs::read_to_string(it.path().join("comm")).ok());
        names.filter(|name| name.trim() == "gleak-watch").count()
    };
    // The other tests' watches end as well.
    until(|| names() == 0);
    go! {}.join().unwrap();
}
