//! Many stacks: a hundred thousand parked tasks at default kernel settings.

use gleak_runtime::{Builder, Chan, Runtime, WaitGroup};

#[test]
fn a_hundred_thousand_parked_tasks_all_come_back() {
    const TASKS: i64 = 100_000;
    let runtime = Runtime::builder().workers(2).start().unwrap();
    let (gate, parked, left) = (Chan::<()>::new(0), WaitGroup::new(), WaitGroup::new());
    parked.add(TASKS);
    left.add(TASKS);
    for _ in 0..TASKS {
        let (gate, parked, left) = (gate.clone(), parked.clone(), left.clone());
        let body = move || {
            parked.done();
            gate.recv();
            left.done();
        };
        drop(Builder::new().spawn_in(&runtime, body).unwrap());
    }
    parked.wait();
    assert_eq!(runtime.live(), 100_000);
    gate.close();
    left.wait();
}
