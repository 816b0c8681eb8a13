//! Task locals: one value a task, made at first use, destroyed at the end, in the task.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::{
    Builder, Chan, Runtime, blocking, go, run, scope, spawn, task_local, yield_now,
};

static ALIVE: AtomicU32 = AtomicU32::new(0);

struct Counted(Rc<u32>);

impl Counted {
    fn new() -> Counted {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Counted(Rc::new(7))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

task_local! {
    static COUNTED: Counted = Counted::new();
}

#[test]
fn values_are_counted_through_ends_and_panics() {
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).start().unwrap();
        let task = Builder::new().spawn_in(&runtime, || {
            scope(|s| {
                for number in 0..3000 {
                    let handle = s.spawn(move || {
                        COUNTED.with(|it| assert_eq!(*it.0, 7));
                        yield_now();
                        // A panic without the noise of the hook.
                        if number % 100 == 0 {
                            std::panic::resume_unwind(Box::new(number));
                        }
                    });
                    if number % 100 == 0 {
                        assert!(handle.join().is_err());
                    }
                }
            });
        });
        task.unwrap().join().unwrap();
        assert_eq!(ALIVE.load(Ordering::SeqCst), 0, "nothing is left of {workers} workers");
    }
}

task_local! {
    /// With a comment, and shared.
    pub(crate) static DEPTH: Cell<u32> = Cell::new(1);
    static NAMES: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn each_task_has_its_own_and_inherits_none() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let task = Builder::new().spawn_in(&runtime, || {
        DEPTH.set(100);
        let children: Vec<_> = (0..100)
            .map(|number| {
                go! {
                    assert_eq!(DEPTH.get(), 1);
                    DEPTH.set(number);
                    NAMES.with_borrow_mut(|names| names.push(number));
                    // Others of the same worker come in between.
                    yield_now();
                    NAMES.with_borrow(|names| assert_eq!(*names, [number]));
                    DEPTH.replace(0)
                }
            })
            .collect();
        let all: Vec<u32> = children.into_iter().map(|it| it.join().unwrap()).collect();
        assert!(all.into_iter().eq(0..100));
        DEPTH.take()
    });
    assert_eq!(task.unwrap().join().unwrap(), 100);
}

#[test]
fn outside_of_a_task_a_thread_has_its_own() {
    DEPTH.set(5);
    assert_eq!(std::thread::spawn(|| DEPTH.get()).join().unwrap(), 1);
    assert_eq!((DEPTH.get(), run(|| DEPTH.get())), (5, 1));
}

#[test]
fn a_helpers_values_end_with_its_closure() {
    run(|| {
        DEPTH.set(9);
        for _ in 0..3 {
            assert_eq!(blocking(|| DEPTH.replace(4)), 1, "nothing is left of the job before");
        }
        assert_eq!(DEPTH.get(), 9);
    });
}

struct Teller(u32, Chan<u32>);

impl Drop for Teller {
    fn drop(&mut self) {
        assert_eq!(
            DEPTH.try_with(Cell::get).ok(),
            (self.0 == 2).then_some(3),
            "the younger go first"
        );
        // It may even wait: it is in its task.
        self.1.send(self.0);
    }
}

task_local! {
    static FIRST: RefCell<Option<Teller>> = RefCell::new(None);
    static SECOND: RefCell<Option<Teller>> = RefCell::new(None);
}

#[test]
fn destructors_run_in_the_task_the_youngest_first() {
    run(|| {
        let told = Chan::new(0);
        let tell = told.clone();
        let task = spawn(move || {
            FIRST.with_borrow_mut(|it| *it = Some(Teller(1, tell.clone())));
            DEPTH.set(3);
            SECOND.with_borrow_mut(|it| *it = Some(Teller(2, tell)));
        });
        assert_eq!((told.recv(), told.recv()), (Some(2), Some(1)));
        task.join().unwrap();
    });
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in a task local's destructor");
    }
}

task_local! {
    static BOMB: Bomb = Bomb;
}

#[test]
fn a_destructor_that_panics_makes_its_task_panic() {
    run(|| {
        let error = spawn(|| {
            NAMES.with_borrow_mut(|it| it.push(1));
            BOMB.with(|_| ());
        })
        .join()
        .unwrap_err();
        assert!(error.to_string().contains("destructor"), "{error}");
        let first = spawn(|| {
            BOMB.with(|_| ());
            panic!("the first");
        });
        assert!(first.join().unwrap_err().to_string().contains("the first"));
        // The worker and the place are as good as new.
        assert!((0..50).all(|_| spawn(|| NAMES.with_borrow(Vec::is_empty)).join().unwrap()));
    });
}

task_local! {
    static OUTER: u32 = NAMES.with_borrow(|it| it.len() as u32) + 1;
}

#[test]
fn a_value_may_be_made_from_another_one() {
    run(|| {
        assert_eq!(OUTER.with(|it| *it), 1);
        let again = catch_unwind(AssertUnwindSafe(|| {
            NAMES.with_borrow_mut(|_| NAMES.with_borrow(Vec::len))
        }));
        assert!(again.is_err(), "borrowed twice");
    });
}
