//! Large dumps, made here so that none has to be kept: one of ours, and a text of a Go program.

use std::io::{self, Write};

use gleak_runtime::report::detector::snapshot::{
    Frame, FrameId, Snapshot, Stack, StackId, Symbol, Worker, WorkerId, write_dump,
};

/// Calls of each stack.
const DEPTH: u32 = 10;
/// Workers that the tasks were started on.
const WORKERS: u32 = 8;
/// Every so many-th task has a name.
const NAMED: usize = 10;

/// Writes the snapshot as a process would have that was asked for stacks: each task has its worker, its
/// parent and its stack.
///
/// # Errors
/// Those of the writer.
pub(crate) fn own(mut snapshot: Snapshot, out: &mut dyn Write) -> io::Result<()> {
    let stacks = u32::try_from(snapshot.sites.len()).expect("a handful of places");
    for place in 0..stacks * DEPTH {
        let (file, line) = (Some(format!("src/layer_{}.rs", place % DEPTH)), Some(place));
        let function = format!("team::layer_{}::work_{}", place % DEPTH, place / DEPTH);
        let symbols = vec![Symbol { function, file, line }];
        snapshot.frames.push(Frame { module: None, address: u64::from(place), symbols });
    }
    for stack in 0..stacks {
        let frames = (0..DEPTH).map(|call| FrameId(stack * DEPTH + call)).collect();
        snapshot.stacks.push(Stack { frames, cut: false });
    }
    for worker in 0..WORKERS {
        let id = WorkerId(worker);
        snapshot.workers.push(Worker { id, running: None, held_since_ns: None, sleeps: None });
    }
    let first = snapshot.tasks.first().map(|task| task.id);
    for (number, task) in (0_u32..).zip(&mut snapshot.tasks) {
        task.worker = Some(WorkerId(number % WORKERS));
        task.parent = first.filter(|first| *first != task.id);
        task.backtrace = Some(StackId(number / 10 % stacks));
        task.name = (number as usize).is_multiple_of(NAMED).then(|| format!("member-{number}"));
    }
    write_dump(&snapshot, out)
}

/// What a goroutine does, the call that it stands in, and one argument of that in each.
struct Kind {
    state: &'static str,
    /// Innermost first, with the lines behind it; `{}` is an argument that differs.
    calls: &'static [(&'static str, &'static str)],
}

const RECEIVES: Kind = Kind {
    state: "chan receive",
    calls: &[("main.worker({}, 0xc00001c0c0)", "/srv/app/pool.go:41 +0x55")],
};
const LOCKS: Kind = Kind {
    state: "sync.Mutex.Lock",
    calls: &[
        (
            "internal/sync.runtime_SemacquireMutex(0xc000014050?, 0x0?, 0x{})",
            "/go/sema.go:95 +0x25",
        ),
        (
            "internal/sync.(*Mutex).lockSlow(0xc000014050)",
            "/go/src/internal/sync/mutex.go:149 +0x15d",
        ),
        ("internal/sync.(*Mutex).Lock(...)", "/go/src/internal/sync/mutex.go:70"),
        ("sync.(*Mutex).Lock(...)", "/go/src/sync/mutex.go:46"),
        ("main.(*Store).put(0xc000014050, {0x{}, 0x9})", "/srv/app/store.go:88 +0x4d"),
    ],
};
const SELECTS: Kind = Kind {
    state: "select",
    calls: &[
        ("main.(*Hub).serve(0xc0000b6000, {})", "/srv/app/hub.go:120 +0x1a5"),
        ("main.start.func1()", "/srv/app/hub.go:64 +0x25"),
    ],
};

/// Of a hundred so many receive and so many lock; the others select.
const SHARES: [(u64, &Kind); 3] = [(60, &RECEIVES), (85, &LOCKS), (100, &SELECTS)];

/// Groups in [`go`]: those of the three kinds, and the main goroutine.
pub(crate) const GO_GROUPS: usize = 4;

/// Writes `n` goroutines as Go's profile with `debug=2` does.
///
/// # Errors
/// Those of the writer.
pub(crate) fn go(n: u64, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"goroutine 1 [running]:\nmain.main()\n\t/srv/app/main.go:17 +0x1d\n")?;
    for number in 1..n {
        let share = number * 37 % 100;
        let kind = SHARES.iter().find(|(most, _)| share < *most).map_or(&SELECTS, |(_, kind)| kind);
        let argument = format!("0x{:x}", 0xc0_0010_0000 + number * 96);
        write!(out, "\ngoroutine {} [{}", number + 17, kind.state)?;
        // The first minute is not told.
        match number % 7 {
            0 => out.write_all(b"]:\n")?,
            minutes => writeln!(out, ", {minutes} minutes]:")?,
        }
        for (call, place) in kind.calls {
            writeln!(out, "{}\n\t{place}", call.replace("{}", &argument))?;
        }
        out.write_all(b"created by main.start in goroutine 1\n\t/srv/app/main.go:31 +0xbe\n")?;
    }
    out.flush()
}
