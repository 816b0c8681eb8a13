//! Fingerprints: what they depend on and what not.

use gleak_detector::Fingerprint;
use gleak_detector::snapshot::{ObjectId, Registers, Snapshot, SnapshotBuilder, TaskId};

use crate::support::{MS, bank, process, region, stack};

fn outlived(spawn: &str, entry: &str, block: &str, before: usize) -> Fingerprint {
    let mut b = SnapshotBuilder::new();
    for _ in 0..before {
        let _ = b.channel("src/x.rs:1", None);
        let _ = b.region("earlier");
        let _ = b.task("src/x.rs:1", "app::x").running().id();
    }
    let own = b.region(if before == 0 { "one" } else { "two" });
    let channel = b.channel("src/c.rs:1", None);
    let _ = b.task(spawn, entry).region(own).receives(channel, block).id();
    region(&b.build(), own).findings[0].fingerprint.clone()
}

#[test]
fn lines_ids_tests_and_types_do_not_count() {
    let print = outlived("src/a.rs:5", "app::Pool<u8>::run::{{closure}}", "src/b.rs:7", 0);
    assert_eq!(print, outlived("./src/a.rs:99", "app::Pool<String>::run", "src/b.rs:1", 3));
    for (spawn, entry, block) in [
        ("src/z.rs:5", "app::Pool<u8>::run", "src/b.rs:7"),
        ("src/a.rs:5", "app::Pool<u8>::stop", "src/b.rs:7"),
        ("src/a.rs:5", "app::Pool<u8>::run", "src/z.rs:7"),
    ] {
        assert_ne!(print, outlived(spawn, entry, block, 0));
    }
}

/// A worker that waits, with all that one build and one run give it.
fn worker(entry: &str) -> Snapshot {
    let mut b = SnapshotBuilder::new();
    b.taken_at(9 * MS);
    let jobs = b.channel("src/pool.rs:38", Some(4));
    let registers = Registers { ip: 0x5555_0001, sp: 0x7f00_0010, bp: 0x7f00_0020 };
    let task = b.task("src/pool.rs:41", entry).receives(jobs, "src/work.rs:58");
    let _ = task.since(MS).registers(registers).id();
    b.still();
    let mut snapshot = b.build();
    let frames = [
        "app::pool::Pool<T>::worker at /build/app/src/work.rs:58",
        "app::pool::Pool<T>::start::{{closure}} at /build/app/src/pool.rs:44",
        "0x12f317 in /build/app/target/debug/app",
    ];
    let id = stack(&mut snapshot, &frames);
    snapshot.modules[0].build_id = Some("0a1b".to_owned());
    snapshot.tasks[0].backtrace = Some(id);
    snapshot.tasks[0].spawn_backtrace = Some(id);
    snapshot
}

fn print_of(snapshot: &Snapshot) -> Fingerprint {
    let report = process(snapshot);
    assert_eq!(report.findings.len(), 1);
    report.findings[0].fingerprint.clone()
}

#[test]
fn edits_that_leave_files_and_functions_do_not_count() {
    let start = "app::pool::Pool<app::Job>::start::{{closure}}";
    let print = print_of(&worker(start));
    let edit = |change: fn(&mut Snapshot)| {
        let mut snapshot = worker(start);
        change(&mut snapshot);
        assert_ne!(snapshot, worker(start));
        print_of(&snapshot)
    };
    let edits: [fn(&mut Snapshot); 4] = [
        // Forty lines above it.
        |it| it.sites.iter_mut().for_each(|site| site.line += 40),
        // A local with a longer name, a formatter: other columns, lines moved against each other.
        |it| it.sites.iter_mut().for_each(|site| site.column += 8),
        |it| it.sites.iter_mut().zip([1, 3, 7]).for_each(|(site, lines)| site.line += lines),
        // Calls taken out into functions: the stack is another one.
        |it| {
            let frames =
                ["app::pool::take at /build/app/src/work.rs:70", "app::pool::Pool<T>::round"];
            let id = stack(it, &frames);
            (it.tasks[0].backtrace, it.tasks[0].spawn_backtrace) = (Some(id), None);
        },
    ];
    for (number, change) in edits.into_iter().enumerate() {
        assert_eq!(edit(change), print, "edit {number}");
    }
}

#[test]
fn another_build_and_another_run_do_not_count() {
    let start = "app::pool::Pool<app::Job>::start::{{closure}}";
    let mut snapshot = worker(start);
    // Loaded elsewhere, linked anew, moved to another machine, stripped.
    for module in &mut snapshot.modules {
        module.base += 0x1000_0000;
        module.build_id = Some("ffee".to_owned());
        module.path = "/srv/app/bin/app".to_owned();
    }
    for frame in &mut snapshot.frames {
        frame.address += 0x40;
        frame.symbols.clear();
    }
    snapshot.header.pid += 1;
    snapshot.header.taken_ns += 700 * MS;
    // Others came first.
    let task = &mut snapshot.tasks[0];
    task.id = TaskId(4_711);
    task.name = Some("worker-7".to_owned());
    let gleak_detector::snapshot::TaskState::Waiting(wait) = &mut task.state else {
        panic!("it waits");
    };
    wait.registers = Some(Registers { ip: 1, sp: 2, bp: 3 });
    wait.arms[0].on = gleak_detector::snapshot::Target::Object(ObjectId(99));
    snapshot.objects[0].id = ObjectId(99);
    assert_eq!(print_of(&snapshot), print_of(&worker(start)));
}

/// A test's body is in a constant without a name where an attribute has made it a test.
#[test]
fn a_constant_without_a_name_changes_nothing() {
    let print = print_of(&worker("app::pool::start::{{closure}}"));
    assert_eq!(print_of(&worker("app::pool::_::start::{{closure}}")), print);
    assert_ne!(print_of(&worker("app::pool::_x::start::{{closure}}")), print);
}

#[test]
fn another_function_is_another_finding() {
    let print = print_of(&worker("app::pool::Pool<app::Job>::start::{{closure}}"));
    for entry in [
        "app::pool::Pool<app::Job>::launch::{{closure}}",
        "app::pool::start::{{closure}}",
        "<app::pool::Pool<app::Job> as app::Service>::start::{{closure}}",
    ] {
        assert_ne!(print_of(&worker(entry)), print, "{entry}");
    }
}

/// Baselines are committed files: the scheme never changes without a new prefix.
#[test]
fn the_scheme_is_fixed() {
    let print = outlived("src/a.rs:5", "app::work", "src/b.rs:7", 0);
    // sha256("outlived\napp::work\nsrc/a.rs\nreceive\nchannel\nsrc/b.rs")
    assert_eq!(print.0, "gk1:b6eba82588040056");
}

#[test]
fn a_cycle_is_the_same_whoever_comes_first() {
    let one = process(&bank().build()).findings[0].fingerprint.clone();
    let mut snapshot = bank().build();
    // The two change their roles.
    for task in &mut snapshot.tasks {
        task.id = TaskId(10 - task.id.0);
    }
    for object in &mut snapshot.objects {
        let detail = &mut object.detail;
        if let gleak_detector::snapshot::ObjectDetail::Mutex { owner: Some(owner), .. } = detail {
            owner.task = TaskId(10 - owner.task.0);
        }
    }
    assert_eq!(process(&snapshot).findings[0].fingerprint, one);
}
