//! Locks with a limit in time, tries, and reading twice.

use std::sync::{Arc, TryLockError};
use std::time::Duration;

use gleak_runtime::time::Instant;
use gleak_runtime::{
    Builder, Chan, Mutex, Runtime, RwLock, TryRecvError, WaitGroup, sleep, spawn, yield_now,
};

use crate::support::{parked, under_1_and_4, unique};

fn not_in_time<T>(result: Result<T, TryLockError<T>>) -> bool {
    matches!(result, Err(TryLockError::WouldBlock))
}

#[test]
fn a_mutex_that_stays_taken() {
    let mutex = Mutex::new(1);
    let guard = mutex.lock().unwrap();
    assert!(not_in_time(mutex.lock_timeout(Duration::ZERO)));
    assert!(not_in_time(mutex.lock_deadline(Instant::now())));
    drop(guard);
    assert_eq!(*mutex.lock_timeout(Duration::ZERO).unwrap(), 1);
    assert_eq!(*mutex.lock_deadline(Instant::now()).unwrap(), 1);
}

#[test]
fn a_lock_that_stays_taken() {
    let lock = RwLock::new(1);
    let reading = lock.read().unwrap();
    assert!(not_in_time(lock.try_write()));
    assert!(not_in_time(lock.write_timeout(Duration::ZERO)));
    assert!(not_in_time(lock.write_deadline(Instant::now())));
    assert_eq!(*lock.try_read().unwrap(), 1);
    assert_eq!(*lock.read_timeout(Duration::ZERO).unwrap(), 1);
    drop(reading);
    let writing = lock.try_write().unwrap();
    assert!(not_in_time(lock.try_read()));
    assert!(not_in_time(lock.read_timeout(Duration::ZERO)));
    assert!(not_in_time(lock.read_deadline(Instant::now())));
    drop(writing);
    *lock.write_timeout(Duration::ZERO).unwrap() += 1;
    assert_eq!(*lock.read_deadline(Instant::now()).unwrap(), 2);
}

#[test]
fn poison_is_told_by_timed_and_tried_locks_too() {
    let shared = Arc::new((Mutex::new(()), RwLock::new(())));
    let other = shared.clone();
    let panics = spawn(move || {
        let _guards = (other.0.lock().unwrap(), other.1.write().unwrap());
        panic!("with both");
    });
    assert!(panics.join().is_err());
    let (mutex, lock) = &*shared;
    assert!(matches!(mutex.lock_timeout(Duration::ZERO), Err(TryLockError::Poisoned(_))));
    assert!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))));
    assert!(matches!(lock.write_timeout(Duration::ZERO), Err(TryLockError::Poisoned(_))));
}

#[test]
fn hasty_and_patient_lockers_exclude_each_other_and_none_is_lost() {
    under_1_and_4(|| {
        let (mutex, group) = (Arc::new(Mutex::new((0_u32, 0_u32))), WaitGroup::new());
        for task in 0..2000_u32 {
            let mutex = mutex.clone();
            group.go(move || {
                let guard = if task % 2 == 0 {
                    mutex.lock_timeout(Duration::ZERO).ok()
                } else {
                    mutex.lock().ok()
                };
                if let Some(mut guard) = guard {
                    let (all, patient) = *guard;
                    yield_now();
                    *guard = (all + 1, patient + task % 2);
                }
            });
        }
        group.wait();
        let (all, patient) = *mutex.lock().unwrap();
        assert!(patient == 1000 && all >= patient, "{all} and {patient}");
    });
}

