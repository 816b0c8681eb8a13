//! What went wrong with a channel operation, with the value given back where there is one.

use std::fmt;

macro_rules! value_error {
    ($name:ident { $($variant:ident => $text:literal,)+ }) => {
        impl<T> $name<T> {
            /// The value that was not sent.
            pub fn into_inner(self) -> T {
                match self { $($name::$variant(value) => value,)+ }
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($name::$variant(_) => $text,)+ })
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $($name::$variant(_) => concat!(stringify!($name), "::", stringify!($variant)),)+
                })
            }
        }

        impl<T> std::error::Error for $name<T> {}
    };
}

macro_rules! plain_error {
    ($name:ident { $($variant:ident => $text:literal,)+ }) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($name::$variant => $text,)+ })
            }
        }

        impl std::error::Error for $name {}
    };
}

/// No receiver is left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendError<T> {
    /// Every receiver has been dropped.
    Disconnected(T),
}

/// A send that does not wait did not happen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room and nobody receives right now.
    Full(T),
    /// Every receiver has been dropped, or the channel is closed.
    Disconnected(T),
}

/// A send with a time limit did not happen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The time was over first.
    Timeout(T),
    /// Every receiver has been dropped, or the channel is closed.
    Disconnected(T),
}

/// Nothing is left to receive, and nothing will come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecvError {
    /// The channel is empty and every sender has been dropped.
    Disconnected,
}

/// A receive that does not wait got nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TryRecvError {
    /// Nothing is there right now.
    Empty,
    /// Nothing is there and nothing will come: closed, or every sender dropped.
    Disconnected,
}

/// A receive with a time limit got nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecvTimeoutError {
    /// The time was over first.
    Timeout,
    /// Nothing is there and nothing will come: closed, or every sender dropped.
    Disconnected,
}

value_error!(SendError { Disconnected => "sending on a channel without receivers", });
value_error!(TrySendError {
    Full => "sending on a full channel",
    Disconnected => "sending on a channel without receivers",
});
value_error!(SendTimeoutError {
    Timeout => "nobody received in time",
    Disconnected => "sending on a channel without receivers",
});
plain_error!(RecvError { Disconnected => "receiving on an empty channel without senders", });
plain_error!(TryRecvError {
    Empty => "receiving on an empty channel",
    Disconnected => "receiving on an empty channel without senders",
});
plain_error!(RecvTimeoutError {
    Timeout => "nobody sent in time",
    Disconnected => "receiving on an empty channel without senders",
});
