//! Dump files: which stay, what they may be read by, and what it costs when there can be none.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::Signal;

use crate::processes::{Process, by_default};
use crate::programs::{example, folder, stderr, the_dump};

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|it| it.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A program that panics behind this line of a shell, with the folder in `D`; the shell's number is the
/// program's.
fn panics_after(line: &str, folder: &Path) -> Output {
    let program = example("main_panics", folder);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{line}\nexec \"$0\"")]).arg(program.get_program());
    shell.env("GLEAK_DUMP_DIR", folder).env("D", folder).output().expect("a shell")
}

/// That nothing is lost but the dump.
fn only_the_dump_is_lost(output: &Output, cause: &str) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(101), "{text}");
    assert!(text.contains("out of ideas"), "{text}");
    assert_eq!(text.matches("gleak: no dump written: ").count(), 1, "{text}");
    assert!(text.contains(cause), "{text}");
}

#[test]
fn only_the_newest_of_a_program_stay_and_nobody_elses_goes() {
    let folder = folder("dumps-kept");
    let elsewhere = crate::programs::folder("dumps-kept-elsewhere");
    assert_eq!(example("deadlock", &folder).output().expect("it runs").status.code(), Some(2));
    // What has such a name and is none of this program's dumps.
    let one = example("main_panics", &elsewhere).output().expect("it runs");
    assert_eq!(one.status.code(), Some(101));
    let linked = elsewhere.join(&names(&elsewhere)[0]);
    symlink(&linked, folder.join("gleak-1-1.ndjson")).expect("a link");
    fs::write(folder.join("gleak-1-2.ndjson"), "{\"mine\":1}\n").expect("a file");
    fs::create_dir(folder.join("gleak-1-3.ndjson")).expect("a folder");
    fs::write(folder.join("gleak-1-4.ndjson.bak"), fs::read(&linked).expect("it")).expect("a file");
    let others = names(&folder);
    assert_eq!(others.len(), 5, "{others:?}");
    let runs: Vec<String> = (0..6)
        .map(|_| {
            let mut program = example("main_panics", &folder);
            let output = program.env("GLEAK_DUMP_KEEP", "3").output().expect("it runs");
            let text = stderr(&output);
            let (_, path) = text.split_once("gleak: dump written to ").expect("a dump");
            let (path, _) = path.split_once(';').expect("its end");
            path.rsplit('/').next().expect("a name").to_owned()
        })
        .collect();
    let mut left: Vec<String> = others.iter().chain(&runs[3..]).cloned().collect();
    left.sort();
    assert_eq!(names(&folder), left);
    assert!(linked.exists());
    // Without a limit all of them stay.
    for limit in ["all", "0"] {
        let mut program = example("main_panics", &folder);
        program.env("GLEAK_DUMP_KEEP", limit).output().expect("it runs");
    }
    assert_eq!(names(&folder).len(), left.len() + 2);
}

#[test]
fn sixteen_stay_by_default_and_their_owner_alone_reads_them() {
    let folder = folder("dumps-sixteen");
    let process =
        Process::start(by_default(&example("busy", &folder)).env("GLEAK_SIGNALS", "usr1"));
    assert_eq!(process.prints(), "under way");
    for _ in 0..19 {
        process.signal(Signal::USR1);
        process.says("gleak: dump written to ");
    }
    let pid = process.pid();
    let mut newest: Vec<String> = (4..20).map(|n| format!("gleak-{pid}-{n}.ndjson")).collect();
    newest.sort();
    assert_eq!(names(&folder), newest);
    let rights = fs::metadata(folder.join(&newest[0])).expect("it is there").permissions();
    assert_eq!(rights.mode() & 0o777, 0o600);
}

