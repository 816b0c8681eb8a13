//! Several URLs at the same time in a group: the first error cancels the others, and
//! waiting for the group gives it back when all have ended. The pages come from a server in the
//! same program; one of them answers only when its client has gone.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use gleak_runtime::net::{Shutdown, TcpListener, TcpStream};
use gleak_runtime::time::Instant;
use gleak_runtime::{Context, ErrGroup, go, run};

fn main() -> io::Result<()> {
    run(|| {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0")?);
        let address = listener.local_addr()?;
        let serving = {
            let listener = listener.clone();
            go! { serve(&listener) }
        };
        for paths in [["/users", "/products", "/orders"], ["/users", "/missing", "/slow"]] {
            let (group, ctx) = ErrGroup::with_context(&Context::background());
            for path in paths {
                let ctx = ctx.clone();
                group.go(move || fetch(&ctx, address, path));
            }
            println!("{paths:?}: {:?}", group.wait());
        }
        listener.set_deadline(Some(Instant::now()));
        serving.join().map_err(|panic| io::Error::other(panic.to_string()))
    })
}

/// Gets a page, unless the context is done first: then the connection is shut down.
fn fetch(ctx: &Context, address: SocketAddr, path: &str) -> Result<(), String> {
    let wrong = |error: io::Error| format!("{path}: {error}");
    let mut stream = TcpStream::connect(address).map_err(wrong)?;
    let (done, release) = ctx.with_cancel();
    let connection = stream.try_clone().map_err(wrong)?;
    let guard = go! {
        done.done().wait();
        // An error says that the peer was first.
        let _ = connection.shutdown(Shutdown::Both);
    };
    let answer = get(&mut stream, path);
    release.cancel();
    guard.join().map_err(|panic| panic.to_string())?;
    match answer.map_err(wrong)? {
        Some(200) => Ok(()),
        Some(status) => Err(format!("{path}: status {status}")),
        None => Err(format!("{path}: no answer")),
    }
}

fn get(stream: &mut TcpStream, path: &str) -> io::Result<Option<u16>> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(&answer).map_err(io::Error::other)?;
    Ok(response.code)
}

/// Answers until the listener's deadline; the tasks of its connections are joined.
fn serve(listener: &TcpListener) {
    let open = listener.incoming().map_while(Result::ok).map(|stream| go! { answer(stream) });
    for task in open.collect::<Vec<_>>() {
        task.join().expect("an answer does not panic").unwrap_or_default();
    }
}

/// Reads the whole head, then answers: who answers earlier closes on a peer that still writes.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    let lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let status = match head.first().and_then(|line| line.split(' ').nth(1)) {
        Some("/slow") => return stream.read(&mut [0]).map(drop),
        Some("/missing") => "404 Not Found",
        Some(_) => "200 OK",
        None => "400 Bad Request",
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
}
