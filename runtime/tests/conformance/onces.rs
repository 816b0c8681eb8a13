//! What is initialised once: one runs, all others wait for it, and a panic is told as std tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::{Chan, LazyLock, Once, OnceLock, yield_now};

use crate::support::{Tally, each, for_ever, joined};

#[test]
fn one_runs_and_all_others_wait_until_it_has() {
    each(|world| {
        let (once, gate, word) =
            (Arc::new(Once::new()), Chan::<()>::new(0), Arc::new(AtomicU32::new(0)));
        let tasks = world.many(2000, |_| {
            let (once, gate, word) = (once.clone(), gate.recvs(), word.clone());
            move || {
                once.call_once(|| {
                    gate.recv();
                    word.store(word.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                });
                word.load(Ordering::Relaxed)
            }
        });
        world.asleep(2000);
        assert!(!once.is_completed());
        gate.close();
        assert!(joined(tasks).into_iter().all(|seen| seen == 1), "it happens before all returns");
        assert!(once.is_completed());
        once.call_once(|| unreachable!());
    });
}

#[test]
fn a_panic_is_told_to_all_who_wait_and_all_who_come() {
    each(|world| {
        let (once, gate) = (Arc::new(Once::new()), Chan::<()>::new(0));
        let (fails, closed) = (once.clone(), gate.recvs());
        let first = world.go(move || {
            fails.call_once(|| {
                closed.recv();
                panic!("no luck");
            });
        });
        world.asleep(1);
        let wait = |_| {
            let once = once.clone();
            move || once.call_once(|| unreachable!())
        };
        let waiting = world.many(300, wait);
        world.asleep(301);
        gate.close();
        assert!(first.join().unwrap_err().to_string().contains("no luck"));
        for task in waiting.into_iter().chain(world.many(10, wait)) {
            let error = task.join().unwrap_err().to_string();
            assert!(error.contains("previously been poisoned"), "{error}");
        }
        assert!(!once.is_completed());
    });
}

#[test]
fn force_runs_once_after_a_panic_and_is_told_of_it() {
    each(|world| {
        let (once, runs) = (Arc::new(Once::new()), Arc::new(AtomicU32::new(0)));
        let fails = once.clone();
        assert!(world.go(move || fails.call_once(|| panic!("first"))).join().is_err());
        let forced = world.many(500, |_| {
            let (once, runs) = (once.clone(), runs.clone());
            move || {
                once.call_once_force(|state| {
                    yield_now();
                    assert!(state.is_poisoned());
                    runs.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        joined(forced);
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        once.call_once(|| unreachable!());
        // Nothing has panicked here.
        Once::new().call_once_force(|state| assert!(!state.is_poisoned()));
    });
}

#[test]
fn who_needs_itself_waits_for_ever() {
    for_ever(|| {
        let once = Once::new();
        once.call_once(|| once.call_once(|| unreachable!()));
    });
    for_ever(|| {
        let cell = OnceLock::new();
        cell.get_or_init(|| *cell.get_or_init(|| 1));
    });
}

#[test]
fn one_initialiser_may_need_another_once() {
    each(|world| {
        let chain: Arc<[Once]> = (0..100).map(|_| Once::new()).collect();
        fn from(chain: &[Once], ran: &AtomicU32) {
            if let Some((first, rest)) = chain.split_first() {
                first.call_once(|| {
                    from(rest, ran);
                    ran.fetch_add(1, Ordering::Relaxed);
                });
            }
        }
        let ran = Arc::new(AtomicU32::new(0));
        let tasks = world.many(500, |number| {
            let (chain, ran) = (chain.clone(), ran.clone());
            move || from(&chain[number % 100..], &ran)
        });
        joined(tasks);
        assert_eq!(ran.load(Ordering::Relaxed), 100);
    });
}

#[test]
fn a_value_is_set_by_one_and_the_others_get_theirs_back() {
    each(|world| {
        let (tally, cell) = (Tally::default(), Arc::new(OnceLock::new()));
        let tasks = world.many(1000, |number| {
            let (cell, value) = (cell.clone(), tally.value(number));
            move || cell.set(value).map_or_else(|back| (back.number == number, 0), |()| (true, 1))
        });
        let results = joined(tasks);
        assert!(results.iter().all(|(own, _)| *own));
        assert_eq!(results.iter().map(|(_, set)| set).sum::<u32>(), 1);
        assert_eq!(tally.alive(), 1);
        drop(cell);
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn a_look_does_not_wait_and_a_set_does() {
    each(|world| {
        let (cell, gate) = (Arc::new(OnceLock::new()), Chan::<()>::new(0));
        let (makes, closed) = (cell.clone(), gate.recvs());
        let first = world.go(move || {
            *makes.get_or_init(|| {
                closed.recv();
                1
            })
        });
        world.asleep(1);
        assert_eq!(cell.get(), None);
        let other = cell.clone();
        let setter = world.go(move || other.set(2));
        world.asleep(2);
        gate.close();
        assert_eq!((first.join().unwrap(), setter.join().unwrap()), (1, Err(2)));
    });
}

#[test]
fn whoever_fails_is_followed_by_one_who_waits() {
    // A panic or an error leaves no value; every other one who asks makes an attempt of its own.
    each(|world| {
        let (cell, tries) = (Arc::new(OnceLock::new()), Arc::new(AtomicU32::new(0)));
        let tasks = world.many(600, |_| {
            let (cell, tries) = (cell.clone(), tries.clone());
            move || {
                let made = cell.get_or_try_init(|| {
                    yield_now();
                    match tries.fetch_add(1, Ordering::Relaxed) {
                        // Without the noise of the hook.
                        number if number < 100 => std::panic::resume_unwind(Box::new(number)),
                        number if number < 200 => Err(number),
                        number => Ok(number),
                    }
                });
                made.copied()
            }
        });
        let ends: Vec<_> = tasks.into_iter().map(|task| task.join()).collect();
        assert_eq!(ends.iter().filter(|end| end.is_err()).count(), 100);
        let made: Vec<_> = ends.into_iter().filter_map(Result::ok).collect();
        assert_eq!(made.iter().filter(|made| made.is_err()).count(), 100);
        assert!(made.iter().all(|made| made.is_err() || *made == Ok(200)));
        assert_eq!((cell.get(), tries.load(Ordering::Relaxed)), (Some(&200), 201));
    });
}

#[test]
fn a_lazy_value_is_made_once_or_never() {
    each(|world| {
        let tally = Tally::default();
        let (unused, made) = (tally.value(1), tally.clone());
        let lazy = Arc::new(LazyLock::new(move || {
            yield_now();
            drop(unused);
            made.value(7)
        }));
        let tasks = world.many(1000, |_| {
            let lazy = lazy.clone();
            move || lazy.number
        });
        assert!(joined(tasks).into_iter().all(|number| number == 7));
        assert_eq!(tally.alive(), 1, "what the function held has gone");
        drop(lazy);
        let kept = tally.value(2);
        drop(LazyLock::new(move || drop(kept)));
        assert_eq!(tally.alive(), 0, "never made, and its function is dropped");
    });
}

#[test]
fn a_lazy_value_that_panicked_panics_for_all() {
    each(|world| {
        let runs = Arc::new(AtomicU32::new(0));
        let counted = runs.clone();
        let lazy = Arc::new(LazyLock::<u32, _>::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            yield_now();
            panic!("cannot")
        }));
        let tasks = world.many(100, |_| {
            let lazy = lazy.clone();
            move || **lazy
        });
        let errors: Vec<_> =
            tasks.into_iter().map(|task| task.join().unwrap_err().to_string()).collect();
        let own = errors.iter().filter(|error| error.contains("cannot")).count();
        let told = errors.iter().filter(|error| error.contains("previously been poisoned")).count();
        assert_eq!((own, told, runs.load(Ordering::Relaxed)), (1, 99, 1));
    });
}
