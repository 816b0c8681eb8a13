//! Panics that a region keeps for who opened it.

use gleak_runtime::{
    Builder, KeptPanics, Region, RegionKind, Runtime, TaskPanic, blocking, spawn_daemon,
};

fn tasks(kept: &KeptPanics) -> Vec<u64> {
    kept.panics.iter().map(TaskPanic::task).collect()
}

#[test]
fn a_region_keeps_what_its_tasks_and_those_inside_of_it_say() {
    let region = Region::open(RegionKind::Guard, "keeps");
    region.keep_panics();
    let runtime = Runtime::builder().workers(1).start().expect("workers");
    let worker = region.builder().name("worker").spawn_in(&runtime, || {
        let inner = Region::open(RegionKind::Guard, "inside");
        let entered = inner.enter();
        let task = Builder::new().spawn(|| panic!("from inside")).expect("room");
        let inside = task.id();
        assert!(task.join().is_err());
        drop(entered);
        let daemon = spawn_daemon(|| panic!("of nobody's region"));
        assert!(daemon.join().is_err());
        let lends = Builder::new().name("lends").spawn(|| blocking(|| panic!("by a helper")));
        let lends = lends.expect("room");
        let ids = [inside, lends.id()];
        assert!(lends.join().is_err());
        std::panic::catch_unwind(|| panic!("out of {}", "ideas")).expect_err("it panics");
        ids
    });
    let worker = worker.expect("room");
    let id = worker.id();
    let [inside, lends] = worker.join().expect("it has caught its own");
    let kept = region.take_panics_but(lends);
    assert_eq!((tasks(&kept), kept.dropped), (vec![inside, id], 0));
    let told = kept.panics[1].told();
    let head = format!("task t{id} \"worker\" panicked at runtime/tests/it/kept_panics.rs:");
    assert!(told.starts_with(&head) && told.contains(":\nout of ideas"), "{told}");
    let kept = region.take_panics();
    assert_eq!(tasks(&kept), [lends]);
    assert_eq!(kept.panics[0].message(), "by a helper");
    assert!(kept.panics[0].told().starts_with(&format!("task t{lends} \"lends\" panicked at ")));
    assert_eq!(tasks(&region.take_panics()), [0; 0], "each comes out once");
}

#[test]
fn who_does_not_ask_is_given_none() {
    let region = Region::open(RegionKind::Guard, "asks for none");
    let runtime = Runtime::builder().workers(1).start().expect("workers");
    let task = region.builder().spawn_in(&runtime, || panic!("to the hook")).expect("room");
    assert!(task.join().is_err());
    assert_eq!(tasks(&region.take_panics()), [0; 0]);
}
