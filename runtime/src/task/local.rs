//! Task locals: values that each task has for itself, as threads have thread-locals.
//!
//! A started task stays on its worker, so its values lie in a table of the worker's thread, at the
//! task's place, and need not be `Send`. A task that uses none pays for one look at a flag, at its end.
//!
//! Invariants:
//! 1. No borrow of a table lives while user code runs: a value is shared out as an `Rc`, and dropped
//!    after it has left the table.
//! 2. The flag `LOCALS` of a task's record is set before the first of its values is in the table.
//! 3. While a task's values are destroyed no new ones are made: who is asked for one that has gone
//!    says so.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::records::waiter::{LOCALS, WaiterRecord};
use crate::scheduler::current;
use crate::sync::{Cell, Ordering, RefCell};

/// The values of one task or thread, by the address of their keys.
struct Values {
    values: Vec<(usize, Rc<dyn Any>)>,
    ending: bool,
}

impl Values {
    const fn new() -> Values {
        Values { values: Vec::new(), ending: false }
    }

    fn find(&self, key: usize) -> Option<Rc<dyn Any>> {
        self.values.iter().find(|(other, _)| *other == key).map(|(_, value)| value.clone())
    }
}

thread_local! {
    /// By the places of this worker's tasks.
    static OF_TASKS: RefCell<Vec<Values>> = const { RefCell::new(Vec::new()) };
    /// Outside of tasks.
    static OF_THREAD: RefCell<Values> = const { RefCell::new(Values::new()) };
}

/// Looks at the values of whoever calls. None when a thread's have been destroyed.
fn own<R>(look: impl FnOnce(&mut Values) -> R) -> Option<R> {
    match current::task() {
        Some(task) => of_task(task.record, look),
        None => OF_THREAD.try_with(|values| look(&mut values.borrow_mut())).ok(),
    }
}

fn of_task<R>(record: &WaiterRecord, look: impl FnOnce(&mut Values) -> R) -> Option<R> {
    let place = record.place.load(Ordering::Relaxed) as usize;
    OF_TASKS
        .try_with(|tasks| {
            let mut tasks = tasks.borrow_mut();
            if tasks.len() <= place {
                tasks.resize_with(place + 1, Values::new);
            }
            look(&mut tasks[place])
        })
        .ok()
}

/// Destroys the values of the task that calls, in the reverse order of their making.
///
/// # Panics
/// With the first panic of a destructor. The other values are still there: call it again.
pub(crate) fn end_of_task() {
    let Some(task) = current::task().filter(|task| task.record.has(LOCALS)) else { return };
    let next = |values: &mut Values| {
        values.ending = true;
        values.values.pop()
    };
    while let Some(value) = of_task(task.record, next).flatten() {
        drop(value);
    }
    // The place is for the next task.
    of_task(task.record, |values| *values = Values::new());
    task.record.flags.fetch_and(!LOCALS, Ordering::Relaxed);
}

/// Destroys the values of a helper's thread after a job: the next one is somebody else's. What a
/// destructor panics with has been printed, and nobody is there to hear more.
pub(crate) fn end_of_job() {
    let next = || OF_THREAD.try_with(|values| values.borrow_mut().values.pop()).ok().flatten();
    while let Some(value) = next() {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
    }
}

/// The key of a task local, made by [`task_local!`](crate::task_local).
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
}

/// The value has been destroyed already, or the end of its task or thread has come before it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct AccessError;

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task local has been destroyed")
    }
}

