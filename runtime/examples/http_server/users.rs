//! A handler that fans out: users and their orders are fetched at the same time, and what has come
//! is put together under a mutex.

use std::sync::Arc;
use std::time::Duration;

use gleak_runtime::{Context, Mutex, WaitGroup, go, select};

use crate::http::Response;

/// The answer to `/api/users`.
pub(crate) fn handle(ctx: &Context) -> Response {
    let open = WaitGroup::new();
    let parts = Arc::new(Mutex::new(Vec::new()));
    for source in ["users", "orders"] {
        open.add(1);
        let (ctx, open, parts) = (ctx.clone(), open.clone(), parts.clone());
        go! {
            if let Some(part) = fetch(&ctx, source)
                && let Ok(mut parts) = parts.lock()
            {
                parts.push(part);
            }
            open.done();
        };
    }
    open.wait();
    let mut parts = parts.lock().map(|mut parts| std::mem::take(&mut *parts)).unwrap_or_default();
    parts.sort();
    Response::text(200, format!("{}\n", parts.join(" ")))
}

/// What a source knows, unless the server shuts down first.
fn fetch(ctx: &Context, source: &str) -> Option<String> {
    select! {
        _ = recv(ctx.done()) => None,
        after(Duration::from_millis(5)) => Some(format!("{source}=2")),
    }
}
