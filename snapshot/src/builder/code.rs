//! Modules, frames and stacks of a [`SnapshotBuilder`].

use super::{SnapshotBuilder, parse_site};
use crate::{Frame, FrameId, Module, ModuleId, Stack, StackId, Symbol};

impl SnapshotBuilder {
    /// The id of a module whose address 0 lay at `base`.
    pub fn module(&mut self, path: &str, base: u64, build_id: Option<&str>) -> ModuleId {
        let build_id = build_id.map(str::to_owned);
        let module = Module { path: path.to_owned(), base, build_id };
        ModuleId(intern(&mut self.snapshot.modules, module))
    }

    /// The id of a frame with its names, innermost first: function, and `file:line` or nothing. A
    /// frame without names has not been looked up.
    ///
    /// # Panics
    ///
    /// When a place is neither `file:line` nor empty.
    #[track_caller]
    pub fn frame(
        &mut self,
        module: Option<ModuleId>,
        address: u64,
        names: &[(&str, &str)],
    ) -> FrameId {
        let mut symbols = Vec::new();
        for (function, place) in names {
            let site = (!place.is_empty()).then(|| parse_site(place));
            let line = site.as_ref().map(|site| site.line);
            let file = site.map(|site| site.file);
            symbols.push(Symbol { function: (*function).to_owned(), file, line });
        }
        FrameId(intern(&mut self.snapshot.frames, Frame { module, address, symbols }))
    }

    /// The id of a whole stack of frames, innermost first, each with one name and in no module:
    /// function, and `file:line` or nothing.
    ///
    /// # Panics
    ///
    /// When a place is neither `file:line` nor empty.
    #[track_caller]
    pub fn stack(&mut self, frames: &[(&str, &str)]) -> StackId {
        let mut ids = Vec::new();
        for name in frames {
            ids.push(self.frame(None, 0, &[*name]));
        }
        self.stack_of(&ids)
    }

    /// The id of a whole stack of frames made before, innermost first.
    pub fn stack_of(&mut self, frames: &[FrameId]) -> StackId {
        let stack = Stack { frames: frames.to_vec(), cut: false };
        StackId(intern(&mut self.snapshot.stacks, stack))
    }

    /// The id of a stack that ends before the task's entry.
    pub fn cut_stack_of(&mut self, frames: &[FrameId]) -> StackId {
        let stack = Stack { frames: frames.to_vec(), cut: true };
        StackId(intern(&mut self.snapshot.stacks, stack))
    }
}

fn intern<T: PartialEq>(table: &mut Vec<T>, value: T) -> u32 {
    let index = table.iter().position(|known| *known == value).unwrap_or_else(|| {
        table.push(value);
        table.len() - 1
    });
    u32::try_from(index).expect("fewer than 2^32 of a kind")
}
