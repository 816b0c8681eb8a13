//! The values of a context: a chain that is shared by all contexts below.

use std::any::Any;
use std::sync::Arc;

#[derive(Clone, Default)]
pub(super) struct Values(Option<Arc<Link>>);

struct Link {
    value: Box<dyn Any + Send + Sync>,
    above: Values,
}

impl Values {
    pub(super) fn with<V: Any + Send + Sync>(&self, value: V) -> Values {
        Values(Some(Arc::new(Link { value: Box::new(value), above: self.clone() })))
    }

    pub(super) fn get<V: Any>(&self) -> Option<&V> {
        let links = std::iter::successors(self.0.as_deref(), |link| link.above.0.as_deref());
        links.filter_map(|link| link.value.downcast_ref()).next()
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        // In a loop: the chain may be longer than a stack is deep.
        let mut last = self.0.take().and_then(Arc::into_inner);
        while let Some(mut link) = last {
            last = link.above.0.take().and_then(Arc::into_inner);
        }
    }
}
