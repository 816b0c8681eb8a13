//! A verdict on a stretch of code: for tests that have an attribute of tokio's.
//!
//! Invariants:
//! 1. A guard is charged with what the thread that opened it spawns by the functions of this crate, and with
//!    the tasks of that; and with what its runtime counts besides, where that runtime is its own.
//! 2. Its verdict is given once, by [`Guard::finish`] or when it is dropped.
//! 3. Where nobody else can run while it looks on, only what is certain is held against anybody.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::panic::{Location, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gleak_detector::Certainty;
use gleak_test_harness::Leaks;
use gleak_test_harness::adapter::Judge;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::task;

use crate::clock;
use crate::current::{self, Charged};
use crate::region::Region;
use crate::settle::Scene;
use crate::snapshot::RegionKind;

/// Guards that are open, by the runtime that they are opened on.
static OPEN: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// Answers for the tasks that are spawned while it is there. [`guard!`](crate::guard!) opens one.
///
/// ```
/// #[tokio::test]
/// async fn all_of_it_ends() {
///     let guard = gleak_tokio::guard!();
///     gleak_tokio::spawn(async {});
///     guard.finish().await.unwrap(); // Fails here if a task is left that does not end in time.
/// }
/// ```
///
/// [`Guard::finish`] gives the others time to end. Dropped, it fails the test by a panic with the report.
/// On a runtime with one thread nobody else can run meanwhile: then only what is certain fails the test, and
/// what else is left is told on stderr.
///
/// What is not spawned by this crate is only counted, and only if the runtime seems to be the guard's own:
/// nothing else was alive on it when it was opened, and no other guard has been open on it meanwhile.
#[derive(Debug)]
#[must_use = "its verdict is given when it goes"]
pub struct Guard {
    /// None once the verdict is given.
    open: Option<Opened>,
    name: String,
    /// The file in which it is opened.
    file: &'static str,
    settle: Option<Duration>,
    ignores: Vec<String>,
    /// It stays on its thread.
    _stays: PhantomData<*const ()>,
}

#[derive(Debug)]
struct Opened {
    region: Arc<Region>,
    _charged: Charged,
    runtime: Option<OfRuntime>,
}

/// A guard's place on a runtime.
#[derive(Debug)]
struct OfRuntime {
    handle: Handle,
    id: String,
    /// Nobody else seems to be on it.
    own: bool,
}

impl OfRuntime {
    fn enter() -> Option<Self> {
        let handle = Handle::try_current().ok()?;
        let id = handle.id().to_string();
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let guards = open.entry(id.clone()).or_default();
        *guards += 1;
        let own = *guards == 1 && handle.metrics().num_alive_tasks() == 0;
        Some(OfRuntime { handle, id, own })
    }

    /// Whether it is the guard's own still.
    fn is_own(&self) -> bool {
        let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        self.own && open.get(&self.id) == Some(&1)
    }

    /// Whether others can run while its thread waits.
    fn others_run(&self) -> bool {
        self.handle.runtime_flavor() != RuntimeFlavor::CurrentThread
    }
}

impl Drop for OfRuntime {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guards) = open.get_mut(&self.id) {
            *guards -= 1;
            if *guards == 0 {
                open.remove(&self.id);
            }
        }
    }
}

impl Guard {
    /// From now on what the caller spawns is charged to this guard, whose name stands in reports.
    ///
    /// # Panics
    /// In a task: a guard is opened by the body of a test, or another thread.
    #[track_caller]
    pub fn open(name: impl Into<String>) -> Guard {
        let in_a_task = current::caller().task != 0 || task::try_id().is_some();
        assert!(!in_a_task, "a guard is opened in the body of a test, not in a task");
        let (name, here) = (name.into(), Location::caller());
        let region = Region::open(RegionKind::Guard, &name, here);
        let charged = Charged::to(&region);
        let open = Some(Opened { region, _charged: charged, runtime: OfRuntime::enter() });
        let (settle, ignores) = (None, Vec::new());
        Guard { open, name, file: here.file(), settle, ignores, _stays: PhantomData }
    }

    /// For how long tasks that could still finish are waited for.
    pub fn settle_ms(mut self, limit: u64) -> Self {
        self.settle = Some(Duration::from_millis(limit));
        self
    }

    /// Makes no finding on tasks that match: `MATCHER because REASON`, as the harness's options have it.
    pub fn ignore(mut self, text: impl Into<String>) -> Self {
        self.ignores.push(text.into());
        self
    }

    /// Gives the verdict: waits for tasks that could still finish, within the settle time.
    ///
    /// # Errors
    /// What is left.
    ///
    /// # Panics
    /// When an ignore, or a file of suppressions, is not understood.
    pub async fn finish(mut self) -> Result<(), Leaks> {
        let Some((judge, region, runtime)) = self.close() else { return Ok(()) };
        let (tell, told) = oneshot::channel();
        // The runtime goes on meanwhile, also one of this thread alone.
        let thread = std::thread::Builder::new().name("gleak-verdict".to_owned());
        let started = thread.spawn(move || {
            // Nobody listens any more when the test is over.
            let _ = tell.send(verdict(&judge, &region, runtime.as_ref(), true));
        });
        started.unwrap_or_else(|error| panic!("gleak: no thread for the verdict: {error}"));
        match told.await {
            Ok(None) => Ok(()),
            Ok(Some(leaks)) => Err(leaks),
            Err(_) => panic!("gleak: the verdict has panicked"),
        }
    }

    /// What its verdict is given on; none when that has been done.
    fn close(&mut self) -> Option<(Judge<'static>, Arc<Region>, Option<OfRuntime>)> {
        let Opened { region, _charged, runtime } = self.open.take()?;
        let judge = Judge::guard(&self.name, self.file, self.settle, &self.ignores);
        let judge = judge.unwrap_or_else(|error| panic!("{error}"));
        judge.count();
        Some((judge, region, runtime))
    }
}

/// None when nothing is found.
fn verdict(
    judge: &Judge<'static>,
    region: &Arc<Region>,
    runtime: Option<&OfRuntime>,
    waits: bool,
) -> Option<Leaks> {
    let counted = runtime.filter(|it| it.is_own()).map(|it| it.handle.metrics());
    let scene = Scene { region, judge, runtime: counted };
    let ended = clock::now();
    let unwrapped = if waits { scene.settle() } else { 0 };
    let mut report = scene.report(unwrapped, ended.elapsed());
    if !waits {
        let found = report.findings.len();
        report.findings.retain(|it| it.certainty == Certainty::Certain);
        if report.findings.is_empty() && found > 0 {
            judge.say(
                "tasks are left that nobody could run meanwhile, so nothing is said of them: end the \
                 guard by `finish().await`",
            );
        }
    }
    judge.charge(&report);
    region.close();
    judge.leaks(report)
}

impl Drop for Guard {
    fn drop(&mut self) {
        let panics = std::thread::panicking();
        let Some((judge, region, runtime)) = self.close() else { return };
        let waits = !panics && runtime.as_ref().is_none_or(OfRuntime::others_run);
        let Some(leaks) = verdict(&judge, &region, runtime.as_ref(), waits) else { return };
        if panics {
            judge.say(&format!("besides:\n{leaks}"));
        } else {
            // Without the panic hook's words around it.
            judge.say(&format!("\n{leaks}"));
            resume_unwind(Box::new(leaks.to_string()));
        }
    }
}
