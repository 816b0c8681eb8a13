//! Tests that are no functions under the attribute: some of a list, some made for libtest-mimic.

use std::time::Duration;

use gleak_runtime::{Chan, go, sleep, spawn, yield_now};
use gleak_test_harness::{OnLeak, Trial, trial};
use libtest_mimic::{Completion, Measurement};

fn leave_one() {
    let jobs = Chan::<u32>::new(0);
    go! { jobs.recv() };
}

fn panics() {
    panic!("out of ideas");
}

fn spin() {
    while std::hint::black_box(true) {
        std::hint::spin_loop();
    }
}

#[gleak_test_harness::test]
fn under_the_attribute() {}

fn listed() -> Vec<Trial> {
    let of_file = |file: &'static str| {
        trial(format!("parses::{file}"), move || {
            if file.ends_with(".bad") { Err(format!("{file}: line 3")) } else { Ok(()) }
        })
    };
    vec![
        of_file("a.json"),
        of_file("b.bad"),
        trial("leaks", leave_one),
        trial("is_warned", leave_one).on_leak(OnLeak::Warn),
        trial("panics_unseen", || drop(go! { panic!("unseen") })).on_leak(OnLeak::Warn),
        trial("may_leave_it", leave_one).ignore("entry=listed::leave_one because it is on purpose"),
        trial("panics", panics).should_panic("of ideas"),
        trial("is_ignored", panics).ignored(true),
        trial("has_time", || drop(go! { sleep(Duration::from_millis(20)) })).settle_ms(60_000),
        trial("is_late", || sleep(Duration::from_secs(3600))).deadline_ms(20),
        trial("spins_for_ever", spin).deadline_ms(50),
        trial("is_seeded", || Err::<(), _>(seeded())).seed(3),
        trial("cleans_up", leave_one).cleanup(|| panic!("of the hook")),
    ]
}

/// The order in which tasks come by.
fn seeded() -> Vec<u32> {
    let order = Chan::new(16);
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let order = order.clone();
            spawn(move || {
                yield_now();
                order.send(number);
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| task.join().expect("no panic"));
    order.close();
    order.iter().collect()
}

fn of_libtest_mimic() -> Vec<libtest_mimic::Trial> {
    use libtest_mimic::Trial;
    vec![
        Trial::test("mimic::passes", || Ok(())),
        Trial::test("mimic::fails", || Err("\"quoted\"\nsecond line".into())),
        Trial::test("mimic::panics", || panic!("in a trial")),
        Trial::test("mimic::leaks", || {
            leave_one();
            Ok(())
        })
        .with_kind("net"),
        Trial::test("mimic::is_ignored", || Ok(())).with_ignored_flag(true),
        Trial::ignorable_test("mimic::ignores_itself", || Ok(Completion::ignored())),
        Trial::bench("mimic::measures", |test_mode| {
            Ok((!test_mode).then_some(Measurement { avg: 1200, variance: 7 }))
        }),
    ]
}

gleak_test_harness::verify_no_leaks!(
    listed().into_iter().chain(of_libtest_mimic().into_iter().map(Trial::from)),
    settle_ms = 50,
);
