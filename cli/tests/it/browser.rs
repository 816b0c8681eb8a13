//! Pages in a real browser: links, folding, filter, sorting, with scripts and without, as HTML and as XML.
//!
//! `GLEAK_CHROMIUM` names the browser, else it is looked for in `PATH`. Where there is none, these tests are
//! skipped. So they are where it does not show even a page of one word: a browser that hangs without us is no
//! reason to fail, and one that hangs on our page alone is.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::make;
use crate::work_dir::WorkDir;

/// Chromium, if it is there.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn chromium(test: &str) -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = || {
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let files = names.iter().flat_map(|name| folders.iter().map(move |it| it.join(name)));
        files.into_iter().find(|file| file.is_file())
    };
    let found = std::env::var_os("GLEAK_CHROMIUM").map(PathBuf::from).or_else(in_path);
    if found.is_none() {
        eprintln!("skipped: {test}: chromium is not installed");
    }
    found
}

/// A page takes it a second; a busy machine five.
const PATIENCE: Duration = Duration::from_secs(40);
/// A browser that hangs once may do so for reasons of its own.
const TRIES: usize = 3;
/// Whether it ends with a page of one word, which is found out once.
static WORKS: OnceLock<bool> = OnceLock::new();

/// A page in a folder of its own, and a browser.
struct Opened {
    dir: WorkDir,
    browser: PathBuf,
    page: String,
}

impl Opened {
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn new(test: &str) -> Option<Opened> {
        let browser = chromium(test)?;
        let dir = WorkDir::new(test);
        dir.write("crash.ndjson", make::crashed(60)).write("b.ndjson", make::deadlocked());
        let report = ["report", "crash.ndjson", "b.ndjson", "-o", "page.html"];
        dir.gleak(&report).ends(0).quiet();
        let page = dir.read("page.html");
        dir.write("word.html", "<!DOCTYPE html><title>t</title><p>word</p>");
        let opened = Opened { dir, browser, page };
        let works = *WORKS.get_or_init(|| opened.tried("word.html", "", &[]).is_some());
        if !works {
            eprintln!("skipped: {test}: the browser does not end with a page of one word");
        }
        works.then_some(opened)
    }

    /// What the document has become once all of it has run. Nothing may be complained of.
    #[track_caller]
    fn document(&self, file: &str, hash: &str, arguments: &[&str]) -> String {
        let (document, complaints) = self.complained(file, hash, arguments);
        assert_eq!(complaints, Vec::<String>::new());
        document
    }

    /// As [`Opened::document`], with the complaints.
    #[track_caller]
    fn complained(&self, file: &str, hash: &str, arguments: &[&str]) -> (String, Vec<String>) {
        let shown = self.tried(file, hash, arguments);
        let (document, said) = shown.unwrap_or_else(|| panic!("{file}: the browser hangs"));
        let complaints = said.lines().filter(|line| line.contains("CONSOLE"));
        let complaints = complaints.map(str::to_owned).collect();
        (document, complaints)
    }

    /// The document, and what was said meanwhile; none if the browser did not end in all of [`TRIES`].
    #[track_caller]
    fn tried(&self, file: &str, hash: &str, arguments: &[&str]) -> Option<(String, String)> {
        (0..TRIES).find_map(|at| {
            let profile =
                format!("--user-data-dir={}", self.dir.path(&format!("profile{at}")).display());
            let mut command = Command::new(&self.browser);
            command
                .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
                .args(["--no-first-run", "--disable-background-networking"])
                .args(["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"])
                .args(["--enable-logging=stderr", "--virtual-time-budget=10000", &profile])
                .args(arguments)
                .arg("--dump-dom")
                .arg(format!("file://{}{hash}", self.dir.path(file).display()));
            self.ended(command)
        })
    }

    /// Runs it to its end, if that comes in time. Its output goes to files: helper processes outlive a
    /// browser, and would keep pipes open. None of them is left.
    #[track_caller]
    fn ended(&self, mut command: Command) -> Option<(String, String)> {
        let [stdout, stderr] = ["stdout", "stderr"].map(|it| self.dir.path(it));
        command.stdin(Stdio::null()).process_group(0);
        command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
        let mut child = command.spawn().unwrap();
        let group = Pid::from_child(&child);
        let (ends, ended) = mpsc::channel();
        let waiter = std::thread::spawn(move || ends.send(child.wait()));
        let status = ended.recv_timeout(PATIENCE);
        // Refused where nobody is left.
        let _ = kill_process_group(group, Signal::KILL);
        waiter.join().unwrap().ok();
        let said = String::from_utf8_lossy(&self.dir.read_bytes("stderr")).into_owned();
        assert!(
            status.as_ref().map_or(true, |it| it.as_ref().is_ok_and(|it| it.success())),
            "{said}"
        );
        status.ok().map(|_| (self.dir.read("stdout"), said))
    }

