//! Locks and wait groups.

use std::sync::Arc;
use std::sync::TryLockError;

use gleak_runtime::{Builder, Chan, Mutex, RwLock, WaitGroup, go, run, spawn, yield_now};

use crate::support::{parked, unique};

static IN_A_STATIC: Mutex<u32> = Mutex::new(0);

#[test]
fn a_mutex_excludes() {
    let counter = Arc::new(Mutex::new(0_u64));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let counter = counter.clone();
            spawn(move || {
                for _ in 0..500 {
                    let mut guard = counter.lock().unwrap();
                    let seen = *guard;
                    yield_now();
                    *guard = seen + 1;
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| task.join().unwrap());
    assert_eq!(*counter.lock().unwrap(), 4000);
}

#[test]
fn a_mutex_may_live_in_a_static() {
    let tasks: Vec<_> = (0..4).map(|_| spawn(|| *IN_A_STATIC.lock().unwrap() += 1)).collect();
    tasks.into_iter().for_each(|task| task.join().unwrap());
    assert_eq!(*IN_A_STATIC.lock().unwrap(), 4);
}

#[test]
fn try_lock_does_not_wait() {
    let mutex = Mutex::new(());
    let guard = mutex.lock().unwrap();
    assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    drop(guard);
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_panic_poisons_what_it_held() {
    let mutex = Arc::new(Mutex::new(1));
    let lock = Arc::new(RwLock::new(1));
    let (m, l) = (mutex.clone(), lock.clone());
    let task = spawn(move || {
        let _guards = (m.lock().unwrap(), l.write().unwrap());
        panic!("with two locks");
    });
    assert!(task.join().is_err());
    assert_eq!(*mutex.lock().unwrap_err().into_inner(), 1);
    assert!(lock.read().is_err());
    mutex.clear_poison();
    assert!(mutex.lock().is_ok());
}

#[test]
fn readers_share_and_writers_do_not() {
    run(|| {
        let lock = Arc::new(RwLock::new(0));
        let (in_reader, leave) = (Chan::new(0), Chan::<()>::new(0));
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (lock, in_reader, leave) = (lock.clone(), in_reader.clone(), leave.clone());
                go! {
                    let _guard = lock.read().unwrap();
                    in_reader.send(());
                    leave.recv();
                }
            })
            .collect();
        // All three are inside at once, or this would wait for ever.
        (0..3).for_each(|_| assert_eq!(in_reader.recv(), Some(())));
        let name = unique("writer");
        let written = lock.clone();
        let writer = Builder::new().name(&name).spawn(move || *written.write().unwrap() += 1);
        parked(&name);
        let state = format!("{lock:?}");
        assert!(state.contains("writer: false, readers: 3"), "{state}");
        leave.close();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        writer.unwrap().join().unwrap();
        assert_eq!(*lock.read().unwrap(), 1);
    });
}

#[test]
fn a_waiting_writer_keeps_new_readers_out() {
    let lock = Arc::new(RwLock::new(0));
    let reading = lock.read().unwrap();
    let (writer, reader) = (unique("writer"), unique("reader"));
    let (w, r) = (lock.clone(), lock.clone());
    let writes = Builder::new().name(&writer).spawn(move || *w.write().unwrap() = 7).unwrap();
    parked(&writer);
    let reads = Builder::new().name(&reader).spawn(move || *r.read().unwrap()).unwrap();
    parked(&reader);
    drop(reading);
    writes.join().unwrap();
    assert_eq!(reads.join().unwrap(), 7, "the writer came first");
}

#[test]
fn a_mutex_hands_over_under_contention() {
    let mutex = Arc::new(Mutex::new(0_u32));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let mutex = mutex.clone();
            std::thread::spawn(move || (0..5000).for_each(|_| *mutex.lock().unwrap() += 1))
        })
        .collect();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let mutex = mutex.clone();
            spawn(move || (0..5000).for_each(|_| *mutex.lock().unwrap() += 1))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    tasks.into_iter().for_each(|task| task.join().unwrap());
    assert_eq!(*mutex.lock().unwrap(), 40_000);
}

#[test]
fn a_wait_group_waits_for_all() {
    run(|| {
        let (group, total) = (WaitGroup::new(), Arc::new(Mutex::new(0)));
        for n in 1..=10 {
            group.add(1);
            let (group, total) = (group.clone(), total.clone());
            go! {
                *total.lock().unwrap() += n;
                group.done();
            };
        }
        group.wait();
        assert_eq!(*total.lock().unwrap(), 55);
        assert_eq!(group.count(), 0);
    });
}

#[test]
fn a_wait_group_below_zero_says_so() {
    let error = spawn(|| WaitGroup::new().done()).join().unwrap_err();
    assert!(error.to_string().contains("counts 0 cannot count -1 more"), "{error}");
}
