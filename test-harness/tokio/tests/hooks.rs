//! Tasks that nobody has wrapped, where the runtime tells of them: `make hooks` builds this with tokio's
//! `--cfg tokio_unstable`. Without that there is nothing here to run.
#![cfg(tokio_unstable)]

use std::process::Command;

use gleak_tokio::snapshot::{HOOKED, Snapshot, Task, TaskState};
use gleak_tokio::{Guard, JoinSet, spawn};
use tokio::runtime::{Builder, Runtime};

fn runtime(threads: usize) -> Runtime {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    gleak_tokio::hooks(&mut builder).enable_all().build().expect("a runtime")
}

/// Tasks that were spawned in this line.
fn spawned_in(snapshot: &Snapshot, line: u32) -> Vec<&Task> {
    snapshot.validate().expect("a valid snapshot");
    let here = |task: &&Task| {
        let spawn = &snapshot.spawns[task.spawn.expect("a place").0 as usize];
        let site = &snapshot.sites[spawn.site.0 as usize];
        site.file.ends_with("tests/hooks.rs") && site.line == line
    };
    snapshot.tasks.iter().filter(here).collect()
}

fn entry<'s>(snapshot: &'s Snapshot, task: &Task) -> &'s str {
    &snapshot.spawns[task.spawn.expect("a place").0 as usize].entry
}

#[test]
fn who_is_not_wrapped_is_told_with_its_place_and_parent() {
    for threads in [1, 2] {
        let runtime = runtime(threads);
        runtime.block_on(async {
            let (told, tell) = tokio::sync::oneshot::channel();
            let line = line!() + 1;
            let outer = tokio::spawn(async move {
                let inner = tokio::spawn(std::future::pending::<()>());
                let known = spawn(std::future::pending::<()>());
                assert!(told.send(()).is_ok());
                (inner.await.is_err(), known.await.is_err())
            });
            tell.await.expect("it is polled");
            let snapshot = gleak_tokio::look();
            let [outer_task] = spawned_in(&snapshot, line)[..] else { panic!("{snapshot:#?}") };
            assert_eq!(entry(&snapshot, outer_task), HOOKED);
            assert_eq!(outer_task.state, TaskState::Moving);
            let [inner_task] = spawned_in(&snapshot, line + 1)[..] else { panic!("{snapshot:#?}") };
            assert_eq!(inner_task.parent, Some(outer_task.id));
            assert_eq!(inner_task.ancestry[0], outer_task.spawn.expect("a place"));
            // Wrapped, it is there once.
            let [known] = spawned_in(&snapshot, line + 2)[..] else { panic!("{snapshot:#?}") };
            assert_ne!(entry(&snapshot, known), HOOKED);
            assert_eq!(known.parent, Some(outer_task.id));
            outer.abort();
            assert!(outer.await.is_err_and(|error| error.is_cancelled()));
        });
        drop(runtime);
    }
}

#[test]
fn who_has_ended_is_gone() {
    let runtime = runtime(2);
    let line = line!() + 2;
    runtime.block_on(async {
        let all: Vec<_> = (0..50).map(|n| tokio::spawn(async move { n })).collect();
        for (n, handle) in all.into_iter().enumerate() {
            assert_eq!(handle.await.ok(), Some(n));
        }
        let mut set = JoinSet::new();
        set.spawn(std::future::ready(1));
        assert_eq!(set.join_all().await, [1]);
    });
    // The last words of a task come after its join.
    drop(runtime);
    assert!(spawned_in(&gleak_tokio::look(), line).is_empty());
}

#[test]
fn a_guard_is_charged_with_it() {
    let runtime = runtime(1);
    runtime.block_on(async {
        // Not its own, so that nothing is counted.
        let before = tokio::spawn(std::future::pending::<()>());
        let guard = Guard::open("hooked").settle_ms(20);
        let line = line!() + 1;
        let stays = tokio::spawn(std::future::pending::<()>());
        let leaks = guard.finish().await.expect_err("it is left").to_string();
        assert!(leaks.contains(&format!("tests/hooks.rs:{line}")), "{leaks}");
        assert!(leaks.contains("1 task left over"), "{leaks}");
        let line = leaks.lines().find(|line| line.contains("1 task that nobody wrapped"));
        assert!(line.is_some(), "{leaks}");
        before.abort();
        stays.abort();
    });
}

const LEFT_IN: u32 = line!() + 6;

/// Green, unless `LEAVE` says `leaks`.
#[gleak_test_harness::test(runtime = "tokio")]
async fn leaves_what_nobody_wrapped() {
    if std::env::var("LEAVE").is_ok_and(|word| word == "leaks") {
        drop(tokio::spawn(std::future::pending::<()>()));
    }
    tokio::spawn(async {}).await.expect("no panic");
}

#[test]
fn a_test_of_ours_names_the_place() {
    let mut again = Command::new(std::env::current_exe().expect("this test"));
    again.args(["--exact", "leaves_what_nobody_wrapped"]).env("LEAVE", "leaks");
    let said = again.env("COLUMNS", "80").output().expect("it runs");
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(!said.status.success(), "{text}");
    let place = format!("tests/hooks.rs:{LEFT_IN}");
    let words = ["1 task left over", &place, "(not wrapped)", "by the runtime's hooks"];
    words.iter().for_each(|words| assert!(text.contains(words), "{words:?} in {text}"));
    assert!(!text.contains("(counted, no site)"), "{text}");
}
