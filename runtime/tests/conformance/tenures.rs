//! Background tasks and daemons: who goes on when its spawner has ended, and where.

use gleak_runtime::{Chan, Region, RegionKind, go, spawn_background, spawn_daemon};

use crate::support::{each, joined};

#[test]
fn a_background_task_outlives_its_spawner_and_is_not_charged_to_its_region() {
    each(|world| {
        let (gate, region) = (Chan::<()>::new(0), Region::open(RegionKind::Guard, "fleeting"));
        let tasks: Vec<_> = (0..500)
            .map(|number| {
                let gate = gate.recvs();
                let body = move || {
                    spawn_background(move || {
                        gate.recv();
                        // As is what it spawns.
                        go! { number }.join().unwrap()
                    })
                };
                let entered = region.enter();
                let task = world.go(body);
                drop(entered);
                task
            })
            .collect();
        let tasks = joined(tasks);
        world.asleep(500);
        assert_eq!(region.live(), 0);
        region.close();
        gate.close();
        assert!(joined(tasks).into_iter().eq(0..500));
    });
}

#[test]
fn a_daemon_lives_elsewhere_and_is_joined_as_any_task() {
    each(|world| {
        let (requests, gate) = (Chan::new(0), Chan::<()>::new(0));
        let (served, closed) = (requests.recvs(), gate.recvs());
        let daemon = world.go(move || {
            spawn_daemon(move || {
                let sum = served.iter().sum::<u64>();
                closed.recv();
                sum
            })
        });
        let daemon = daemon.join().unwrap();
        let clients = world.many(1000, |number| {
            let requests = requests.sends();
            move || requests.send(number as u64)
        });
        joined(clients);
        requests.close();
        // It is at work or waits, and here nobody does.
        world.asleep(0);
        assert!(!daemon.is_finished());
        gate.close();
        assert_eq!(daemon.join().unwrap(), (0..1000).sum::<u64>());
    });
}

#[test]
fn a_panic_of_either_reaches_who_joins_it() {
    each(|world| {
        for spawner in [spawn_background::<fn(), ()>, spawn_daemon::<fn(), ()>] {
            let fails: fn() = || panic!("on its own");
            let task = world.go(move || spawner(fails)).join().unwrap();
            assert!(task.join().unwrap_err().to_string().contains("on its own"));
        }
    });
}
