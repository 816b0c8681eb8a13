//! Sockets that give up with a context.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use gleak_runtime::net::{TcpListener, UnixStream, with_context};
use gleak_runtime::{Cancelled, Context, yield_now};

use crate::support::{each, each_task, joined};

const FAR: Duration = Duration::from_secs(3600);

fn why<T>(done: io::Result<T>) -> Option<(ErrorKind, Cancelled)> {
    let error = done.err()?;
    let why = error.get_ref()?.downcast_ref::<Cancelled>()?;
    Some((error.kind(), *why))
}

const BY_HANDLE: Option<(ErrorKind, Cancelled)> = Some((ErrorKind::Other, Cancelled::ByHandle));

#[test]
fn one_cancel_ends_the_waits_of_all() {
    each(|world| {
        let (ctx, cancel) = Context::background().with_cancel();
        let mut peers = Vec::new();
        let readers = world.many(200, |_| {
            let (mut stream, peer) = UnixStream::pair().unwrap();
            peers.push(peer);
            let (ctx, _far) = ctx.with_timeout(FAR);
            move || with_context(&ctx, || why(stream.read(&mut [0; 8])))
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = ctx.clone();
        let accepts = world.go(move || with_context(&own, || why(listener.accept())));
        cancel.cancel();
        assert!(joined(readers).into_iter().all(|why| why == BY_HANDLE));
        assert_eq!(accepts.join().unwrap(), BY_HANDLE);
        drop(peers);
    });
}

#[test]
fn a_deadline_ends_a_wait_and_says_so() {
    each_task(|| {
        let (mut stream, _peer) = UnixStream::pair().unwrap();
        let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(2));
        let told = with_context(&ctx, || why(stream.read(&mut [0; 8])));
        assert_eq!(told, Some((ErrorKind::TimedOut, Cancelled::DeadlineExceeded)));
        assert!(ctx.is_done());
    });
}

#[test]
fn who_gives_up_takes_nothing_from_the_stream() {
    each(|world| {
        let pairs: Vec<_> = (0..300).map(|_| UnixStream::pair().unwrap()).collect();
        let tasks: Vec<_> = pairs
            .into_iter()
            .enumerate()
            .map(|(number, (mut reader, mut writer))| {
                let (ctx, cancel) = Context::background().with_cancel();
                let racing = world.go(move || {
                    (0..number % 5).for_each(|_| yield_now());
                    cancel.cancel();
                    writer.write_all(b"12345678").unwrap();
                });
                world.go(move || {
                    let mut got = Vec::new();
                    let mut buffer = [0; 3];
                    if let Ok(read) = with_context(&ctx, || reader.read(&mut buffer)) {
                        got.extend(&buffer[..read]);
                    }
                    racing.join().unwrap();
                    // The writer has gone: the rest, and the end.
                    reader.read_to_end(&mut got).unwrap();
                    got
                })
            })
            .collect();
        assert!(joined(tasks).into_iter().all(|got| got == b"12345678"));
    });
}

#[test]
fn it_ends_with_the_call_and_concerns_nobody_else() {
    each(|world| {
        let (ctx, cancel) = Context::background().with_cancel();
        cancel.cancel();
        let (mut stream, mut peer) = UnixStream::pair().unwrap();
        let task = world.go(move || {
            assert_eq!(with_context(&ctx, || why(stream.read(&mut [0; 1]))), BY_HANDLE);
            let mut buffer = [0; 1];
            // Outside, in a call of another context, and in another task it waits.
            stream.read_exact(&mut buffer).unwrap();
            with_context(&ctx, || {
                with_context(&Context::background(), || stream.read_exact(&mut buffer)).unwrap();
                let child = gleak_runtime::spawn(move || stream.read_exact(&mut [0; 1]));
                child.join().unwrap().unwrap();
            });
        });
        peer.write_all(b"123").unwrap();
        task.join().unwrap();
    });
}

#[test]
fn the_end_of_a_peer_is_no_cancel() {
    each(|world| {
        let (ctx, _cancel) = Context::background().with_cancel();
        let tasks = world.many(100, |_| {
            let (mut stream, peer) = UnixStream::pair().unwrap();
            let ctx = ctx.clone();
            move || {
                gleak_runtime::spawn(move || drop(peer));
                with_context(&ctx, || stream.read(&mut [0; 8])).unwrap()
            }
        });
        assert!(joined(tasks).into_iter().all(|read| read == 0));
    });
}
