//! What is initialised once: by one, and everybody else waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::{Builder, Chan, LazyLock, Once, OnceLock, spawn, yield_now};

use crate::support::{parked, under_1_and_4, unique};

static TABLE: LazyLock<Vec<u32>> = LazyLock::new(|| (0..10).collect());
static CONFIG: OnceLock<String> = OnceLock::new();

#[test]
fn one_of_thousands_initialises_and_all_see_it() {
    under_1_and_4(|| {
        let shared = Arc::new((Once::new(), AtomicU32::new(0)));
        let tasks: Vec<_> = (0..3000)
            .map(|_| {
                let shared = shared.clone();
                spawn(move || {
                    shared.0.call_once(|| {
                        (0..10).for_each(|_| yield_now());
                        shared.1.fetch_add(1, Ordering::Relaxed);
                    });
                    shared.1.load(Ordering::Relaxed)
                })
            })
            .collect();
        assert!(tasks.into_iter().all(|task| task.join().unwrap() == 1));
        assert!(shared.0.is_completed());
    });
}

#[test]
fn a_panic_poisons_a_once_until_it_is_forced() {
    let once = Arc::new(Once::new());
    let fails = once.clone();
    assert!(spawn(move || fails.call_once(|| panic!("first"))).join().is_err());
    let again = once.clone();
    let error = spawn(move || again.call_once(|| {})).join().unwrap_err();
    assert!(error.to_string().contains("Once instance has previously been poisoned"), "{error}");
    assert!(!once.is_completed());
    once.call_once_force(|state| assert!(state.is_poisoned()));
    once.call_once(|| panic!("not called"));
    assert!(once.is_completed());
}

#[test]
fn who_waits_for_a_failing_initialiser_hears_of_it() {
    let (once, go_on) = (Arc::new(Once::new()), Chan::<()>::new(0));
    let (name, fails, waits) = (unique("fails"), once.clone(), go_on.clone());
    let first = Builder::new().name(&name).spawn(move || {
        fails.call_once(|| {
            waits.recv();
            panic!("late");
        });
    });
    parked(&name);
    let (name, other) = (unique("hears"), once.clone());
    let second = Builder::new().name(&name).spawn(move || other.call_once(|| {}));
    parked(&name);
    go_on.close();
    assert!(first.unwrap().join().is_err());
    assert!(second.unwrap().join().is_err());
}

#[test]
fn a_once_lock_is_set_once() {
    assert_eq!(CONFIG.get(), None);
    assert_eq!(CONFIG.set("first".to_owned()), Ok(()));
    assert_eq!(CONFIG.set("second".to_owned()), Err("second".to_owned()));
    assert_eq!(CONFIG.get_or_init(|| panic!("not called")), "first");
    let mut own = OnceLock::new();
    assert_eq!(own.get_or_try_init(|| Err::<u32, _>("no")), Err("no"));
    assert_eq!(own.get_or_try_init(|| Ok::<_, ()>(3)), Ok(&3));
    *own.get_mut().unwrap() += 1;
    assert_eq!(format!("{own:?}"), "OnceLock(Some(4))");
    assert_eq!(own.into_inner(), Some(4));
}

#[test]
fn after_a_panic_the_next_one_initialises_a_once_lock() {
    let (cell, go_on) = (Arc::new(OnceLock::new()), Chan::<()>::new(0));
    let (name, fails, waits) = (unique("fails"), cell.clone(), go_on.clone());
    let first = Builder::new().name(&name).spawn(move || {
        fails.get_or_init(|| {
            waits.recv();
            panic!("late")
        });
    });
    parked(&name);
    let (name, other) = (unique("takes-over"), cell.clone());
    let second = Builder::new().name(&name).spawn(move || *other.get_or_init(|| 7));
    parked(&name);
    let (name, other) = (unique("sets"), cell.clone());
    let third = Builder::new().name(&name).spawn(move || other.set(8));
    parked(&name);
    go_on.close();
    assert!(first.unwrap().join().is_err());
    let (second, third) = (second.unwrap().join().unwrap(), third.unwrap().join().unwrap());
    // Whoever came to it first.
    let expected = if third.is_ok() { 8 } else { 7 };
    assert_eq!((second, cell.get()), (expected, Some(&expected)));
}

#[test]
fn initialisers_that_fail_are_followed_by_others() {
    under_1_and_4(|| {
        let shared = Arc::new((OnceLock::new(), AtomicU32::new(0)));
        let tasks: Vec<_> = (0..2000)
            .map(|_| {
                let shared = shared.clone();
                spawn(move || {
                    let made = shared.0.get_or_try_init(|| {
                        yield_now();
                        let tries = shared.1.fetch_add(1, Ordering::Relaxed);
                        if tries < 500 { Err(tries) } else { Ok(tries) }
                    });
                    made.copied()
                })
            })
            .collect();
        let made: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
        let failed = made.iter().filter(|made| made.is_err()).count();
        assert_eq!((failed, shared.1.load(Ordering::Relaxed)), (500, 501));
        assert!(made.iter().all(|made| made.is_err() || *made == Ok(500)));
    });
}

#[test]
fn a_lazy_value_is_made_at_its_first_use() {
    let tasks: Vec<_> = (0..100).map(|_| spawn(|| TABLE.iter().sum::<u32>())).collect();
    assert!(tasks.into_iter().all(|task| task.join().unwrap() == 45));
    let made = Arc::new(AtomicU32::new(0));
    let count = made.clone();
    let lazy = LazyLock::new(move || count.fetch_add(1, Ordering::Relaxed)).named("lazy");
    assert_eq!(format!("{lazy:?}"), "LazyLock(None)");
    assert_eq!((*lazy, *LazyLock::force(&lazy), made.load(Ordering::Relaxed)), (0, 0, 1));
}

#[test]
fn a_lazy_value_that_could_not_be_made_stays_so() {
    let lazy = Arc::new(LazyLock::<u32, _>::new(|| panic!("cannot")));
    for expected in ["cannot", "LazyLock instance has previously been poisoned"] {
        let lazy = lazy.clone();
        let error = spawn(move || **lazy).join().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn values_are_dropped_with_their_cell() {
    let value = Arc::new(());
    let cells: Vec<OnceLock<Arc<()>>> = (0..10).map(|_| OnceLock::new()).collect();
    cells.iter().for_each(|cell| assert!(cell.set(value.clone()).is_ok()));
    assert!(cells.iter().all(|cell| cell.set(value.clone()).is_err()));
    assert_eq!(Arc::strong_count(&value), 11);
    drop(cells);
    assert_eq!(Arc::strong_count(&value), 1);
}
