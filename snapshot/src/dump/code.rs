//! Modules, frames and stacks while reading: interned, and mended where one names a lost one.
//!
//! Invariant: after [`Code::mend`] every name within the three tables is there, and
//! [`Code::stack`] leaves no other in a task.

use super::intern::{Interned, LOST};
use super::line::LineCounts;
use crate::{Frame, FrameId, Module, ModuleId, Stack, StackId, Symbol};

/// The three tables, each of which names the one before it.
pub(super) struct Code {
    pub(super) modules: Interned<Module>,
    pub(super) frames: Interned<Frame>,
    pub(super) stacks: Interned<Stack>,
    /// How many lines of the three tables came twice.
    pub(super) doubles: u64,
    /// How many times a task named a stack that is lost.
    pub(super) lost_stacks: u64,
}

impl Code {
    pub(super) fn new(
        modules: Vec<(u32, Module)>,
        frames: Vec<(u32, Frame)>,
        stacks: Vec<(u32, Stack)>,
    ) -> Self {
        let (modules, double_modules) = Interned::new(modules);
        let (frames, double_frames) = Interned::new(frames);
        let (stacks, double_stacks) = Interned::new(stacks);
        let doubles = double_modules + double_frames + double_stacks;
        Code { modules, frames, stacks, doubles, lost_stacks: 0 }
    }

    pub(super) fn found(&self) -> LineCounts {
        LineCounts {
            module: self.modules.found(),
            frame: self.frames.found(),
            stack: self.stacks.found(),
            ..LineCounts::default()
        }
    }

    /// Puts placeholders where frames and stacks name what is lost; says how many of them do.
    pub(super) fn mend(&mut self) -> u64 {
        let Code { modules, frames, stacks, .. } = self;
        let mut changed = 0;
        for frame in frames.values_mut() {
            let Some(module) = &mut frame.module else { continue };
            let index = modules.index(module.0);
            *module = ModuleId(index.unwrap_or_else(|| modules.placeholder(lost_module)));
            changed += u64::from(index.is_none());
        }
        for stack in stacks.values_mut() {
            let mut whole = true;
            for frame in &mut stack.frames {
                let index = frames.index(frame.0);
                *frame = FrameId(index.unwrap_or_else(|| frames.placeholder(lost_frame)));
                whole &= index.is_some();
            }
            changed += u64::from(!whole);
        }
        changed
    }

    /// Resolves a task's stack, which it has no more when that is lost; says whether it was there.
    pub(super) fn stack(&mut self, stack: &mut Option<StackId>) -> bool {
        let Some(named) = *stack else { return true };
        *stack = self.stacks.index(named.0).map(StackId);
        self.lost_stacks += u64::from(stack.is_none());
        stack.is_some()
    }
}

fn lost_module() -> Module {
    Module { path: LOST.to_owned(), base: 0, build_id: None }
}

/// It has a name, so that nobody looks for one at its address.
fn lost_frame() -> Frame {
    let name = Symbol { function: LOST.to_owned(), file: None, line: None };
    Frame { module: None, address: 0, symbols: vec![name] }
}