    /// What a script has to say of the page. The policy is taken out of it, since it lets no other script run.
    #[track_caller]
    fn asked(&self, script: &str, arguments: &[&str]) -> serde_json::Value {
        let policy = self.page.find("<meta http-equiv").unwrap();
        let end = policy + self.page[policy..].find("/>").unwrap() + 2;
        let asks =
            format!("<script>document.title = JSON.stringify((() => {{ {script} }})());</script>");
        let page = format!("{}{}", &self.page[..policy], &self.page[end..]);
        self.dir.write("asked.html", page.replace("</body>", &format!("{asks}</body>")));
        let document = self.document("asked.html", "", arguments);
        let title = document.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
        let title = title.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        serde_json::from_str(&title).unwrap_or_else(|error| panic!("{error}: {title}"))
    }
}

/// Whether the finding with this fingerprint is unfolded.
#[track_caller]
fn is_open(document: &str, print: &str) -> bool {
    let at = document.find(&format!("id=\"g-{print}\"")).unwrap_or_else(|| panic!("no {print}"));
    let start = document[..at].rfind("<details class=\"finding").unwrap();
    document[start..start + document[start..].find('>').unwrap()].contains(" open")
}

/// The ids of findings, in their order.
fn findings(page: &str) -> Vec<&str> {
    page.split("id=\"g-").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect()
}

#[test]
fn a_link_opens_what_is_folded_and_the_policy_lets_the_script_run() {
    let Some(opened) = Opened::new("browser-links") else { return };
    // All are folded, so that a link has something to open.
    opened.dir.write("folded.html", opened.page.replace(" open=\"open\"", ""));
    let prints = findings(&opened.page);
    assert_eq!(prints.len(), 4);
    for print in &prints {
        let document = opened.document("folded.html", &format!("#g-{print}"), &[]);
        for other in &prints {
            assert_eq!(is_open(&document, other), other == print, "{print}: {other}");
        }
        assert!(!document.contains("class=\"tools\" hidden"), "the script shows the tools");
    }
    // A task in a list that is folded within what is folded.
    let document = opened.document("folded.html", "#t-7", &[]);
    assert!(is_open(&document, prints[0]));
    assert!(document.contains("<details class=\"ids\" open=\"\">"));
}

#[test]
fn a_page_can_be_read_where_no_script_runs() {
    let Some(opened) = Opened::new("browser-blocked") else { return };
    let (allowed, rest) = opened.page.split_once("script-src &#39;").unwrap();
    let (_, rest) = rest.split_once("&#39;").unwrap();
    let blocked = format!("{allowed}script-src &#39;none&#39;{rest}");
    opened.dir.write("blocked.html", blocked.replace(" open=\"open\"", ""));
    let print = findings(&opened.page)[1];
    let (document, complaints) = opened.complained("blocked.html", &format!("#g-{print}"), &[]);
    assert!(complaints.len() == 1 && complaints[0].contains("script-src"), "{complaints:?}");
    assert!(document.contains("class=\"tools\" hidden"), "no tool that does nothing");
    assert!(!document.contains("<button"), "nor a button");
    // The browser itself unfolds what an address leads to.
    assert!(is_open(&document, print));
    let text = opened.page.matches("<li").count();
    assert_eq!(document.matches("<li").count(), text, "nothing is made by a script");
}

#[test]
fn the_page_is_xml_for_a_browser_too() {
    let Some(opened) = Opened::new("browser-xml") else { return };
    opened.dir.write("page.xhtml", &opened.page);
    opened.dir.write("hostile", make::hostile());
    opened.dir.gleak(&["report", "hostile", "--format", "html", "-o", "hostile.xhtml"]).ends(0);
    for file in ["page.xhtml", "hostile.xhtml"] {
        let document = opened.document(file, "", &[]);
        assert!(!document.contains("parsererror"), "{file}");
        assert!(document.contains("<footer>gleak "), "{file} is read to its end");
        assert!(!document.contains("class=\"tools\" hidden"), "{file}: its script has run");
    }
}

