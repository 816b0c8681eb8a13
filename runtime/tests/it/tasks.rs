//! Spawning, joining, giving way, panics, regions, several runtimes.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gleak_runtime::{
    Builder, Chan, JoinError, Quiet, Region, RegionKind, Runtime, StackError, go, hold_worker, run,
    sleep, sleep_until, spawn, task_id, time::Instant, yield_now,
};

use crate::support::until;

#[test]
fn a_result_comes_back_from_run_and_join() {
    assert_eq!(run(|| spawn(|| 6 * 7).join().unwrap()), 42);
}

#[test]
fn spawn_works_from_any_thread() {
    assert_eq!(spawn(|| "from a thread").join().unwrap(), "from a thread");
}

#[test]
fn a_task_knows_its_id_and_a_thread_has_none() {
    let task = spawn(task_id);
    let id = task.id();
    assert_eq!(task.join().expect("no panic"), Some(id));
    assert_eq!(task_id(), None);
}

#[test]
fn several_runs_in_a_row_are_fine() {
    for n in 0..10 {
        assert_eq!(run(move || go! { n + 1 }.join().unwrap()), n + 1);
    }
}

#[test]
fn run_inside_a_task_says_what_to_do_instead() {
    let error = spawn(|| run(|| ())).join().unwrap_err();
    assert!(error.to_string().contains("use spawn() and join()"), "{error}");
}

#[test]
fn a_dropped_handle_lets_the_task_go_on() {
    run(|| {
        let done = Chan::new(0);
        let tell = done.clone();
        drop(go! { tell.send(1) });
        assert_eq!(done.recv(), Some(1));
    });
}

