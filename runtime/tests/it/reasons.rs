//! Every reason for which a task can wait: what the program calls, and what a snapshot says of it.
//!
//! The match over the reasons has no catch-all: a new reason needs a way to wait for it here.

use std::future::pending;
use std::io::Write as _;
use std::time::Duration;

use gleak_runtime::net::{TcpListener, TcpStream};
use gleak_runtime::report::snapshot::{ObjectKind, Target, WaitReason};
use gleak_runtime::{
    Barrier, Builder, Chan, Cond, Context, Mutex, Once, RwLock, Semaphore, WaitGroup, block_on,
    blocking, select, sleep, spawn,
};

use crate::support::{parked, unique};

/// Waits for ever.
fn never() {
    Chan::<()>::never().recv();
}

fn select_of_two() {
    let (one, two) = (Chan::<u8>::new(0), Chan::<u8>::new(0));
    select! { _ = recv(one) => {}, send(two, 1) => {} }
}

fn lock() {
    let lock = Mutex::new(());
    let _held = lock.lock();
    drop(lock.lock());
}

fn read_lock() {
    let lock = RwLock::new(());
    let _held = lock.write();
    drop(lock.read());
}

fn write_lock() {
    let lock = RwLock::new(());
    let _held = lock.read();
    drop(lock.write());
}

fn wait_group() {
    let group = WaitGroup::new();
    group.add(1);
    group.wait();
}

fn cancel() {
    let (context, _cancel) = Context::background().with_cancel();
    context.done().wait();
}

fn accept() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    drop(listener.accept());
}

fn write() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut stream = TcpStream::connect(address).expect("it listens");
    // Nobody reads, so the kernel has no more room some time.
    while stream.write_all(&[0; 1 << 16]).is_ok() {}
}

fn cond() {
    let (lock, cond) = (Mutex::new(()), Cond::new());
    drop(cond.wait(lock.lock().expect("not poisoned")));
}

fn once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| ONCE.call_once(|| ()));
}

fn semaphore() {
    let semaphore = Semaphore::new(1);
    let _all = semaphore.acquire(1);
    drop(semaphore.acquire(1));
}

/// What a task does that waits for ever for this reason, and the kind of object that it waits for.
/// None for what is no task: a thread inside `run` (`programs.rs` looks at such).
fn waits_for(reason: WaitReason) -> Option<(fn(), Option<ObjectKind>)> {
    Some(match reason {
        WaitReason::Send => (|| Chan::new(0).send(1), Some(ObjectKind::Channel)),
        WaitReason::Receive => (|| _ = Chan::<u8>::new(0).recv(), Some(ObjectKind::Channel)),
        WaitReason::Select => (select_of_two, Some(ObjectKind::Channel)),
        WaitReason::Lock => (lock, Some(ObjectKind::Mutex)),
        WaitReason::ReadLock => (read_lock, Some(ObjectKind::RwLock)),
        WaitReason::WriteLock => (write_lock, Some(ObjectKind::RwLock)),
        WaitReason::WaitGroup => (wait_group, Some(ObjectKind::WaitGroup)),
        WaitReason::Cancel => (cancel, Some(ObjectKind::Context)),
        WaitReason::Join => (|| drop(spawn(never).join()), None),
        WaitReason::Read => (accept, Some(ObjectKind::Socket)),
        WaitReason::Write => (write, Some(ObjectKind::Socket)),
        WaitReason::Cond => (cond, Some(ObjectKind::Cond)),
        WaitReason::Once => (once, Some(ObjectKind::Once)),
        WaitReason::Semaphore => (semaphore, Some(ObjectKind::Semaphore)),
        WaitReason::Barrier => (|| _ = Barrier::new(2).wait(), Some(ObjectKind::Barrier)),
        WaitReason::Blocking => (|| blocking(never), None),
        WaitReason::Future => (|| block_on(pending::<()>()), None),
        WaitReason::Sleep => (|| sleep(Duration::from_secs(3600)), None),
        WaitReason::Host => return None,
    })
}

#[test]
fn every_wait_tells_its_reason_its_object_its_place_and_its_time() {
    for (code, reason) in WaitReason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, code, "the list is whole and in order");
        let Some((body, kind)) = waits_for(reason) else { continue };
        let name = unique("reason");
        drop(Builder::new().name(&name).daemon().spawn(body).expect("room for a task"));
        let (snapshot, _, wait) = parked(&name);
        assert_eq!(wait.reason, reason);
        let file = &snapshot.sites[wait.site.0 as usize].file;
        assert!(file.ends_with("reasons.rs"), "{reason:?} waits at {file}");
        assert!(wait.since_ns > 0 && wait.since_ns <= snapshot.header.taken_ns, "{reason:?}");
        let kinds: Vec<Option<ObjectKind>> = wait
            .arms
            .iter()
            .filter_map(|arm| match arm.on {
                Target::Object(id) => Some(id),
                Target::Task(_) | Target::Never => None,
            })
            .map(|id| snapshot.objects.iter().find(|it| it.id == id).map(|it| it.kind()))
            .collect();
        match kind {
            Some(kind) => assert!(kinds.iter().all(|it| *it == Some(kind)) && !kinds.is_empty()),
            None => assert!(kinds.is_empty(), "{reason:?}"),
        }
        assert_eq!(snapshot.validate(), Ok(()));
    }
}
