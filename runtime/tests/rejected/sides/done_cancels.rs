//! Who waits for a context, or carries it, tries to cancel it.

use gleak_runtime::{CancelHandle, Context};

fn main() {
    let (ctx, _cancel) = Context::background().with_cancel();
    ctx.cancel();
    ctx.done().cancel();
    let _: CancelHandle = ctx.done().into();
    let _: CancelHandle = ctx.into();
}
