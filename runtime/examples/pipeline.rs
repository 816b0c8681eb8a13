//! A pipeline: numbers are generated, squared by two tasks at once, merged and added up. Each stage
//! closes what it sends to, so the end runs through the stages as the values do.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use gleak_runtime::{Chan, Recvs, WaitGroup, go, run};

fn main() {
    run(|| {
        let numbers = generate(1..=100);
        let squares = merge(&[square(numbers.clone()), square(numbers)]);
        let sum: u64 = (&squares).into_iter().sum();
        println!("the sum of the squares is {sum}");
    });
}

/// The first stage: sends what it is given.
fn generate(values: impl Iterator<Item = u64> + Send + 'static) -> Recvs<u64> {
    let out = Chan::new(0);
    let (sends, recvs) = (out.sends(), out.recvs());
    go! {
        values.for_each(|value| sends.send(value));
        sends.close();
    };
    recvs
}

/// The second stage: squares what it receives.
fn square(input: Recvs<u64>) -> Recvs<u64> {
    let out = Chan::new(0);
    let (sends, recvs) = (out.sends(), out.recvs());
    go! {
        for value in &input {
            sends.send(value * value);
        }
        sends.close();
    };
    recvs
}

/// Fan-in: all values of several channels on one.
fn merge(inputs: &[Recvs<u64>]) -> Recvs<u64> {
    let out = Chan::new(0);
    let open = WaitGroup::new();
    for input in inputs {
        open.add(1);
        let (input, sends, open) = (input.clone(), out.sends(), open.clone());
        go! {
            for value in &input {
                sends.send(value);
            }
            open.done();
        };
    }
    let (sends, recvs) = (out.sends(), out.recvs());
    go! {
        open.wait();
        sends.close();
    };
    recvs
}
