//! Which file has the names of a module: the one with the most to say among those that are the
//! module's.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use gleak_detector::snapshot::Module;

use super::binary::{Binary, BinaryFault, Wealth};

const NAMELESS: &str = "has no build id in the dump, so only --exe can say which file it is";

/// Where files of a module may be.
#[derive(Debug)]
pub(super) struct Places {
    /// Files that the user has named.
    pub(super) exes: Vec<Rc<Binary>>,
    /// Folders that have debug files by build id in `.build-id`, or by path.
    pub(super) debug_dirs: Vec<PathBuf>,
}

/// Whether a file is that of a module, by build id. Without one on both sides nothing tells that the
/// file is the one that ran, unless the user says so by naming it.
pub(super) fn is_of(binary: &Binary, module: &Module, named_by_user: bool) -> bool {
    match (&binary.build_id, &module.build_id) {
        (Some(its), Some(wanted)) => its == wanted,
        (None, None) => {
            named_by_user && binary.path.file_name() == Path::new(&module.path).file_name()
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The best file so far, and why the first other one was refused.
#[derive(Default)]
struct Choice {
    best: Option<Rc<Binary>>,
    refused: Option<String>,
}

impl Places {
    /// The file to look in, or why there is none.
    pub(super) fn find(&self, module: &Module) -> Result<Rc<Binary>, String> {
        let mut choice = Choice::default();
        for exe in self.exes.iter().filter(|exe| is_of(exe, module, true)) {
            choice.offer(Rc::clone(exe));
        }
        match &module.build_id {
            Some(build_id) => self.search(build_id, module, &mut choice),
            None => choice.refused = Some(NAMELESS.to_owned()),
        }
        match choice {
            Choice { best: Some(best), .. } if best.wealth > Wealth::Nothing => Ok(best),
            Choice { best: Some(_), .. } => Err("is stripped of all names".to_owned()),
            Choice { refused: Some(why), .. } => Err(why),
            Choice { .. } => Err("is not there".to_owned()),
        }
    }

    /// The file that a process had loaded, to read what lies in it; debug files have nothing of that.
    pub(super) fn loaded(&self, module: &Module) -> Result<Rc<Binary>, String> {
        if module.build_id.is_none() {
            return Err("has no build id in the memory of the process".to_owned());
        }
        if let Some(exe) = self.exes.iter().find(|exe| is_of(exe, module, true)) {
            return Ok(Rc::clone(exe));
        }
        let mut choice = Choice::default();
        let own = Path::new(&module.path);
        if own.is_absolute() {
            choice.look_at(own, module);
        }
        let why = choice.refused.unwrap_or_else(|| "is not there".to_owned());
        choice.best.ok_or(why)
    }

    fn search(&self, build_id: &str, module: &Module, choice: &mut Choice) {
        if let Some(file) = by_build_id(build_id) {
            for dir in &self.debug_dirs {
                choice.look_at(&dir.join(&file), module);
            }
        }
        // What else the loader lists, `linux-vdso.so.1` for one, is no file.
        let own = Path::new(&module.path);
        if own.is_absolute() {
            choice.look_at(own, module);
        }
        if let Some(binary) = choice.best.clone() {
            self.linked(&binary).iter().for_each(|path| choice.look_at(path, module));
        }
    }

    /// Where the debug information that was moved out of a file may be, as debuggers seek it.
    fn linked(&self, binary: &Binary) -> Vec<PathBuf> {
        let Some(name) = binary.debug_link.as_ref().filter(|_| binary.wealth < Wealth::Lines)
        else {
            return Vec::new();
        };
        // A name and no path: it comes from the file.
        let Some(name) = Path::new(name).file_name() else { return Vec::new() };
        let Some(folder) = binary.path.parent() else { return Vec::new() };
        let beside = [folder.join(name), folder.join(".debug").join(name)];
        let below_root = folder.strip_prefix("/").unwrap_or(folder);
        let elsewhere = self.debug_dirs.iter().map(|dir| dir.join(below_root).join(name));
        beside.into_iter().chain(elsewhere).collect()
    }
}

impl Choice {
    fn offer(&mut self, binary: Rc<Binary>) {
        if self.best.as_ref().is_none_or(|best| best.wealth < binary.wealth) {
            self.best = Some(binary);
        }
    }

    /// Takes a file if it is the module's; none there is no reason to refuse anything.
    fn look_at(&mut self, path: &Path, module: &Module) {
        if self.best.as_ref().is_some_and(|best| best.wealth == Wealth::Lines) {
            return;
        }
        let why = match Binary::open(path) {
            Ok(binary) if is_of(&binary, module, false) => return self.offer(Rc::new(binary)),
            Ok(binary) => mismatch(&binary, module),
            Err(BinaryFault::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(fault) => fault.to_string(),
        };
        // The reader knows the module; another file is named.
        let other = path != Path::new(&module.path);
        let why = if other { format!("{}: {why}", path.display()) } else { why };
        self.refused.get_or_insert(why);
    }
}

fn mismatch(binary: &Binary, module: &Module) -> String {
    let wanted = module.build_id.as_deref().unwrap_or("none");
    match &binary.build_id {
        Some(its) => format!("is another file by now: build id {its}, the dump has {wanted}"),
        None => format!("has no build id, the dump has {wanted}"),
    }
}

/// `.build-id/ab/cdef.debug`; none for what is no build id, which could name any path.
fn by_build_id(build_id: &str) -> Option<PathBuf> {
    let is_id = build_id.len() > 2 && build_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (folder, file) = is_id.then(|| build_id.split_at(2))?;
    Some([".build-id", folder, &format!("{file}.debug")].iter().collect())
}
