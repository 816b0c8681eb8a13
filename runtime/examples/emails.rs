//! Sending e-mails through a pool: a few senders work off a queue, so that many messages do not
//! mean many connections. A message that fails is reported, and does not stop its sender.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::time::Duration;

use gleak_runtime::{Receiver, bounded, go, run, sleep};

const SENDERS: usize = 3;

/// What is sent.
struct Email {
    id: u32,
    to: &'static str,
}

fn main() {
    run(|| {
        // Halves instead of a `Chan`: dropping the last sender ends the queue, nobody closes it.
        let (queue, emails) = bounded::<Email>(2);
        let pool: Vec<_> = (0..SENDERS)
            .map(|_| {
                let emails = emails.clone();
                go! { send_all(&emails) }
            })
            .collect();
        drop(emails);
        for (id, to) in
            (1..).zip(["ann@example.com", "bob@example.com", "nobody", "eve@example.com"])
        {
            queue.send(Email { id, to }).expect("the senders are there until the queue ends");
        }
        drop(queue);
        let sent: usize = pool.into_iter().map(|sender| sender.join().unwrap_or(0)).sum();
        println!("{sent} emails sent");
    });
}

/// Sends until the queue ends; comes back with how many went out.
fn send_all(emails: &Receiver<Email>) -> usize {
    let mut sent = 0;
    for email in emails {
        match send_email(&email) {
            Ok(()) => {
                println!("sent email {} to {}", email.id, email.to);
                sent += 1;
            }
            Err(why) => println!("email {} failed: {why}", email.id),
        }
    }
    sent
}

fn send_email(email: &Email) -> Result<(), &'static str> {
    sleep(Duration::from_millis(5));
    email.to.contains('@').then_some(()).ok_or("no such address")
}
