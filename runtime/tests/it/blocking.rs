//! `blocking`: closures that block run elsewhere, and what is known of them meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex as StdMutex, mpsc};
use std::time::Duration;

use gleak_runtime::report::detector::{Certainty, Question, Rule, Scope, analyze};
use gleak_runtime::report::snapshot::{
    Arm, RegionId, Snapshot, Target, Task, TaskState, Wait, WaitOp, WaitReason, WaiterKind,
};
use gleak_runtime::{
    Builder, Chan, Quiet, Region, RegionKind, Runtime, blocking, go, hold_worker, report, run,
    spawn,
};

use crate::programs::{example, folder, stderr, the_dump};
use crate::support::{parked, unique, until};

/// Shut until somebody opens it; blocks OS threads, as code that knows nothing of tasks does.
#[derive(Default)]
struct Gate {
    open: StdMutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().expect("nobody panics under it") = true;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let open = self.open.lock().expect("nobody panics under it");
        drop(self.changed.wait_while(open, |open| !*open).expect("nobody panics under it"));
    }
}

/// The task that this wait is for the end of.
fn helper_of(snapshot: &Snapshot, wait: &Wait) -> Option<Task> {
    let [Arm { op: WaitOp::Join, on: Target::Task(helper), .. }] = wait.arms[..] else {
        return None;
    };
    snapshot.tasks.iter().find(|task| task.id == helper).cloned()
}

/// Waits until the named task is parked in `blocking` and its helper is known and as wanted.
fn helped(name: &str, wanted: impl Fn(&Task) -> bool) -> (Snapshot, Task, Task) {
    loop {
        let (snapshot, task, wait) = parked(name);
        assert_eq!(wait.reason, WaitReason::Blocking);
        if let Some(helper) = helper_of(&snapshot, &wait).filter(&wanted) {
            return (snapshot, task, helper);
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_closure_may_borrow_and_its_value_comes_back() {
    run(|| {
        let words = ["a".to_owned(), "b".to_owned()];
        let mut count = 0;
        let joined = blocking(|| {
            count += words.len();
            words.concat()
        });
        assert_eq!((joined.as_str(), count, words.len()), ("ab", 2, 2));
    });
}

#[test]
fn the_worker_runs_others_meanwhile() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let gate = Arc::new(Gate::default());
    let passes = gate.clone();
    let blocked = Builder::new().spawn_in(&runtime, move || {
        let task = std::thread::current().id();
        blocking(|| {
            passes.pass();
            assert_ne!(std::thread::current().id(), task);
        });
        assert_eq!(std::thread::current().id(), task, "a task never changes threads");
    });
    let opens = Builder::new().spawn_in(&runtime, move || gate.open());
    opens.unwrap().join().unwrap();
    blocked.unwrap().join().unwrap();
}

#[test]
fn where_no_task_can_park_the_closure_runs_in_place() {
    let here = || std::thread::current().id();
    assert_eq!(blocking(here), here(), "outside of a task");
    spawn(move || {
        assert_eq!(hold_worker(|| blocking(here)), here());
        assert_ne!(blocking(|| blocking(here)), here());
        assert!(blocking(|| blocking(here) == here()), "on a helper");
    })
    .join()
    .unwrap();
}

#[test]
fn a_panic_comes_out_in_the_task_with_its_stack() {
    #[inline(never)]
    fn deep_inside() {
        panic!("no such file");
    }
    let task = spawn(|| {
        let caught = std::panic::catch_unwind(|| blocking(|| panic!("caught")));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"caught"));
        blocking(deep_inside);
    });
    let error = task.join().unwrap_err();
    assert!(error.to_string().ends_with("panicked: no such file"), "{error}");
    let stack = error.stack();
    assert!(stack[0].contains("deep_inside"), "{stack:?}");
    assert!(!stack.iter().any(|frame| frame.contains("helpers")), "cut at the closure: {stack:?}");
    assert_eq!(error.into_panic().unwrap().downcast_ref(), Some(&"no such file"));
}

#[test]
fn a_waiting_task_names_its_helper_which_is_charged_to_the_tasks_region() {
    let region = Region::open(RegionKind::Guard, "blocking");
    let (name, gate) = (unique("blocks"), Arc::new(Gate::default()));
    let passes = gate.clone();
    let own = Some(RegionId(region.id()));
    let task = region.builder().name(&name).spawn(move || {
        blocking(|| passes.pass());
        // The helper was nobody any more when this task went on.
        report::snapshot().tasks.iter().filter(|task| task.region == own).count()
    });
    let (snapshot, facts, helper) = helped(&name, |_| true);
    assert_eq!(snapshot.validate(), Ok(()));
    assert_eq!((helper.kind, &helper.state), (WaiterKind::Thread, &TaskState::Running));
    assert_eq!(helper.parent, Some(facts.id));
    assert_eq!((helper.region, facts.region), (own, own));
    assert!(helper.name.unwrap().starts_with("gleak-helper"));
    assert_eq!(region.live(), 1, "the helper is no task");
    let question = Question { scope: Scope::Region(RegionId(region.id())), ..Question::default() };
    let report = analyze(&snapshot, &question);
    assert!(report.findings.iter().all(|it| it.certainty == Certainty::Weak), "it may go on");
    gate.open();
    assert_eq!(task.unwrap().join().unwrap(), 1);
    assert_eq!(region.live(), 0);
}

