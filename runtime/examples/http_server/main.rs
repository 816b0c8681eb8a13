//! An HTTP server with one task per request, a page about its own tasks and a graceful shutdown.
//!
//! `/api/users` asks two sources at once, `/debug/tasks` tells how many tasks there are and what
//! they wait for, and `/debug/tasks/dump` is a dump: `curl -s ADDRESS/debug/tasks/dump | gleak report -`.
//! A line on standard input, or its end, shuts the server down: it takes no new connection, and
//! ends when the requests that it works on have been answered.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to people")]

mod debug;
mod http;
mod users;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use gleak_runtime::net::{TcpListener, TcpStream};
use gleak_runtime::time::Instant;
use gleak_runtime::{Builder, Context, WaitGroup, blocking, go, run, sleep};

use http::Response;

/// How long a peer may take to send its request, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    run(move || {
        let listener = Arc::new(TcpListener::bind(address)?);
        println!("listening on {}", listener.local_addr()?);
        let (ctx, cancel) = Context::background().with_cancel();
        let accepting = {
            let listener = listener.clone();
            go! { accept(&listener, &ctx) }
        };
        blocking(|| io::stdin().read_line(&mut String::new()))?;
        cancel.cancel();
        // A deadline in the past ends the accept that waits.
        listener.set_deadline(Some(Instant::now()));
        let requests = accepting.join().map_err(|panic| io::Error::other(panic.to_string()))??;
        println!("shut down after {requests} requests");
        Ok(())
    })
}

/// A task for each connection, until the context is done; comes back when all have ended.
fn accept(listener: &TcpListener, ctx: &Context) -> io::Result<u64> {
    let open = WaitGroup::new();
    let mut requests = 0;
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => {
                requests += 1;
                let (token, ctx) = (open.token(), ctx.clone());
                Builder::new()
                    .name(format!("request {requests}"))
                    .spawn(move || {
                        let _token = token; // Done when it goes, also by a panic.
                        if let Err(error) = serve(stream, &ctx) {
                            eprintln!("request {requests}: {error}");
                        }
                    })
                    .map_err(io::Error::other)?;
            }
            Err(_) if ctx.is_done() => break,
            Err(error) => {
                // The peer has gone again, or there is no descriptor left right now.
                eprintln!("accept: {error}");
                sleep(Duration::from_millis(10));
            }
        }
    }
    open.wait();
    Ok(requests)
}

/// One request, and its answer.
fn serve(mut stream: TcpStream, ctx: &Context) -> io::Result<()> {
    let patience = Some(Instant::now() + PATIENCE);
    stream.set_read_deadline(patience);
    stream.set_write_deadline(patience);
    let response = match http::read_request(&mut stream)? {
        None => Response::text(400, "no HTTP request\n"),
        Some(request) => match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/") => Response::text(200, "hello\n"),
            ("GET", "/api/users") => users::handle(ctx),
            ("GET", "/debug/tasks") => debug::page(),
            ("GET", "/debug/tasks/dump") => debug::dump()?,
            ("GET", _) => Response::text(404, "no such page\n"),
            (_, _) => Response::text(405, "GET only\n"),
        },
    };
    http::write_response(&mut stream, &response)
}
