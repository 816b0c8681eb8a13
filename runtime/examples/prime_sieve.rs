//! The prime sieve: a chain of tasks, one a prime, each letting through what its prime does not
//! divide. In Go the chain is left behind when main has enough; here the halves disconnect: the
//! last receiver goes, its sender is told and ends, and so on back to the first.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use gleak_runtime::{Receiver, Sender, go, rendezvous, run};

const PRIMES: usize = 25;

fn main() {
    run(|| {
        let (sender, mut numbers) = rendezvous();
        let mut chain = vec![go! { generate(&sender) }];
        let mut primes = Vec::new();
        while primes.len() < PRIMES {
            let prime = numbers.recv().expect("the numbers do not end");
            primes.push(prime.to_string());
            let (sender, rest) = rendezvous();
            chain.push(go! { filter(&numbers, &sender, prime) });
            numbers = rest;
        }
        println!("{}", primes.join(" "));
        drop(numbers);
        let ended = chain.into_iter().filter_map(|task| task.join().ok()).count();
        println!("{ended} tasks ended");
    });
}

/// 2, 3, 4, and so on, as long as somebody listens.
fn generate(numbers: &Sender<u32>) {
    for number in 2.. {
        if numbers.send(number).is_err() {
            return;
        }
    }
}

/// What `prime` does not divide, as long as somebody listens.
fn filter(numbers: &Receiver<u32>, rest: &Sender<u32>, prime: u32) {
    for number in numbers.iter().filter(|number| number % prime != 0) {
        if rest.send(number).is_err() {
            return;
        }
    }
}
