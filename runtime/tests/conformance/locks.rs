//! Mutexes and read-write locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gleak_runtime::{Chan, Mutex, RwLock, go, yield_now};

use crate::support::{each, each_task, joined};

#[test]
fn one_at_a_time_is_inside_a_mutex() {
    each(|world| {
        let (mutex, inside) = (Arc::new(Mutex::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..2000)
            .map(|_| {
                let (mutex, inside) = (mutex.clone(), inside.clone());
                world.go(move || {
                    let mut count = mutex.lock().unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                    yield_now();
                    *count += 1;
                    inside.fetch_sub(1, Ordering::Relaxed);
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(*mutex.lock().unwrap(), 2000);
    });
}

#[test]
fn letting_go_wakes_who_waits() {
    each(|world| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock().unwrap();
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let mutex = mutex.clone();
                world.go(move || *mutex.lock().unwrap() += 1)
            })
            .collect();
        world.asleep(1000);
        assert!(mutex.try_lock().is_err());
        drop(guard);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(*mutex.lock().unwrap(), 1000);
    });
}

#[test]
fn readers_share_and_a_writer_waits_for_all_of_them() {
    each(|world| {
        let (lock, gate) = (Arc::new(RwLock::new(0)), Chan::<()>::new(0));
        let readers: Vec<_> = (0..100)
            .map(|_| {
                let (lock, gate) = (lock.clone(), gate.recvs());
                world.go(move || {
                    let value = lock.read().unwrap();
                    gate.recv();
                    *value
                })
            })
            .collect();
        world.asleep(100);
        let other = lock.clone();
        let writer = world.go(move || *other.write().unwrap() = 1);
        world.asleep(101);
        gate.close();
        let seen = readers.into_iter().map(|reader| reader.join().unwrap());
        assert_eq!(seen.sum::<u32>(), 0, "nobody wrote while they read");
        writer.join().unwrap();
        assert_eq!(*lock.read().unwrap(), 1);
    });
}

#[test]
fn a_writer_that_waits_keeps_new_readers_out() {
    each(|world| {
        let lock = Arc::new(RwLock::new(0));
        let reading = lock.read().unwrap();
        let other = lock.clone();
        let writer = world.go(move || *other.write().unwrap() = 7);
        world.asleep(1);
        let readers: Vec<_> = (0..100)
            .map(|_| {
                let lock = lock.clone();
                world.go(move || *lock.read().unwrap())
            })
            .collect();
        world.asleep(101);
        drop(reading);
        writer.join().unwrap();
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() == 7), "after the writer");
    });
}

#[test]
fn writers_do_not_starve_readers_that_wait() {
    // Go: readers that came while a writer held the lock go before the next writer.
    each(|world| {
        let lock = Arc::new(RwLock::new(0));
        let mut writing = lock.write().unwrap();
        let other = lock.clone();
        let reader = world.go(move || *other.read().unwrap());
        world.asleep(1);
        let other = lock.clone();
        let writer = world.go(move || *other.write().unwrap() = 2);
        world.asleep(2);
        *writing = 1;
        drop(writing);
        assert_eq!(reader.join().unwrap(), 1, "between the writers");
        writer.join().unwrap();
    });
}

#[test]
fn readers_never_see_half_a_write() {
    each_task(|| {
        let pair = Arc::new(RwLock::new((0_u32, 0_u32)));
        let tasks: Vec<_> = (0..1000)
            .map(|task| {
                let pair = pair.clone();
                go! {
                    if task % 10 == 0 {
                        let mut pair = pair.write().unwrap();
                        pair.0 += 1;
                        yield_now();
                        pair.1 += 1;
                    } else {
                        let pair = pair.read().unwrap();
                        yield_now();
                        assert_eq!(pair.0, pair.1);
                    }
                }
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert_eq!(*pair.read().unwrap(), (100, 100));
    });
}

/// Has the mutex, and says how many do.
fn alone(mutex: &Mutex<()>, limit: Option<Duration>, inside: &AtomicUsize) -> bool {
    let guard = match limit {
        Some(limit) => mutex.lock_timeout(limit).ok(),
        None => mutex.lock().ok(),
    };
    let Some(_guard) = guard else { return false };
    assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
    yield_now();
    inside.fetch_sub(1, Ordering::Relaxed);
    true
}

#[test]
fn who_gives_up_on_a_mutex_is_not_handed_it() {
    each(|world| {
        let (mutex, inside) = (Arc::new(Mutex::new(())), Arc::new(AtomicUsize::new(0)));
        let tasks = world.many(3000, |number| {
            let (mutex, inside) = (mutex.clone(), inside.clone());
            let limit = (number % 3 > 0).then(|| Duration::from_micros(number as u64 % 300));
            move || alone(&mutex, limit, &inside) || limit.is_some()
        });
        assert!(joined(tasks).into_iter().all(|right| right), "the patient ones have had it");
        assert!(mutex.try_lock().is_ok(), "and nobody has it now");
    });
}

#[test]
fn a_writer_that_gives_up_lets_in_the_readers_behind_it() {
    each(|world| {
        let lock = Arc::new(RwLock::new(()));
        let reading = lock.read().unwrap();
        for _ in 0..50 {
            let other = lock.clone();
            let limit = Duration::from_millis(1);
            let writer = world.go(move || other.write_timeout(limit).is_err());
            let readers = world.many(5, |_| {
                let lock = lock.clone();
                move || drop(lock.read().unwrap())
            });
            // Nobody lets go of the lock meanwhile.
            joined(readers);
            assert!(writer.join().unwrap());
        }
        drop(reading);
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn a_limit_on_a_lock_that_is_not_reached_changes_nothing() {
    each(|world| {
        let far = Duration::from_secs(3600);
        let (mutex, lock) = (Arc::new(Mutex::new(1)), Arc::new(RwLock::new(2)));
        let held = (mutex.lock().unwrap(), lock.write().unwrap());
        let (other, reads, writes) = (mutex.clone(), lock.clone(), lock.clone());
        let locker = world.go(move || *other.lock_timeout(far).unwrap());
        let reader = world.go(move || *reads.read_timeout(far).unwrap());
        let writer = world.go(move || *writes.write_timeout(far).unwrap());
        drop(held);
        let got = (locker.join().unwrap(), reader.join().unwrap(), writer.join().unwrap());
        assert_eq!(got, (1, 2, 2));
        world.asleep(0);
    });
}
