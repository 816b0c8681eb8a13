//! Whether frames, stacks and tasks name modules, frames and stacks that are there.

use crate::{FrameId, Invalid, Snapshot, StackId};

impl Snapshot {
    pub(super) fn check_code(&self, faults: &mut Vec<Invalid>) {
        for (index, frame) in (0..).zip(&self.frames) {
            let missing = frame.module.filter(|module| is_beyond(module.0, &self.modules));
            let frame = FrameId(index);
            faults.extend(missing.map(|module| Invalid::NoModule { frame, module }));
        }
        for (index, stack) in (0..).zip(&self.stacks) {
            let missing = stack.frames.iter().filter(|frame| is_beyond(frame.0, &self.frames));
            let stack = StackId(index);
            faults.extend(missing.map(|frame| Invalid::NoFrame { stack, frame: *frame }));
        }
        for task in &self.tasks {
            let named = [task.backtrace, task.spawn_backtrace].into_iter().flatten();
            let missing = named.filter(|stack| is_beyond(stack.0, &self.stacks));
            faults.extend(missing.map(|stack| Invalid::NoStack { task: task.id, stack }));
        }
    }
}

fn is_beyond<T>(index: u32, table: &[T]) -> bool {
    index as usize >= table.len()
}
