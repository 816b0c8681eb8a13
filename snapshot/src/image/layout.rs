//! What a process says of the layout of its own records, for whoever reads its memory when it has ended.
//!
//! ```text
//! MAGIC            16 bytes
//! VERSION          a word, as all that follow: little-endian
//! its own address  which tells the anchor from bytes that look like one
//! counts           of roots and of fields
//! roots            an address each, in the order of [`Root::ALL`]
//! fields           a number each, in the order of [`Field::ALL`]
//! ```
//!
//! Invariants:
//! 1. [`VERSION`] is raised with every change of these lists, and of what a record's words mean: the order
//!    of [`ObjectKind::ALL`](crate::ObjectKind::ALL), [`WaitOp::ALL`](crate::WaitOp::ALL),
//!    [`WaitReason::ALL`](crate::WaitReason::ALL) and [`RegionKind::ALL`](crate::RegionKind::ALL), by which
//!    records name them, is part of it.
//! 2. A number that the compiler chooses (offsets, sizes, where a location keeps its line) is said by the
//!    process or found by a probe, never assumed.

/// What an anchor begins with.
pub const MAGIC: [u8; 16] = *b"\xf1gleak anchor\r\n\x1a";

/// Raised when an older reader would be wrong.
pub const VERSION: u64 = 1;

/// Words before the roots.
pub const HEAD_WORDS: usize = 6;

/// Bytes of a whole anchor.
pub const ANCHOR_BYTES: usize = (HEAD_WORDS + Root::ALL.len() + Field::ALL.len()) * 8;

