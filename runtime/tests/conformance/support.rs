//! Private runtimes whose tasks are counted, and values that count themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use gleak_runtime::{Builder, JoinHandle, Quiet, Runtime};

/// Nobody waits that long but who waits for ever.
const LONG: Duration = Duration::from_secs(300);

/// A runtime of a test's own.
pub(crate) struct World {
    runtime: Runtime,
}

impl World {
    fn new(workers: usize) -> World {
        World { runtime: Runtime::builder().workers(workers).start().expect("a runtime") }
    }

    /// Spawns a task here.
    #[track_caller]
    pub(crate) fn go<T: Send + 'static>(
        &self,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        Builder::new().spawn_in(&self.runtime, body).expect("room for a task")
    }

    /// Spawns as many tasks here, each with a body made for its number.
    #[track_caller]
    pub(crate) fn many<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        tasks: usize,
        body: impl FnMut(usize) -> F,
    ) -> Vec<JoinHandle<T>> {
        (0..tasks).map(body).map(|body| self.go(body)).collect()
    }

    /// Spawns as many tasks here, each when all before wait: so they wait in this order.
    #[track_caller]
    pub(crate) fn in_line<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        tasks: u64,
        mut body: impl FnMut(u64) -> F,
    ) -> Vec<JoinHandle<T>> {
        let before = self.runtime.live();
        let spawn = |number| {
            let task = self.go(body(number));
            self.asleep(before + number + 1);
            task
        };
        (0..tasks).map(spawn).collect()
    }

    /// Comes back when no task can go on; `tasks` of them wait.
    pub(crate) fn asleep(&self, tasks: u64) {
        assert_eq!(self.runtime.wait_quiet(LONG, || false), Quiet::Asleep);
        assert_eq!(self.runtime.live(), tasks, "tasks that wait");
    }

    /// Comes back when every task has ended.
    fn ended(&self) {
        let quiet = self.runtime.wait_quiet(LONG, || self.runtime.live() == 0);
        assert_eq!(quiet, Quiet::Done, "{} tasks are left", self.runtime.live());
    }
}

/// What the tasks came to, in the order of their spawning.
#[track_caller]
pub(crate) fn joined<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let joined = |task: JoinHandle<T>| task.join().unwrap_or_else(|panic| panic!("{panic}"));
    tasks.into_iter().map(joined).collect()
}

/// Holds a rule under one worker and under four; no task may be left.
pub(crate) fn each(rule: impl Fn(&World)) {
    for workers in [1, 4] {
        let world = World::new(workers);
        rule(&world);
        world.ended();
    }
}

/// As [`each`], with the rule's body as a task.
pub(crate) fn each_task(body: fn()) {
    each(|world| world.go(body).join().unwrap_or_else(|panic| panic!("{panic}")));
}

/// What waits for ever, while others come and go. Its task is given up with its runtime.
pub(crate) fn for_ever(body: fn()) {
    for workers in [1, 4] {
        let world = World::new(workers);
        let task = world.go(body);
        for _ in 0..100 {
            world.go(|| {});
        }
        world.asleep(1);
        assert!(!task.is_finished());
    }
}

/// Counts values that are alive.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<AtomicI64>);

impl Tally {
    /// One more value.
    pub(crate) fn value(&self, number: usize) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted { number, tally: self.clone() }
    }

    pub(crate) fn alive(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value that says when it goes.
pub(crate) struct Counted {
    pub(crate) number: usize,
    tally: Tally,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.tally.0.fetch_sub(1, Ordering::Relaxed);
    }
}