#[test]
fn a_helper_that_waits_for_its_own_task_is_in_a_cycle_and_the_process_ends() {
    let folder = folder("helper-cycle");
    let output = example("helper_cycle", &folder).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.starts_with("gleak: deadlock. The only task is asleep"), "{text}");
    assert!(text.contains("wants the end of thread t"), "{text}");
    assert!(text.contains("\"gleak-helper0\" wants lock #1 \"account\""), "{text}");
    let snapshot = the_dump(&folder);
    assert_eq!(snapshot.validate(), Ok(()));
    let report = analyze(&snapshot, &Question::default());
    let [cycle] = &report.findings[..] else { panic!("one finding: {report:?}") };
    assert_eq!((cycle.key.rule, cycle.certainty), (Rule::Cycle, Certainty::Certain));
    assert_eq!(cycle.tasks(), 2, "the task and its helper");
}

fn waits_for(helper: &Task, reason: WaitReason) -> bool {
    match &helper.state {
        TaskState::Waiting(wait) => wait.reason == reason,
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => false,
    }
}

#[test]
fn a_helper_waits_on_objects_as_any_thread_does() {
    let (name, chan) = (unique("receives"), Chan::new(0));
    let receives = chan.clone();
    let task = Builder::new().name(&name).spawn(move || blocking(|| receives.recv()));
    helped(&name, |helper| waits_for(helper, WaitReason::Receive));
    chan.send(5);
    assert_eq!(task.unwrap().join().unwrap(), Some(5));
}

#[test]
fn more_jobs_than_helpers_queue_and_all_are_done() {
    const JOBS: u32 = 600;
    let (gate, begun) = (Arc::new(Gate::default()), Arc::new(AtomicU32::new(0)));
    let tasks: Vec<_> = (0..JOBS)
        .map(|n| {
            let (gate, begun) = (gate.clone(), begun.clone());
            spawn(move || {
                blocking(|| {
                    begun.fetch_add(1, Ordering::SeqCst);
                    gate.pass();
                    n
                })
            })
        })
        .collect();
    // Other tests have helpers too.
    until(|| begun.load(Ordering::SeqCst) > 400);
    let waiting = || {
        let snapshot = report::snapshot();
        let blocked = snapshot.tasks.iter().filter_map(|task| match &task.state {
            TaskState::Waiting(wait) if wait.reason == WaitReason::Blocking => Some(wait.clone()),
            TaskState::Waiting(_)
            | TaskState::Fresh
            | TaskState::Runnable
            | TaskState::Running
            | TaskState::Moving => None,
        });
        blocked.collect::<Vec<_>>()
    };
    until(|| waiting().len() >= JOBS as usize);
    assert!(begun.load(Ordering::SeqCst) <= 512);
    assert!(waiting().iter().any(|wait| wait.arms.is_empty()), "who has no helper names none");
    gate.open();
    let total: u32 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
    assert_eq!(total, JOBS * (JOBS - 1) / 2);
}

#[test]
fn helpers_are_used_again_and_many_at_once() {
    run(|| {
        let tasks: Vec<_> = (0..8)
            .map(|task| go! { (0..500).all(|n| blocking(|| n + task) == n + task) })
            .collect();
        assert!(tasks.into_iter().all(|task| task.join().unwrap()));
    });
}

#[test]
fn a_runtime_is_quiet_only_when_its_helpers_wait_too() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let (gate, chan) = (Arc::new(Gate::default()), Chan::new(0));
    let (passes, receives) = (gate.clone(), chan.clone());
    let task = Builder::new().spawn_in(&runtime, move || {
        blocking(|| passes.pass());
        blocking(|| receives.recv())
    });
    assert_eq!(runtime.wait_quiet(Duration::from_millis(20), || false), Quiet::Busy);
    gate.open();
    assert_eq!(runtime.wait_quiet(Duration::MAX, || false), Quiet::Asleep);
    chan.send(1);
    let task = task.unwrap();
    let quiet = runtime.wait_quiet(Duration::MAX, || task.is_finished());
    assert_eq!(quiet, Quiet::Done, "from the send on, something goes on all the time");
    assert_eq!(task.join().unwrap(), Some(1));
}

#[test]
fn a_closure_is_waited_for_when_the_runtime_goes() {
    struct NotWhileBorrowed<'a>(&'a AtomicBool);
    impl Drop for NotWhileBorrowed<'_> {
        fn drop(&mut self) {
            assert!(self.0.load(Ordering::SeqCst), "the lender went on before the borrower ended");
        }
    }
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let (gate, ended) = (Arc::new(Gate::default()), Arc::new(AtomicBool::new(false)));
    let (passes, end) = (gate.clone(), ended.clone());
    let (begun, has_begun) = mpsc::channel();
    let task = Builder::new().spawn_in(&runtime, move || {
        let lent = NotWhileBorrowed(&end);
        blocking(|| {
            begun.send(()).unwrap();
            passes.pass();
            lent.0.store(true, Ordering::SeqCst);
        });
    });
    has_begun.recv().unwrap();
    drop(runtime);
    gate.open();
    task.unwrap().join().unwrap();
    assert!(ended.load(Ordering::SeqCst));
}
