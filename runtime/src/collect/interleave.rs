//! Whether a region says so when a task has come or gone unseen: tests that act in the middle of a look.

use std::sync::Arc;

use gleak_snapshot::{Snapshot, TaskState};

use super::collect;
use crate::records::state::State;
use crate::records::table::Ref;
use crate::records::waiter::WAITERS;
use crate::sync::{AtomicBool, AtomicU64, Ordering, RefCell};
use crate::{Builder, Chan, JoinHandle, Region, RegionKind, Runtime, go, spawn_daemon, yield_now};

/// Just before a record is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moment {
    First(Ref),
    Second(Ref),
}

/// What happens at a moment; whether it has.
type Act = Box<dyn FnMut(Moment) -> bool>;

thread_local! {
    static ACT: RefCell<Option<Act>> = const { RefCell::new(None) };
}

/// The calling thread's look has come to this moment.
pub(super) fn at(moment: Moment) {
    let act = ACT.with(|act| act.borrow_mut().take());
    if let Some(mut act) = act
        && !act(moment)
    {
        ACT.with(|it| *it.borrow_mut() = Some(act));
    }
}

/// A look in whose middle something happens.
fn look(act: impl FnMut(Moment) -> bool + 'static) -> Snapshot {
    ACT.with(|it| *it.borrow_mut() = Some(Box::new(act)));
    let snapshot = collect(gleak_snapshot::Reason::Request);
    assert!(ACT.with(|it| it.borrow_mut().take()).is_none(), "the moment has come");
    snapshot
}

/// Where a task is to go on, and where it has ended: nothing is left to chance but slots of records.
struct Scene {
    runtime: Runtime,
    region: Region,
    acts: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    /// Of the task that is born meanwhile.
    born: Arc<AtomicU64>,
    never: Chan<()>,
}

/// How often it is tried to have a record below another one. Most times it is.
const TRIES: u32 = 50;

impl Scene {
    fn new() -> Scene {
        Scene {
            runtime: Runtime::builder().workers(1).start().expect("workers"),
            region: Region::open(RegionKind::Guard, "scene"),
            acts: Arc::default(),
            over: Arc::default(),
            born: Arc::default(),
            never: Chan::new(0),
        }
    }

    fn spawn(&self, f: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        self.region.builder().spawn_in(&self.runtime, f).expect("room")
    }

    /// Waits on the runtime's only worker for its turn, and then does this.
    fn actor(&self, act: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        let acts = self.acts.clone();
        self.spawn(move || {
            wait_for(&acts);
            act();
        })
    }

    /// Has a child, which runs until all is over.
    fn bear(&self) -> impl FnOnce() + Send + use<> {
        let (over, born) = (self.over.clone(), self.born.clone());
        move || {
            let child = go! { wait_for(&over) };
            born.store(child.id(), Ordering::Release);
        }
    }

    fn waiter(&self) -> JoinHandle<()> {
        let never = self.never.clone();
        let waiter = self.spawn(move || assert!(never.recv().is_none()));
        until(|| is_waiting(reference_of(&waiter)));
        waiter
    }

    fn is_unsettled(&self, snapshot: &Snapshot) -> bool {
        let own = snapshot.regions.iter().find(|it| it.id.0 == self.region.id());
        own.expect("an open region").unsettled
    }

    /// Tasks of the region: those that wait, and others.
    fn shown(&self, snapshot: &Snapshot) -> (usize, usize) {
        let own = |task: &&gleak_snapshot::Task| {
            task.region.is_some_and(|region| region.0 == self.region.id())
        };
        let (waiting, others): (Vec<_>, Vec<_>) = snapshot
            .tasks
            .iter()
            .filter(own)
            .partition(|task| matches!(task.state, TaskState::Waiting(_)));
        (waiting.len(), others.len())
    }

    fn end(self) {
        self.over.store(true, Ordering::Release);
        self.never.close();
        until(|| self.region.live() == 0);
    }
}

fn wait_for(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        yield_now();
    }
}

fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

fn reference_of(task: &JoinHandle<()>) -> Ref {
    let is_it = |reference: &Ref| WAITERS.get(*reference).is_some_and(|it| it.id() == task.id());
    WAITERS.live().map(|(reference, _)| reference).find(is_it).expect("a live task")
}

fn is_waiting(reference: Ref) -> bool {
    WAITERS.get(reference).is_some_and(|it| it.state.load().state() == State::Waiting)
}

#[test]
fn a_region_to_which_nothing_happens_is_settled() {
    let scene = Scene::new();
    let _waiter = scene.waiter();
    // Nor does what happens elsewhere count, however much.
    let snapshot = look(|_| {
        Builder::new().spawn(|| ()).expect("room").join().expect("no panic");
        true
    });
    assert_eq!(scene.shown(&snapshot), (1, 0));
    assert!(!scene.is_unsettled(&snapshot));
    scene.end();
}

