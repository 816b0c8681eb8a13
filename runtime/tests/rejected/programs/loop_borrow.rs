//! Tasks that look at the items of a list which their parent may drop before them.

use gleak_runtime::{go, run};

fn main() {
    run(|| {
        let items = vec![String::from("a"), String::from("b")];
        for item in &items {
            go! { println!("{item}") };
        }
    });
}