#[test]
fn values_that_are_not_send_live_across_a_park() {
    thread_local! { static LOCAL: RefCell<Rc<u32>> = RefCell::new(Rc::new(7)); }
    run(|| {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                go! {
                    let mine = LOCAL.with(|local| local.borrow().clone());
                    for _ in 0..10 {
                        yield_now();
                        assert!(LOCAL.with(|local| Rc::ptr_eq(&mine, &local.borrow())));
                    }
                }
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn yielding_lets_others_run() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..3)
        .map(|task| {
            let order = order.clone();
            let body = move || {
                for step in 0..2 {
                    order.lock().unwrap().push((step, task));
                    yield_now();
                }
            };
            Builder::new().spawn_in(&runtime, body).unwrap()
        })
        .collect();
    tasks.into_iter().for_each(|task| task.join().unwrap());
    let order = order.lock().unwrap();
    let last_first_step = order.iter().rposition(|(step, _)| *step == 0).unwrap();
    assert!(
        last_first_step < order.len() - 1,
        "nobody did both steps before the others: {order:?}"
    );
}

#[test]
fn a_task_that_never_parks_but_operates_gives_way() {
    // One worker: the second task gets its turn only if the first one is made to yield.
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let stop = Chan::<()>::new(1);
    let (seen, told) = (stop.clone(), stop.clone());
    let spinner = Builder::new().spawn_in(&runtime, move || {
        let own = Chan::new(1);
        while seen.is_empty() {
            own.send(());
            own.recv();
        }
    });
    let other = Builder::new().spawn_in(&runtime, move || told.send(()));
    other.unwrap().join().unwrap();
    spinner.unwrap().join().unwrap();
}

#[test]
fn sleepers_wake_in_the_order_of_their_times() {
    // One worker, and times that do not depend on when each came to run, which is before all of them.
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let body = || {
        let (woken, start) = (Chan::new(3), Instant::now() + Duration::from_millis(300));
        for ms in [30_u64, 10, 20] {
            let woken = woken.clone();
            go! {
                sleep_until(start + Duration::from_millis(ms));
                woken.send(ms);
            };
        }
        (0..3).filter_map(|_| woken.recv()).collect::<Vec<_>>()
    };
    let order = Builder::new().spawn_in(&runtime, body).unwrap().join().unwrap();
    assert_eq!(order, [10, 20, 30]);
}

#[test]
fn a_panic_goes_to_the_join_with_its_message_and_stack() {
    #[inline(never)]
    fn culprit() {
        panic!("the culprit's message");
    }
    let error = spawn(culprit).join().unwrap_err();
    assert!(error.is_panic());
    assert!(error.to_string().contains("the culprit's message"), "{error}");
    assert!(error.to_string().contains("tasks.rs"), "the spawn site: {error}");
    let stack = error.stack();
    assert!(stack[0].contains("culprit"), "innermost first: {stack:#?}");
    assert!(stack[0].contains("tasks.rs:"), "with its line: {stack:#?}");
    assert!(stack.iter().all(|frame| !frame.contains("gleak_runtime")), "cut: {stack:#?}");
    assert!(error.into_panic().unwrap().downcast_ref::<&str>().is_some());
}

#[test]
fn a_join_error_goes_on_as_any_error_and_tells_message_and_place() {
    type Any = Box<dyn Error + Send + Sync>;
    const RAISED_ON: u32 = line!() + 3;
    fn work(fails: bool) -> Result<u32, Any> {
        let task = spawn(move || {
            assert!(!fails, "no luck today");
            7
        });
        Ok(task.join()?)
    }
    assert_eq!(work(false).unwrap(), 7);
    let error = work(true).unwrap_err();
    assert!(error.to_string().ends_with("panicked: no luck today"), "{error}");
    let error = error.downcast::<JoinError>().unwrap();
    assert_eq!(error.message(), Some("no luck today"));
    let (file, line, column) = error.panicked_at().unwrap();
    assert!(
        file.ends_with("tasks.rs") && line == RAISED_ON && column > 0,
        "{file}:{line}:{column}"
    );
    // Shared by reference between threads, and the payload is still whole.
    std::thread::scope(|scope| {
        let told = scope.spawn(|| error.message().map(str::len)).join().unwrap();
        assert_eq!(told, Some("no luck today".len()));
    });
    assert_eq!(error.into_panic().unwrap().downcast_ref(), Some(&"no luck today"));
}

#[test]
fn a_panic_while_a_value_is_dropped_stays_in_its_task() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }
    run(|| {
        drop(go! { Bomb });
        // The worker survived it.
        assert_eq!(go! { 1 }.join().unwrap(), 1);
    });
}

#[test]
fn a_parked_panicking_task_does_not_make_others_panicking() {
    struct Waits(Chan<()>, Chan<()>);
    impl Drop for Waits {
        fn drop(&mut self) {
            self.0.send(());
            self.1.recv();
        }
    }
    let runtime = Runtime::builder().workers(2).start().unwrap();
    let (in_drop, go_on) = (Chan::new(1), Chan::new(1));
    let waits = Waits(in_drop.clone(), go_on.clone());
    let panics = Builder::new().spawn_in(&runtime, move || {
        let _waits = waits;
        panic!("unwinding on purpose");
    });
    let checks = Builder::new().spawn_in(&runtime, move || {
        in_drop.recv();
        let calm = !std::thread::panicking();
        go_on.send(());
        calm
    });
    assert!(checks.unwrap().join().unwrap());
    assert!(panics.unwrap().join().is_err());
}

#[test]
fn hold_worker_keeps_other_tasks_off_the_thread() {
    let runtime = Runtime::builder().workers(2).start().unwrap();
    let (tell, ask) = (Chan::new(0), Chan::new(0));
    let (told, asked) = (tell.clone(), ask.clone());
    let holder = Builder::new().spawn_in(&runtime, move || {
        let before = std::thread::current().id();
        hold_worker(|| {
            tell.send(());
            ask.recv();
        });
        before == std::thread::current().id()
    });
    let other = Builder::new().spawn_in(&runtime, move || {
        told.recv();
        asked.send(());
    });
    other.unwrap().join().unwrap();
    assert!(holder.unwrap().join().unwrap());
}