#[test]
fn one_that_nobody_asked_for_can_be_left_out() {
    let folder = folder("dumps-asked");
    for (program, status) in [("main_panics", 101), ("deadlock", 2)] {
        let mut program = example(program, &folder);
        let output = program.env("GLEAK_DUMP", "asked").output().expect("it runs");
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(!text.contains("dump"), "{text}");
    }
    assert_eq!(names(&folder), [""; 0]);
    // What is not understood is told, and changes nothing.
    let mut program = example("main_panics", &folder);
    let output = program.env("GLEAK_DUMP", "never").env("GLEAK_DUMP_KEEP", "few").output();
    let text = stderr(&output.expect("it runs"));
    assert_eq!(text.matches("gleak: GLEAK_DUMP=\"never\" is not on or asked: ignored").count(), 1);
    assert_eq!(text.matches("GLEAK_DUMP_KEEP=\"few\" is not a number or all: ignored").count(), 1);
    assert!(the_dump(&folder).validate().is_ok());
}

#[test]
fn a_name_that_is_taken_is_left_alone() {
    let folder = folder("dumps-taken");
    let line = r#"mkdir "$D/gleak-$$-1.ndjson"; ln -s "$D/nowhere" "$D/gleak-$$-2.ndjson""#;
    let output = panics_after(line, &folder);
    assert_eq!(output.status.code(), Some(101), "{}", stderr(&output));
    let names = names(&folder);
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names[2].ends_with("-3.ndjson"), "{names:?}");
}

#[test]
fn a_folder_that_cannot_be_written_costs_the_dump_alone() {
    let folder = folder("dumps-nowhere");
    let missing = folder.join("missing");
    let output = panics_after("true", &missing);
    only_the_dump_is_lost(&output, &format!("{}: No such file or directory", missing.display()));
    let file = folder.join("file");
    fs::write(&file, "").expect("a file");
    only_the_dump_is_lost(&panics_after("true", &file), "Not a directory");
    // Nobody may make a file there, not even root.
    only_the_dump_is_lost(&panics_after("true", Path::new("/proc/self/fd")), "/proc/self/fd: ");
    assert_eq!(names(&folder), ["file"]);
}

#[test]
fn a_limit_on_the_size_of_files_costs_the_dump_alone() {
    let folder = folder("dumps-limited");
    only_the_dump_is_lost(&panics_after("ulimit -f 2", &folder), "arge");
    assert_eq!(names(&folder), [""; 0]);
}

#[test]
fn a_full_or_read_only_disk_costs_the_dump_alone() {
    let own = Command::new("unshare").args(["-m", "true"]).output();
    if !own.is_ok_and(|it| it.status.success()) {
        println!("skipped: a_full_or_read_only_disk_costs_the_dump_alone: needs to mount");
        return;
    }
    let folder = folder("dumps-disks");
    let program = example("main_panics", &folder);
    for (options, cause, left) in
        [("size=4k", "No space left on device", "full\n"), ("ro", "Read-only file system", "")]
    {
        // The disk goes with the shell, so that is what looks at what was left on it.
        let script = format!(
            "mount -t tmpfs -o {options} none \"$D\" || exit
             head -c 4096 /dev/zero 2>&- > \"$D/full\"
             \"$0\"; status=$?; ls \"$D\"; exit $status"
        );
        let mut shell = Command::new("unshare");
        shell.args(["-m", "sh", "-c", &script]).arg(program.get_program());
        shell.env("GLEAK_DUMP_DIR", &folder).env("D", &folder);
        let output = shell.output().expect("a shell");
        only_the_dump_is_lost(&output, cause);
        assert_eq!(String::from_utf8_lossy(&output.stdout), left, "half a dump is left");
    }
}

#[test]
fn the_same_cause_is_told_once_and_counted() {
    let folder = folder("dumps-once");
    let missing = folder.join("missing");
    let mut command = by_default(&example("busy", &folder));
    let process =
        Process::start(command.env("GLEAK_SIGNALS", "usr1").env("GLEAK_DUMP_DIR", &missing));
    assert_eq!(process.prints(), "under way");
    process.signal(Signal::USR1);
    process.says("gleak: no dump written: ");
    for _ in 0..2 {
        process.signal(Signal::USR1);
        process.says("gleak: SIGUSR1 came");
    }
    fs::create_dir(&missing).expect("a folder");
    process.signal(Signal::USR1);
    let said = process.says("gleak: dump written to ");
    assert!(said.iter().all(|line| !line.contains("no dump written")), "{said:?}");
    let counted =
        said.iter().any(|line| line == "gleak: dumps that could not be written before: 2");
    assert!(counted, "{said:?}");
}
