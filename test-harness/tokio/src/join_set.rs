//! Tasks that are joined one after the other, whichever ends first.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::{self as theirs, Id, JoinError};

use crate::hooks;
use crate::join::{AbortHandle, about_to_abort, seen};
use crate::leaf::Leaf;
use crate::root::{Blocking, Root};
use crate::site::Place;
use crate::snapshot::WaitReason;
use crate::spawn::Builder;
use crate::task::{Kind, Named, On, Task, What};

/// [`tokio::task::JoinSet`], whose tasks are known.
pub struct JoinSet<T> {
    inner: theirs::JoinSet<T>,
    /// Records of those that have not been joined, by tokio's ids.
    tasks: HashMap<Id, Named>,
    leaf: Leaf,
}

impl<T: 'static> JoinSet<T> {
    /// As tokio's.
    #[must_use]
    pub fn new() -> Self {
        JoinSet { inner: theirs::JoinSet::new(), tasks: HashMap::new(), leaf: Leaf::default() }
    }

    /// As tokio's.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// As tokio's.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// As tokio's.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let task = Builder::new().enter::<F>(Kind::Spawned, Location::caller());
        self.add(&Arc::clone(&task), |set| hooks::wrapped(|| set.spawn(Root::new(future, task))))
    }

    /// As tokio's.
    ///
    /// # Panics
    /// Outside of a local set.
    #[track_caller]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let task = Builder::new().enter::<F>(Kind::Local, Location::caller());
        self.add(&Arc::clone(&task), |set| set.spawn_local(Root::new(future, task)))
    }

    /// As tokio's.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, work: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let task = Builder::new().enter::<F>(Kind::Blocking, Location::caller());
        let root = Blocking::new(Arc::clone(&task));
        self.add(&task, |set| set.spawn_blocking(move || root.run(work)))
    }

    fn add(
        &mut self,
        task: &Arc<Task>,
        spawn: impl FnOnce(&mut theirs::JoinSet<T>) -> theirs::AbortHandle,
    ) -> AbortHandle {
        let handle = spawn(&mut self.inner);
        self.tasks.insert(handle.id(), task.named());
        AbortHandle::new(handle, task.named())
    }

    /// As tokio's.
    #[track_caller]
    pub fn join_next(&mut self) -> impl Future<Output = Option<Result<T, JoinError>>> {
        let site = Location::caller();
        async move {
            let joined = poll_fn(|cx| self.poll_next(cx, site)).await?;
            Some(joined.map(|(_, value)| value))
        }
    }

    /// As tokio's.
    #[track_caller]
    pub fn join_next_with_id(
        &mut self,
    ) -> impl Future<Output = Option<Result<(Id, T), JoinError>>> {
        let site = Location::caller();
        poll_fn(move |cx| self.poll_next(cx, site))
    }

    /// As tokio's.
    ///
    /// # Panics
    /// When one of them has.
    #[track_caller]
    pub fn join_all(mut self) -> impl Future<Output = Vec<T>> {
        let site = Location::caller();
        async move {
            let mut all = Vec::with_capacity(self.len());
            while let Some(joined) = poll_fn(|cx| self.poll_next(cx, site)).await {
                match joined {
                    Ok((_, value)) => all.push(value),
                    Err(error) if error.is_panic() => {
                        std::panic::resume_unwind(error.into_panic());
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            all
        }
    }

    /// As tokio's.
    #[track_caller]
    pub fn shutdown(&mut self) -> impl Future<Output = ()> {
        let site = Location::caller();
        async move {
            self.abort_all();
            while poll_fn(|cx| self.poll_next(cx, site)).await.is_some() {}
        }
    }

    /// As tokio's.
    pub fn abort_all(&mut self) {
        self.tasks.values().for_each(|task| about_to_abort(*task));
        self.inner.abort_all();
    }

    /// As tokio's.
    pub fn detach_all(&mut self) {
        self.tasks.clear();
        self.inner.detach_all();
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        site: Place,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        let JoinSet { inner, tasks, leaf } = self;
        let what = || {
            let mut ids: Vec<u64> = tasks.values().map(|task| task.id).collect();
            ids.sort_unstable();
            What { reason: WaitReason::Join, on: On::AnyTask(ids), site }
        };
        let joined = leaf.poll(cx, what, |cx| inner.poll_join_next_with_id(cx));
        match &joined {
            Poll::Ready(Some(Ok((id, _)))) => {
                tasks.remove(id);
            }
            Poll::Ready(Some(Err(error))) => {
                if let Some(task) = tasks.remove(&error.id()) {
                    seen(task.id, error);
                }
            }
            Poll::Ready(None) | Poll::Pending => {}
        }
        joined
    }
}

/// Dropped, it aborts them.
impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.tasks.values().for_each(|task| about_to_abort(*task));
    }
}

impl<T: 'static> Default for JoinSet<T> {
    fn default() -> Self {
        JoinSet::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
