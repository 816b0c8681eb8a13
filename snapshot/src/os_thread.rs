//! OS threads of which the runtime knows nothing but what the system says.
//!
//! They stand in no snapshot and no dump: who tells of them has asked the system at that moment.

/// A thread that the runtime has neither made nor been asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OsThread {
    /// The kernel's id of it. They are used again.
    pub tid: u32,
    /// When it was made, in the kernel's ticks since the start of the machine: together with its id it
    /// names a thread.
    pub started_ticks: u64,
    /// For how long it has been there.
    pub age_ns: u64,
    /// The kernel's name of it, of which that keeps 15 bytes. A thread without a name of its own has that of
    /// the thread that made it.
    pub name: String,
    /// What it was doing.
    pub state: ThreadState,
}

/// What the kernel says that a thread does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ThreadState {
    /// It runs, or is about to.
    Running,
    /// It waits for something, as long as that takes.
    Sleeping,
    /// It waits for a device, and takes no signal meanwhile.
    Blocked,
    /// It was stopped from outside.
    Stopped,
}

impl ThreadState {
    /// Every one of them, in their order.
    pub const ALL: [ThreadState; 4] =
        [ThreadState::Running, ThreadState::Sleeping, ThreadState::Blocked, ThreadState::Stopped];

    /// Its word in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            ThreadState::Running => "running",
            ThreadState::Sleeping => "sleeping",
            ThreadState::Blocked => "in a device",
            ThreadState::Stopped => "stopped",
        }
    }
}
