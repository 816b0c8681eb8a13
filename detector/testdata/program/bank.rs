//! What the places of tests/it/messages.rs are in; it is read, not compiled.

fn transfer(from: &Mutex<i64>, to: &Mutex<i64>) {
    let mut from = from.lock();
    let mut to = to.lock();
    *from -= 1;
    *to += 1;
}

fn audit(account: &Mutex<i64>) -> i64 {
    *account.lock()
}

fn main() {
    let a = named("accounts[a]", Mutex::new(10));
    let b = named("accounts[b]", Mutex::new(10));
    let both = WaitGroup::new();
    for (from, to) in [(&a, &b), (&b, &a)] {
        go! { transfer(from, to) };
    }
    go! { audit(&a) };
    both.wait();
}
