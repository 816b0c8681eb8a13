//! Groups of tasks with one error: Go's `errgroup`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::{Chan, Context, ErrGroup, go, yield_now};

use crate::support::{Counted, Tally, each, each_task, for_ever, joined};

#[test]
fn waiting_ends_when_all_have_and_without_an_error_it_is_well() {
    each_task(|| {
        let (group, ran) = (ErrGroup::<()>::new(), Arc::new(AtomicU32::new(0)));
        for _ in 0..3000 {
            let ran = ran.clone();
            group.go(move || {
                yield_now();
                ran.fetch_add(1, Ordering::Relaxed);
                Ok(())
            });
        }
        assert_eq!(group.wait(), Ok(()));
        assert_eq!(ran.load(Ordering::Relaxed), 3000);
    });
}

#[test]
fn the_first_error_comes_out_and_the_others_are_dropped() {
    each(|world| {
        let (tally, gate) = (Tally::default(), Chan::<()>::new(0));
        let (values, closed) = (tally.clone(), gate.recvs());
        let task = world.go(move || {
            let group = ErrGroup::<Counted>::new();
            for number in 1..=1000 {
                let (error, closed) = (values.value(number), closed.clone());
                group.go(move || {
                    closed.recv();
                    Err(error)
                });
            }
            let error = values.value(0);
            group.go(move || Err(error));
            group.wait().map_err(|error| error.number)
        });
        world.asleep(1001);
        gate.close();
        assert_eq!(task.join().unwrap(), Err(0));
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn the_first_error_cancels_the_context_and_nothing_else_does_before_the_end() {
    each(|world| {
        let (parent, cancel) = Context::background().with_cancel();
        let (group, ctx) = ErrGroup::with_context(&parent);
        let fail = Chan::<()>::new(0);
        let told = fail.recvs();
        let members = group.clone();
        let own = ctx.clone();
        world.go(move || {
            for _ in 0..500 {
                let ctx = own.clone();
                members.go(move || Err(format!("{:?}", ctx.done().wait())));
            }
            members.go(|| Ok(()));
            members.go(move || {
                told.recv();
                Err("the cause".to_owned())
            });
        });
        world.asleep(501);
        assert!(!ctx.is_done());
        fail.close();
        assert_eq!(group.wait(), Err("the cause".to_owned()));
        assert!(ctx.is_done() && !parent.is_done());
        drop(cancel);
        let (group, ctx) = ErrGroup::<()>::with_context(&parent);
        assert!(!ctx.is_done());
        assert_eq!(group.wait(), Ok(()));
        assert!(ctx.is_done(), "the end of the wait is the end of the context");
    });
}

#[test]
fn a_limit_is_never_exceeded_and_always_used() {
    each(|world| {
        let (gate, running) = (Chan::<()>::new(0), Arc::new(AtomicU32::new(0)));
        let (closed, counted) = (gate.recvs(), running.clone());
        let task = world.go(move || {
            let group = ErrGroup::<()>::new().limit(5);
            for _ in 0..2000 {
                let (closed, running) = (closed.clone(), counted.clone());
                group.go(move || {
                    assert!(running.fetch_add(1, Ordering::Relaxed) < 5);
                    closed.recv();
                    yield_now();
                    running.fetch_sub(1, Ordering::Relaxed);
                    Ok(())
                });
            }
            group.wait()
        });
        // Five members, and who wants to add the sixth.
        world.asleep(6);
        assert_eq!(running.load(Ordering::Relaxed), 5);
        gate.close();
        assert_eq!(task.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_place_comes_back_however_a_member_ends() {
    each(|world| {
        let tasks = world.many(20, |_| {
            || {
                let group = ErrGroup::new().limit(2);
                for number in 0..200_u32 {
                    group.go(move || match number % 3 {
                        0 => Ok(()),
                        1 => Err(number),
                        _ => std::panic::resume_unwind(Box::new(number)),
                    });
                }
                let wait = catch_unwind(AssertUnwindSafe(|| group.wait()));
                // The panic is graver than the error.
                wait.unwrap_err().downcast_ref::<u32>().copied()
            }
        });
        assert!(joined(tasks).into_iter().all(|panic| panic.is_some_and(|n| n % 3 == 2)));
    });
}

#[test]
fn trying_starts_a_member_or_gives_it_back() {
    each(|world| {
        let tally = Tally::default();
        let (group, gate) = (ErrGroup::<()>::new().limit(3), Chan::<()>::new(0));
        let (members, closed, values) = (group.clone(), gate.recvs(), tally.clone());
        let tries = world.go(move || {
            let started = (0..100).filter(|number| {
                let (closed, value) = (closed.clone(), values.value(*number));
                let member = move || {
                    closed.recv();
                    drop(value);
                    Ok(())
                };
                members.try_go(member).is_ok()
            });
            started.count()
        });
        assert_eq!(tries.join().unwrap(), 3);
        assert_eq!(tally.alive(), 3, "who was not started is gone");
        gate.close();
        world.asleep(0);
        assert!(group.try_go(|| Ok(())).is_ok());
        assert_eq!(group.wait(), Ok(()));
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn with_a_limit_of_none_nobody_starts() {
    for_ever(|| {
        let group = ErrGroup::<()>::new().limit(0);
        assert!(group.try_go(|| Ok(())).is_err());
        group.go(|| unreachable!());
    });
}

#[test]
fn members_may_add_members_and_the_wait_is_for_all_of_them() {
    fn grow(group: &ErrGroup<()>, ran: &Arc<AtomicU32>, depth: u32) {
        ran.fetch_add(1, Ordering::Relaxed);
        for _ in 0..depth.min(3) {
            let (clone, ran) = (group.clone(), ran.clone());
            group.go(move || {
                yield_now();
                grow(&clone, &ran, depth - 1);
                Ok(())
            });
        }
    }
    each_task(|| {
        let (group, ran) = (ErrGroup::new(), Arc::new(AtomicU32::new(0)));
        grow(&group, &ran, 7);
        assert_eq!(group.wait(), Ok(()));
        // 1 + 3 + 9 + ... with the last two levels of two and of one.
        let levels = [3, 3, 3, 3, 3, 2, 1];
        let all = levels.iter().scan(1, |tasks, width| {
            *tasks *= width;
            Some(*tasks)
        });
        assert_eq!(ran.load(Ordering::Relaxed), 1 + all.sum::<u32>());
    });
}

#[test]
fn everybody_who_waits_waits_for_all_members() {
    each(|world| {
        let (group, ctx) = ErrGroup::with_context(&Context::background());
        let gate = Chan::<()>::new(0);
        let closed = gate.recvs();
        let members = group.clone();
        let start = world.go(move || {
            for _ in 0..50 {
                let closed = closed.clone();
                members.go(move || {
                    closed.recv();
                    Err("failed")
                });
            }
        });
        start.join().unwrap();
        let waits = world.many(20, |_| {
            let group = group.clone();
            move || group.wait()
        });
        drop(group);
        world.asleep(70);
        assert!(!ctx.is_done(), "nobody has come back from the wait");
        gate.close();
        let told = joined(waits).into_iter().filter(Result::is_err).count();
        assert_eq!(told, 1, "there is one error, for one of them");
    });
}

#[test]
fn a_panic_comes_out_after_all_have_ended() {
    each(|world| {
        let (tally, gate) = (Tally::default(), Chan::<()>::new(0));
        let (values, closed) = (tally.clone(), gate.recvs());
        let task = world.go(move || {
            let group = ErrGroup::<()>::new();
            for number in 0..200 {
                let (value, closed) = (values.value(number), closed.clone());
                group.go(move || {
                    closed.recv();
                    drop(value);
                    Ok(())
                });
            }
            group.go(|| std::panic::resume_unwind(Box::new("member down")));
            group.wait()
        });
        world.asleep(201);
        assert_eq!(tally.alive(), 200);
        gate.close();
        assert!(task.join().unwrap_err().to_string().contains("member down"));
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn a_member_that_panics_cancels_the_context() {
    each_task(|| {
        let (group, ctx) = ErrGroup::<()>::with_context(&Context::background());
        let own = ctx.clone();
        group.go(move || {
            own.done().wait();
            Ok(())
        });
        group.go(|| std::panic::resume_unwind(Box::new("down")));
        let other = ctx.clone();
        let waits = go! { other.done().wait() };
        assert!(catch_unwind(AssertUnwindSafe(|| group.wait())).is_err());
        waits.join().unwrap();
    });
}