#[test]
fn a_filter_hides_the_other_groups_and_a_head_sorts() {
    let Some(opened) = Opened::new("browser-filter") else { return };
    let script = "
        const part = document.querySelector('.listed');
        const field = part.querySelector('input');
        const shown = () => Array.from(part.querySelectorAll('tbody'))
            .filter(it => getComputedStyle(it).display !== 'none')
            .map(it => it.querySelector('.site').textContent);
        const filtered = text => {
            field.value = text;
            field.dispatchEvent(new Event('input'));
            return [shown(), part.querySelector('output').textContent];
        };
        const click = number => {
            const head = part.querySelectorAll('th')[number];
            head.querySelector('button').click();
            return [shown().slice(0, 2), head.getAttribute('aria-sort')];
        };
        const others = document.querySelectorAll('.listed')[1];
        return {
            word: filtered('MIRROR'), two: filtered('http lock'), member: filtered('cruncher'),
            none: filtered('no such'), others: others.querySelectorAll('tbody:not([hidden])').length,
            all: filtered('')[1],
            least: [click(0), click(0)], names: [click(4), click(4)],
        };";
    for size in ["--window-size=1200,900", "--window-size=500,900"] {
        let said = opened.asked(script, &[size]);
        assert_eq!(
            said["word"],
            serde_json::json!([["src/mirror.rs:4"], "1 of 9 shown"]),
            "{size}"
        );
        assert_eq!(said["two"], serde_json::json!([["src/http.rs:52"], "1 of 9 shown"]));
        assert_eq!(said["member"], serde_json::json!([["src/stats.rs:3"], "1 of 9 shown"]));
        assert_eq!(said["none"], serde_json::json!([[], "0 of 9 shown"]));
        assert_eq!((said["others"].as_u64(), said["all"].as_str()), (Some(2), Some("")));
        let most = serde_json::json!([["src/pool.rs:41", "src/http.rs:52"], "descending"]);
        assert_eq!(said["least"][0], most);
        assert_eq!(said["least"][1][1], "ascending");
        let first = serde_json::json!([["src/audit.rs:9", "src/http.rs:52"], "ascending"]);
        assert_eq!(said["names"][0], first);
        assert_eq!(said["names"][1][0][0], "src/store.rs:34");
    }
}

#[test]
fn every_link_leads_somewhere_and_nothing_is_cut_off() {
    let Some(opened) = Opened::new("browser-layout") else { return };
    let script = "
        const links = Array.from(document.querySelectorAll('a'));
        const root = document.documentElement;
        const svgs = Array.from(document.querySelectorAll('svg.waits'));
        const sticks = svg => Array.from(svg.querySelectorAll('text, rect, ellipse, path')).filter(it => {
            const box = it.getBBox(), view = svg.viewBox.baseVal;
            return 0 > box.x || 0 > box.y || box.x + box.width > view.width || box.y + box.height > view.height;
        }).map(it => it.outerHTML);
        const before = document.querySelectorAll('details:not([open])').length;
        window.dispatchEvent(new Event('beforeprint'));
        const printed = document.querySelectorAll('details:not([open])').length;
        window.dispatchEvent(new Event('afterprint'));
        return {
            dead: links.filter(it => !document.getElementById(decodeURIComponent(it.hash.slice(1)))).map(it => it.href),
            links: links.length, svgs: svgs.length, sticks: svgs.flatMap(sticks),
            wide: root.scrollWidth - root.clientWidth,
            folded: [before > 0, printed, document.querySelectorAll('details:not([open])').length === before],
        };";
    for size in ["--window-size=1400,900", "--window-size=500,900"] {
        let said = opened.asked(script, &[size]);
        assert_eq!(said["dead"], serde_json::json!([]));
        assert!(said["links"].as_u64() > Some(20), "{said}");
        assert_eq!((said["svgs"].as_u64(), &said["sticks"]), (Some(3), &serde_json::json!([])));
        assert_eq!(said["wide"], 0, "{size}: the page is wider than the window");
        assert_eq!(said["folded"], serde_json::json!([true, 0, true]), "on paper all is open");
    }
}