macro_rules! listed {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name {
            $($(#[$item_doc])* $item,)+
        }

        impl $name {
            /// Every one of them, in their order.
            pub const ALL: [$name; [$(stringify!($item)),+].len()] = [$($name::$item),+];
        }
    };
}

listed! {
    /// Where something lies that never moves.
    Root {
        /// The table of tasks and outside threads.
        Waiters,
        /// The table of wait nodes.
        Nodes,
        /// The table of objects.
        Objects,
        /// The table of regions.
        Regions,
        /// Addresses of workers, by index; zero for none.
        Seats,
        /// How many of these are in use: 32 bits.
        SeatCount,
        /// The coarse clock: nanoseconds.
        Clock,
        /// Tasks that no worker has spawned.
        SpawnedOutside,
        /// What tasks run: entries and their names.
        Entries,
        /// Where every task's stack ends: the return address of its outermost frame.
        StackRoot,
        /// A source location of which the probe says what is in it.
        Probe,
        /// The text that it names as its file.
        ProbeFile,
    }
}

listed! {
    /// A number of the layout: an offset in a record, a size, a code.
    Field {
        /// 1 when the process records waits; 0 when that was left out of it.
        Recorded,
        /// What the probe names: the length of its file.
        ProbeFileBytes,
        /// Its line.
        ProbeLine,
        /// Its column.
        ProbeColumn,
        /// Of a table: its array of chunks.
        TableChunks,
        /// How many chunks it can have.
        TableChunkCount,
        /// Records that have ever been in use: 32 bits.
        TableUsed,
        /// Records of a chunk.
        ChunkRecords,
        /// Of what every record starts with: its generation, odd while it lives. 32 bits.
        SlotGeneration,
        /// Of all states: how many low bits of the word they take. Above is the ticket.
        StateBits,
        /// The code of a state.
        StateFresh,
        /// The code of a state.
        StateRunning,
        /// The code of a state.
        StateRunnable,
        /// The code of a state.
        StateWaiting,
        /// The code of a state.
        StateClaimed,
        /// Of a waiter: its size.
        WaiterSize,
        /// Where its slot is.
        WaiterSlot,
        /// Its state and ticket.
        WaiterState,
        /// Its id.
        WaiterId,
        /// Its flags: 32 bits.
        WaiterFlags,
        /// A flag: a thread that is not the runtime's, or acts for a task.
        FlagThread,
        /// A flag: the main task of a call of `run`.
        FlagMain,
        /// A flag: it has a name or labels, which are kept elsewhere.
        FlagTagged,
        /// A flag: it may outlive what it came from.
        FlagBackground,
        /// A flag: it may live as long as the process.
        FlagDaemon,
        /// The worker that it has started on: 32 bits.
        WaiterWorker,
        /// Of a thread, its kernel id: 32 bits.
        WaiterPlace,
        /// The id of its parent.
        WaiterParent,
        /// Its region.
        WaiterRegion,
        /// What it runs.
        WaiterEntry,
        /// Where it was spawned.
        WaiterSite,
        /// The context that it has asked last.
        WaiterAsked,
        /// Locks that it reads.
        WaiterReads,
        /// How many there is room for.
        ReadCount,
        /// Locks that it reads and that are kept elsewhere: 32 bits.
        WaiterReadsMore,
        /// Its ancestors.
        WaiterAncestors,
        /// How many there is room for.
        AncestorCount,
        /// Of an ancestor: its size.
        AncestorSize,
        /// What it ran.
        AncestorEntry,
        /// Where it was spawned.
        AncestorSite,
        /// Of a waiter's wait: its reason. 32 bits.
        WaitReason,
        /// Its first arm: the node's index + 1. 32 bits.
        WaitFirst,
        /// Arms that are in no node: 32 bits.
        WaitUnlisted,
        /// 1 while it keeps its worker: 32 bits.
        WaitOnThread,
        /// Where it was called.
        WaitSite,
        /// Since when.
        WaitSince,
        /// Until when; zero without a timer.
        WaitUntil,
        /// Its instruction pointer.
        WaitIp,
        /// Its stack pointer; zero when it has no stack of its own.
        WaitSp,
        /// Its frame pointer register.
        WaitBp,
        /// Of a node: its size.
        NodeSize,
        /// Where its slot is.
        NodeSlot,
        /// What is tried: 32 bits.
        NodeOp,
        /// On what: a reference.
        NodeTarget,
        /// The next arm of the same wait: index + 1, 32 bits.
        NodeNextArm,
        /// Its neighbour in the object's queue: index + 1, 32 bits.
        NodeNext,
        /// Its other neighbour.
        NodePrevious,
        /// Permits that it asks for.
        NodeAsked,
        /// Of an object: its size.
        ObjectSize,
        /// Where its slot is.
        ObjectSlot,
        /// Its kind: 32 bits.
        ObjectKind,
        /// Its id.
        ObjectId,
        /// Where it was made.
        ObjectSite,
        /// The region that alone has used it; all ones when several have.
        ObjectTouched,
        /// 1 when it has a name, which is kept elsewhere: 32 bits.
        ObjectNamed,
        /// Who owns it alone.
        ObjectOwner,
        /// Since when.
        ObjectOwnerSince,
        /// Where that was called.
        ObjectOwnerSite,
        /// How many locks the owner held before: 32 bits.
        ObjectOwnerDepth,
        /// The id of an owner that has ended.
        ObjectLateOwner,
        /// 1 once its owner proves nothing: 32 bits.
        ObjectInexact,
        /// How much there is in it.
        ObjectLevel,
        /// How much there may be.
        ObjectBound,
        /// 1 when it is closed, cancelled, done: 32 bits.
        ObjectOver,
        /// Its sending end.
        ObjectSender,
        /// Its receiving end.
        ObjectReceiver,
        /// Of an end: handles + 1.
        EndHandles,
        /// Who used it last.
        EndLast,
        /// Where.
        EndLastSite,
        /// Of a region: its size.
        RegionSize,
        /// Where its slot is.
        RegionSlot,
        /// Its id.
        RegionId,
        /// Its kind: 32 bits.
        RegionKind,
        /// Where it was opened.
        RegionSite,
        /// 1 when its verdict has been given: 32 bits.
        RegionClosed,
        /// Functions that will be tasks of it.
        RegionDeferred,
        /// Of a worker: its index. 32 bits.
        SeatIndex,
        /// The kernel id of its thread: 32 bits.
        SeatThread,
        /// The task on it.
        SeatRunning,
        /// Which turn it is in: 32 bits.
        SeatTurn,
        /// Which turn is too long: 32 bits.
        SeatHeldTurn,
        /// Since when.
        SeatHeldSince,
        /// Tasks that it has spawned.
        SeatSpawned,
        /// Tasks that have finished there.
        SeatFinished,
        /// How many workers there is room for.
        SeatCapacity,
        /// Of the table of entries: how many there is room for.
        EntryCapacity,
        /// The size of one.
        EntrySize,
        /// Which entry.
        EntryKey,
        /// Its name.
        EntryName,
        /// How long that is.
        EntryNameBytes,
    }
}