#[test]
fn a_big_closure_stays_off_the_stack() {
    let big = [1_u8; 200 << 10];
    let small_stack =
        Builder::new().spawn(move || big.iter().map(|it| u64::from(*it)).sum::<u64>());
    assert_eq!(small_stack.unwrap().join().unwrap(), 200_u64 << 10);
}

#[test]
fn a_deep_recursion_fits_a_stack_that_was_asked_for() {
    fn depth(left: u32) -> u32 {
        let frame = std::hint::black_box([left; 256]);
        if left == 0 { 0 } else { depth(left - 1) + frame[0] / left }
    }
    let task = Builder::new().stack_size(64 << 20).spawn(|| depth(10_000));
    assert_eq!(task.unwrap().join().unwrap(), 10_000);
}

#[test]
fn a_stack_beyond_the_largest_is_a_clear_error() {
    let error = Builder::new().stack_size(2 << 30).spawn(|| ()).unwrap_err();
    assert_eq!(error.to_string(), StackError::TooLarge { bytes: 2 << 30 }.to_string());
}

#[test]
fn a_closure_and_its_result_are_dropped_exactly_once() {
    struct Counted(Arc<AtomicU32>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (captured, returned) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (in_closure, in_result) = (Counted(captured.clone()), Counted(returned.clone()));
    let handle = spawn(move || {
        let _used = &in_closure;
        in_result
    });
    let result = handle.join().unwrap();
    assert_eq!(captured.load(Ordering::SeqCst), 1);
    assert_eq!(returned.load(Ordering::SeqCst), 0);
    drop(result);
    assert_eq!(returned.load(Ordering::SeqCst), 1);
}

#[test]
fn a_region_counts_its_tasks_through_grandchildren() {
    let region = Region::open(RegionKind::Guard, "counts");
    let hold = Chan::<()>::new(0);
    let (outer, inner) = (hold.clone(), hold.clone());
    let task = region.builder().spawn(move || {
        go! { inner.recv() };
        outer.recv();
    });
    until(|| region.live() == 2);
    hold.close();
    task.unwrap().join().unwrap();
    until(|| region.live() == 0);
}

#[test]
fn an_entered_region_is_charged_with_what_a_thread_spawns() {
    let region = Region::open(RegionKind::Guard, "entered");
    let hold = Chan::<()>::new(0);
    let waits = hold.clone();
    let entered = region.enter();
    let inside = spawn(move || waits.recv());
    drop(entered);
    let outside = spawn(|| ());
    outside.join().unwrap();
    assert_eq!(region.live(), 1);
    hold.close();
    inside.join().unwrap();
    assert_eq!(region.live(), 0, "who has joined does not find the task counted");
}

#[test]
fn a_private_runtime_says_when_nothing_of_it_can_run() {
    let runtime = Runtime::builder().workers(2).start().unwrap();
    let hold = Chan::<()>::new(0);
    let waits = hold.clone();
    let task = Builder::new().spawn_in(&runtime, move || waits.recv()).unwrap();
    let quiet = runtime.wait_quiet(Duration::from_secs(600), || task.is_finished());
    assert_eq!(quiet, Quiet::Asleep);
    hold.close();
    let quiet = runtime.wait_quiet(Duration::from_secs(600), || task.is_finished());
    assert_eq!(quiet, Quiet::Done);
}

#[test]
fn a_sleeping_task_is_not_quiet() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let task = Builder::new().spawn_in(&runtime, || sleep(Duration::from_secs(600))).unwrap();
    let quiet = runtime.wait_quiet(Duration::from_millis(20), || task.is_finished());
    assert_eq!(quiet, Quiet::Busy);
}

#[test]
fn a_runtime_without_workers_is_refused() {
    for workers in [0, 2000] {
        let error = Runtime::builder().workers(workers).start().unwrap_err();
        assert!(error.to_string().contains("1 to 1024"), "{error}");
    }
}