#[test]
fn who_is_born_between_the_passes_of_one_who_ends_is_not_shown() {
    let scene = Scene::new();
    let _waiter = scene.waiter();
    let actor = scene.actor(scene.bear());
    let acts = scene.acts.clone();
    let snapshot = look(move |moment| {
        let between = matches!(moment, Moment::Second(_));
        if between {
            acts.store(true, Ordering::Release);
            until(|| actor.is_finished());
        }
        between
    });
    assert_eq!(scene.shown(&snapshot), (1, 0), "who acts is not seen");
    assert_eq!(scene.region.live(), 2, "and is there");
    assert!(scene.is_unsettled(&snapshot));
    scene.end();
}

#[test]
fn who_is_born_below_the_first_pass_of_one_who_then_waits_is_not_shown() {
    let hidden = (0..TRIES).any(|_| {
        let scene = Scene::new();
        let below: Vec<_> = (0..64).map(|_| scene.spawn(|| ())).collect();
        let (bear, never) = (scene.bear(), scene.never.clone());
        let actor = scene.actor(move || {
            bear();
            assert!(never.recv().is_none());
        });
        let actor = reference_of(&actor);
        below.into_iter().for_each(|task| task.join().expect("no panic"));
        let acts = scene.acts.clone();
        let snapshot = look(move |moment| {
            let before = moment == Moment::First(actor);
            if before {
                acts.store(true, Ordering::Release);
                until(|| is_waiting(actor));
            }
            before
        });
        let is_hidden = scene.shown(&snapshot) == (1, 0);
        assert!(scene.is_unsettled(&snapshot), "whether it is seen or not");
        scene.end();
        is_hidden
    });
    assert!(hidden, "its record was never below");
}

#[test]
fn who_wakes_one_that_has_been_read_and_ends_is_not_shown() {
    let hidden = (0..TRIES).any(|_| {
        let scene = Scene::new();
        let news = Chan::<()>::new(1);
        let (hears, over) = (news.clone(), scene.over.clone());
        let woken = scene.spawn(move || {
            assert_eq!(hears.recv(), Some(()));
            wait_for(&over);
        });
        let woken = reference_of(&woken);
        until(|| is_waiting(woken));
        let actor = scene.actor(move || news.send(()));
        let (last, acts) = (reference_of(&actor), scene.acts.clone());
        let snapshot = look(move |moment| {
            let before = moment == Moment::Second(last);
            if before {
                acts.store(true, Ordering::Release);
                until(|| actor.is_finished());
            }
            before
        });
        let is_hidden = scene.shown(&snapshot) == (1, 0);
        assert!(scene.is_unsettled(&snapshot), "whether it is seen or not");
        scene.end();
        is_hidden
    });
    assert!(hidden, "its record was never above");
}

#[test]
fn who_leaves_a_region_in_the_middle_of_a_look_unsettles_it() {
    let scene = Scene::new();
    let (acts, over) = (scene.acts.clone(), scene.over.clone());
    let (region, left) =
        (Region::open(RegionKind::Guard, "left"), Arc::new(AtomicBool::new(false)));
    let (id, has_left) = (region.id(), left.clone());
    let inside = scene.spawn(move || {
        let entered = region.enter();
        wait_for(&acts);
        drop(entered);
        has_left.store(true, Ordering::Release);
        wait_for(&over);
        drop(region);
    });
    let region_of = |snapshot: &Snapshot| {
        let own = snapshot.tasks.iter().find(|task| task.id.0 == inside.id());
        own.and_then(|task| task.region).map(|region| region.0)
    };
    until(|| region_of(&collect(gleak_snapshot::Reason::Request)) == Some(id));
    let acts = scene.acts.clone();
    let snapshot = look(move |moment| {
        let between = matches!(moment, Moment::Second(_));
        if between {
            acts.store(true, Ordering::Release);
            until(|| left.load(Ordering::Acquire));
        }
        between
    });
    assert_eq!(region_of(&snapshot), Some(scene.region.id()));
    let unsettled = |id: u64| snapshot.regions.iter().any(|it| it.id.0 == id && it.unsettled);
    assert!(unsettled(id) && unsettled(scene.region.id()), "{:?}", snapshot.regions);
    scene.end();
}

#[test]
fn tasks_of_no_region_are_counted_together() {
    let scene = Scene::new();
    let _waiter = scene.waiter();
    let snapshot = look(|_| {
        let daemon = spawn_daemon(|| ());
        until(|| daemon.is_finished());
        true
    });
    assert!(snapshot.completeness.unsettled_uncharged);
    assert!(!scene.is_unsettled(&snapshot));
    scene.end();
}
