//! Where the stacks of tasks stood, unwound from their bytes in memory by the tables of the files that were
//! loaded: as the runtime does it of itself, up to the task's entry.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{FrameAddress, Unwinder};
use gleak_detector::snapshot::image::{Interpreted, Memory};
use gleak_detector::snapshot::{Frame, FrameId, ModuleId, Registers, Snapshot, Stack, StackId};

use super::code::WithFiles;

/// More frames than this are not looked at.
const FRAMES_MAX: usize = 4096;

/// Adds the stacks to the snapshot, and counts those that were not had.
pub(super) fn add(found: Interpreted, memory: &WithFiles<'_>) -> Snapshot {
    let Interpreted { mut snapshot, standing, stack_root } = found;
    let mut walker = Walker {
        memory,
        root: stack_root,
        cache: CacheX86_64::new(),
        tables: UnwinderX86_64::new(),
        asked: BTreeSet::new(),
    };
    let mut table = Table::default();
    for (task, registers) in standing {
        let Ok(at) = snapshot.tasks.binary_search_by_key(&task, |it| it.id) else { continue };
        match walker.walk(registers) {
            Some(stack) => snapshot.tasks[at].backtrace = table.stack(stack),
            None => snapshot.completeness.lost_stacks += 1,
        }
    }
    table.finish(memory, &mut snapshot);
    snapshot
}

struct Walker<'a, 'm> {
    memory: &'a WithFiles<'m>,
    root: u64,
    cache: CacheX86_64,
    tables: UnwinderX86_64<Vec<u8>>,
    /// Files whose tables have been asked for.
    asked: BTreeSet<usize>,
}

/// Instructions, innermost first, and whether it ends before the task's entry.
type Addresses = (Vec<u64>, bool);

impl Walker<'_, '_> {
    /// None when it does not stand in code.
    fn walk(&mut self, from: Registers) -> Option<Addresses> {
        self.learn(from.ip)?;
        let mut addresses = vec![from.ip];
        let mut registers = UnwindRegsX86_64::new(from.ip, from.sp, from.bp);
        let mut at = FrameAddress::InstructionPointer(from.ip);
        while addresses.len() < FRAMES_MAX {
            let before = registers.sp();
            let memory = self.memory;
            let read = &mut |address| {
                let mut bytes = [0; 8];
                memory.read(address, &mut bytes).then(|| u64::from_le_bytes(bytes)).ok_or(())
            };
            let found = self.tables.unwind_frame(at, &mut registers, &mut self.cache, read);
            let Ok(Some(caller)) = found else { break };
            if caller == self.root {
                return Some((addresses, false));
            }
            // A stack grows downwards: who does not come nearer to its base never gets there.
            if registers.sp() <= before || self.learn(caller.wrapping_sub(1)).is_none() {
                break;
            }
            let Some(next) = FrameAddress::from_return_address(caller) else { break };
            addresses.push(caller - 1);
            at = next;
        }
        Some((addresses, true))
    }

    /// Reads the tables of the file that an instruction is of. None for what is no code.
    fn learn(&mut self, address: u64) -> Option<()> {
        let number = self.memory.module_of(address)?;
        if self.asked.insert(number) {
            let loaded = &self.memory.loaded[number];
            if let Some(sections) = loaded.tables(self.memory) {
                let (path, base) = (loaded.module.path.clone(), loaded.module.base);
                let code = loaded.code.clone();
                self.tables.add_module(framehop::Module::new(path, code, base, sections));
            }
        }
        Some(())
    }
}

/// Stacks of one snapshot, each once.
#[derive(Default)]
struct Table {
    found: Vec<Addresses>,
    ids: HashMap<Addresses, StackId>,
}

impl Table {
    fn stack(&mut self, stack: Addresses) -> Option<StackId> {
        if let Some(known) = self.ids.get(&stack) {
            return Some(*known);
        }
        let id = StackId(u32::try_from(self.found.len()).ok()?);
        self.found.push(stack.clone());
        self.ids.insert(stack, id);
        Some(id)
    }

    fn finish(self, memory: &WithFiles<'_>, snapshot: &mut Snapshot) {
        let mut frames: BTreeMap<u64, FrameId> = BTreeMap::new();
        let mut modules: BTreeMap<usize, ModuleId> = BTreeMap::new();
        let index = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        // Whatever is known of stacks, the program is a module of it.
        if let Some(first) = memory.loaded.first() {
            modules.insert(0, ModuleId(index(snapshot.modules.len())));
            snapshot.modules.push(first.module.clone());
        }
        for (addresses, cut) in self.found {
            let mut ids = Vec::with_capacity(addresses.len());
            for address in addresses {
                ids.push(*frames.entry(address).or_insert_with(|| {
                    let module = memory.module_of(address).map(|number| {
                        *modules.entry(number).or_insert_with(|| {
                            snapshot.modules.push(memory.loaded[number].module.clone());
                            ModuleId(index(snapshot.modules.len() - 1))
                        })
                    });
                    let base = module.map_or(0, |it| snapshot.modules[it.0 as usize].base);
                    let address = address.wrapping_sub(base);
                    snapshot.frames.push(Frame { module, address, symbols: Vec::new() });
                    FrameId(index(snapshot.frames.len() - 1))
                }));
            }
            snapshot.stacks.push(Stack { frames: ids, cut });
        }
    }
}