impl std::error::Error for AccessError {}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(init: fn() -> T) -> LocalKey<T> {
        LocalKey { init }
    }

    /// Calls `f` with the task's own value, which is made at the first call.
    ///
    /// # Panics
    /// While the values of the task or thread are destroyed, when this one has gone.
    #[track_caller]
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.try_with(f).expect("a task local that is still there")
    }

    /// As [`with`](LocalKey::with).
    ///
    /// # Errors
    /// When the value has been destroyed.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let value = match self.find()? {
            Some(value) => value,
            None => self.put((self.init)())?,
        };
        Ok(f(&value))
    }

    /// The value, if there is one: for who asks often and mostly in vain.
    #[inline]
    pub(crate) fn peek(&'static self) -> Option<Rc<T>> {
        if current::task().is_some_and(|task| !task.record.has(LOCALS)) {
            return None;
        }
        self.find().ok().flatten()
    }

    fn key(&'static self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn find(&'static self) -> Result<Option<Rc<T>>, AccessError> {
        let found = own(|values| match values.find(self.key()) {
            None if values.ending => Err(AccessError),
            found => Ok(found),
        });
        let found = found.unwrap_or(Err(AccessError))?;
        // A key's value is of the key's type.
        Ok(found.and_then(|value| value.downcast().ok()))
    }

    /// Keeps the value, unless its own making has made another one.
    fn put(&'static self, value: T) -> Result<Rc<T>, AccessError> {
        if let Some(before) = self.find()? {
            return Ok(before);
        }
        let value = Rc::new(value);
        if let Some(task) = current::task() {
            task.record.flags.fetch_or(LOCALS, Ordering::Relaxed);
        }
        let kept = value.clone();
        own(|values| values.values.push((self.key(), kept))).ok_or(AccessError)?;
        Ok(value)
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Puts a value in, without making the first one.
    ///
    /// # Panics
    /// As [`with`](LocalKey::with).
    #[track_caller]
    pub fn set(&'static self, value: T) {
        match self.find() {
            Ok(Some(cell)) => cell.set(value),
            Ok(None) => drop(self.put(Cell::new(value))),
            Err(error) => panic!("{error}"),
        }
    }

    /// A copy of the value.
    ///
    /// # Panics
    /// As [`with`](LocalKey::with).
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the value out and leaves the default.
    ///
    /// # Panics
    /// As [`with`](LocalKey::with).
    #[track_caller]
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Puts a value in, and takes the one before.
    ///
    /// # Panics
    /// As [`with`](LocalKey::with).
    #[track_caller]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Calls `f` with the value.
    ///
    /// # Panics
    /// As [`with`](LocalKey::with), and when it is borrowed mutably.
    #[track_caller]
    pub fn with_borrow<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Calls `f` with the value, to change it.
    ///
    /// # Panics
    /// As [`with`](LocalKey::with), and when it is borrowed.
    #[track_caller]
    pub fn with_borrow_mut<R>(&'static self, f: impl FnOnce(&mut T) -> R) -> R {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// Declares values that each task has for itself, in the shape of [`std::thread_local!`].
///
/// ```
/// use std::cell::Cell;
/// use gleak_runtime::{run, spawn, task_local};
///
/// task_local! {
///     static DEPTH: Cell<u32> = Cell::new(0);
/// }
///
/// run(|| {
///     DEPTH.set(3);
///     let other = spawn(|| DEPTH.get());
///     assert_eq!((DEPTH.get(), other.join().unwrap()), (3, 0));
/// });
/// ```
///
/// A value is made at the task's first use and destroyed at the task's end, in the task, the youngest
/// first; a destructor that panics makes its task panic. Children do not inherit values: hand them
/// what they need. Outside of a task the values are the thread's. In [`blocking`](crate::blocking()) they
/// are the helper's, and end with the closure.
///
/// A thread-local ([`std::thread_local!`]) belongs to a worker instead, and is shared by its tasks.
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty = $init:expr; $($more:tt)*) => {
        $crate::task_local!($(#[$attribute])* $vis static $name: $type = $init);
        $crate::task_local!($($more)*);
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty = $init:expr) => {
        $(#[$attribute])*
        $vis static $name: $crate::LocalKey<$type> = {
            fn init() -> $type {
                $init
            }
            $crate::LocalKey::new(init)
        };
    };
}
