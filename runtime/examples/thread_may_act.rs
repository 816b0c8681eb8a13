//! All tasks wait, but a thread of the program's own may still wake one: no verdict, no word. The
//! thread acts when a line comes on stdin; if that is `never`, it waits as well, for nobody.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use gleak_runtime::Chan;

fn main() {
    let answers = Chan::new(0);
    let feeder = answers.clone();
    let thread = std::thread::Builder::new().name("feeder".to_owned()).spawn(move || {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).expect("a line");
        if line.trim() == "never" {
            Chan::<()>::new(0).recv();
        }
        feeder.send(line.trim().to_owned());
    });
    gleak_runtime::run(move || {
        let line = answers.recv();
        println!("got {}", line.expect("nobody closes it"));
    });
    thread.expect("a thread").join().expect("no panic");
}