/// A waiter that was overtaken and has waited long makes the lock go in order. When it gives up, nobody
/// is left for whom that would be.
#[test]
fn a_mutex_is_free_after_its_last_waiter_has_given_up_in_starving_mode() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let overtakes = || {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.lock().unwrap();
        let (other, name) = (mutex.clone(), unique("gives-up"));
        let hasty = move || not_in_time(other.lock_timeout(Duration::from_millis(500)));
        let waiter = Builder::new().name(&name).spawn(hasty).unwrap();
        parked(&name);
        // Longer than a waiter may be overtaken.
        sleep(Duration::from_millis(2));
        drop(guard);
        // The one worker has not gone on to the waiter yet.
        let again = mutex.try_lock().unwrap();
        assert!(waiter.join().unwrap(), "it was taken all the time");
        drop(again);
        assert!(mutex.try_lock().is_ok(), "nobody has it and nobody waits");
    };
    Builder::new().spawn_in(&runtime, overtakes).unwrap().join().unwrap();
}

/// Timers, wakes and leaving race on threads and tasks alike; the starving mode comes in as well.
#[test]
fn threads_and_tasks_with_short_limits() {
    const EACH: u32 = 3000;
    let counted = Arc::new(Mutex::new(0_u32));
    let work = |counted: Arc<Mutex<u32>>| {
        move || {
            let mut taken = 0;
            for n in 0..EACH {
                let limit = Duration::from_micros(u64::from(n % 50));
                let guard =
                    if n % 3 == 0 { counted.lock().ok() } else { counted.lock_timeout(limit).ok() };
                if let Some(mut guard) = guard {
                    *guard += 1;
                    taken += 1;
                }
            }
            taken
        }
    };
    let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(work(counted.clone()))).collect();
    let tasks: Vec<_> = (0..6).map(|_| spawn(work(counted.clone()))).collect();
    let by_tasks: u32 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
    let by_threads: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(by_tasks >= 6 * EACH / 3 && by_threads >= 3 * EACH / 3);
    assert_eq!(*counted.lock().unwrap(), by_tasks + by_threads);
}

#[test]
fn writers_that_give_up_let_readers_in() {
    under_1_and_4(|| {
        let (lock, group) = (Arc::new(RwLock::new(0_u32)), WaitGroup::new());
        for task in 0..2000 {
            let lock = lock.clone();
            group.go(move || match task % 4 {
                0 => drop(lock.write_timeout(Duration::ZERO).map(|mut it| *it += 1)),
                1 => *lock.write().unwrap() += 1,
                _ => {
                    let _guard = lock.read().unwrap();
                    yield_now();
                }
            });
        }
        group.wait();
        assert!(*lock.write().unwrap() >= 500);
    });
}

/// Somebody reads for good, so only the writer that leaves can let in those whom it kept out.
#[test]
fn readers_behind_a_writer_that_gives_up_come_in() {
    under_1_and_4(|| {
        let lock = Arc::new(RwLock::new(()));
        let reading = lock.read().unwrap();
        let (stop, other) = (Chan::<()>::new(0), lock.clone());
        let stopped = stop.clone();
        let writer = spawn(move || {
            while stopped.try_recv() == Err(TryRecvError::Empty) {
                assert!(not_in_time(other.write_timeout(Duration::ZERO)));
            }
        });
        let readers: Vec<_> = (0..1000)
            .map(|_| {
                let lock = lock.clone();
                spawn(move || drop(lock.read().unwrap()))
            })
            .collect();
        readers.into_iter().for_each(|task| task.join().unwrap());
        stop.close();
        writer.join().unwrap();
        drop(reading);
    });
}

#[test]
fn reading_twice_is_possible_when_it_is_declared() {
    let lock = Arc::new(RwLock::new(1));
    let go_on = Chan::<()>::new(0);
    let (reader, writer) = (unique("reads-twice"), unique("writes"));
    let (other, waits) = (lock.clone(), go_on.clone());
    let reads = Builder::new().name(&reader).spawn(move || {
        let first = other.read().unwrap();
        waits.recv();
        let second = other.read_recursive().unwrap();
        *first + *second
    });
    parked(&reader);
    let other = lock.clone();
    let writes = Builder::new().name(&writer).spawn(move || *other.write().unwrap() = 5);
    parked(&writer);
    go_on.close();
    assert_eq!(reads.unwrap().join().unwrap(), 2);
    writes.unwrap().join().unwrap();
    assert_eq!(*lock.read_recursive().unwrap(), 5);
}
