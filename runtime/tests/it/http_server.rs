//! The HTTP server among the examples: it serves many at once, shows its own tasks, hands out a
//! dump, and shuts down without leaving one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};

use gleak_runtime::report::detector::{Question, analyze};
use gleak_runtime::report::snapshot::{Snapshot, Task, TaskState, Wait, WaitReason, read_dump};

use crate::programs::{example, folder, stderr};

struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(workers: &str) -> Server {
        let mut child = example("http_server", &folder(&format!("http-{workers}")))
            .env("GLEAK_WORKERS", workers)
            .env("GLEAK_EXIT", "wait")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Server { child, out, address }
    }

    /// The status and the body.
    fn ask(&self, request: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.write_all(request).expect("it reads");
        finish(stream)
    }

    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
    }

    fn dump(&self) -> Snapshot {
        let (status, body) = self.get("/debug/tasks/dump");
        assert_eq!(status, 200);
        read_dump(&mut body.as_slice()).expect("a dump")
    }

    fn tell_to_end(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for its end, and comes back with its last words.
    fn shut_down(mut self) -> String {
        self.tell_to_end();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("its last words");
        let output = self.child.wait_with_output().expect("its end");
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{rest}");
        rest
    }
}

/// Reads an answer to its end.
fn finish(mut stream: TcpStream) -> (u16, Vec<u8>) {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let head = response.parse(&answer).expect("HTTP").unwrap();
    (response.code.expect("a status"), answer.split_off(head))
}

fn text((status, body): (u16, Vec<u8>)) -> (u16, String) {
    (status, String::from_utf8(body).expect("text"))
}

#[test]
fn it_answers_many_at_once_and_loses_no_request() {
    for workers in ["1", "4"] {
        let server = Server::start(workers);
        std::thread::scope(|scope| {
            let ask = || {
                for _ in 0..10 {
                    assert_eq!(text(server.get("/")), (200, "hello\n".to_owned()));
                    let users = (200, "orders=2 users=2\n".to_owned());
                    assert_eq!(text(server.get("/api/users")), users);
                }
            };
            (0..10).for_each(|_| drop(scope.spawn(ask)));
        });
        assert_eq!(server.shut_down(), "shut down after 200 requests\n");
    }
}

#[test]
fn what_is_no_request_of_its_own_is_told_so() {
    let server = Server::start("2");
    assert_eq!(server.get("/no-such-page").0, 404);
    assert_eq!(server.ask(b"PUT / HTTP/1.1\r\n\r\n").0, 405);
    assert_eq!(server.ask(b"\x16\x03\x01 no HTTP\r\n\r\n").0, 400);
    // A head that comes in pieces is one head.
    let mut stream = TcpStream::connect(&server.address).expect("it listens");
    for piece in ["GET / HT", "TP/1.1\r\nHost: a", "\r\n\r\n"] {
        stream.set_nodelay(true).expect("a socket");
        stream.write_all(piece.as_bytes()).expect("it reads");
    }
    assert_eq!(finish(stream).0, 200);
    assert_eq!(server.shut_down(), "shut down after 4 requests\n");
}

#[test]
fn its_debug_page_counts_and_groups_and_its_dump_can_be_judged() {
    let mut server = Server::start("2");
    // A request that is not complete: its task waits for the rest.
    let mut open = TcpStream::connect(&server.address).expect("it listens");
    open.write_all(b"GET / HTTP/1.1\r\n").expect("it reads");
    let waits = |task: &Task| {
        let reads = |wait: &Wait| wait.reason == WaitReason::Read;
        let named = task.name.as_deref() == Some("request 1");
        named && matches!(&task.state, TaskState::Waiting(wait) if reads(wait))
    };
    let snapshot = loop {
        let snapshot = server.dump();
        if snapshot.tasks.iter().any(waits) {
            break snapshot;
        }
    };
    assert_eq!(snapshot.validate(), Ok(()));
    let report = analyze(&snapshot, &Question::default());
    assert_eq!(report.findings.len(), 0, "a server at work is healthy: {:?}", report.findings);
    // Main, the one that accepts, the open request, and the one that asks.
    assert!(report.totals.tasks >= 4, "{:?}", report.totals);

    let (status, page) = text(server.get("/debug/tasks"));
    assert_eq!(status, 200);
    let count = page.lines().next().and_then(|line| line.strip_prefix("tasks: "));
    assert!(count.is_some_and(|it| it.parse::<u32>().is_ok_and(|it| it >= 4)), "{page}");
    assert!(page.contains("to read from socket") && page.contains("http_server::main"), "{page}");

    // The request that was under way when the server was told to end is still answered.
    server.tell_to_end();
    open.write_all(b"\r\n").expect("it reads");
    assert_eq!(finish(open).0, 200);
    let last = server.shut_down();
    assert!(last.starts_with("shut down after "), "{last}");
}
