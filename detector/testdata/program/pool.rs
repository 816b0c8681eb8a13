//! What the places of tests/it/messages.rs are in; it is read, not compiled.

impl Pool {
    fn new() -> Pool {
        let jobs = Chan::new(0);
        Pool { jobs, stop: Chan::new(1), stats: Mutex::new(Stats::default()) }
    }

    fn start(&self) {
        for _ in 0..2 {
            go! { work(&jobs) };
        }
        Builder::new().name("feeder").spawn(|| feed(&stop, &stats));
    }

    fn report(&self) {
        go! { println!("{:?}", self.stats.lock()) };
    }
}

fn work(jobs: &Chan<Job>) {
    loop {
        let job = jobs.recv();
        job.run();
    }
}

fn feed(stop: &Chan<()>, stats: &Mutex<Stats>) {
    let mut stats = stats.lock();
    stats.fed += stop.recv().map_or(0, |()| 1);
}

fn decode(bytes: &[u8]) -> Header {

    Header { length: bytes.first_chunk::<4>().map(u32::from_be_bytes).expect("a length"), flags: Flags::empty(), rest: bytes[4..].into() }
}
