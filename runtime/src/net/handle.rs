//! What every handle of a socket can do.

/// Conversions, clones and what the kernel says, for `$handle`, a tuple struct around a
/// `Socket<$io>`.
macro_rules! handle {
    ($handle:ident, $io:ty) => {
        impl $handle {
            /// Another handle of the same socket. Its timeouts and deadlines are its own, and begin
            /// as this one's.
            ///
            /// # Errors
            /// When the process has no descriptor left.
            #[track_caller]
            pub fn try_clone(&self) -> std::io::Result<$handle> {
                let site = std::panic::Location::caller();
                Ok($handle(self.0.like(self.0.io().try_clone()?, site)))
            }

            /// The pending error of the socket, which is none afterwards.
            ///
            /// # Errors
            /// When the kernel cannot say.
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.0.io().take_error()
            }

            /// Whether operations of this handle fail with `WouldBlock` where they would wait. The
            /// descriptor itself is in non-blocking mode in any case.
            ///
            /// # Errors
            /// None; as in std.
            pub fn set_nonblocking(&self, nonblocking: bool) -> std::io::Result<()> {
                self.0.set_never_waits(nonblocking);
                Ok(())
            }

            /// `io` comes in blocking mode.
            fn adopt(io: $io, site: crate::records::statics::Site) -> $handle {
                // Fails for a descriptor with which no operation succeeds; they say so.
                let _ = io.set_nonblocking(true);
                $handle(crate::net::socket::Socket::new(io, site))
            }
        }

        impl std::fmt::Debug for $handle {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.io().fmt(f)
            }
        }

        impl std::os::fd::AsFd for $handle {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.0.fd()
            }
        }

        impl std::os::fd::AsRawFd for $handle {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                std::os::fd::AsRawFd::as_raw_fd(&self.0.fd())
            }
        }

        impl From<$handle> for std::os::fd::OwnedFd {
            /// It stays in non-blocking mode.
            fn from(handle: $handle) -> std::os::fd::OwnedFd {
                handle.0.into_io().into()
            }
        }

        impl From<std::os::fd::OwnedFd> for $handle {
            /// Puts it into non-blocking mode, for all of its copies.
            #[track_caller]
            fn from(fd: std::os::fd::OwnedFd) -> $handle {
                $handle::adopt(fd.into(), std::panic::Location::caller())
            }
        }

        impl From<$io> for $handle {
            /// Puts it into non-blocking mode, for all of its copies.
            #[track_caller]
            fn from(io: $io) -> $handle {
                $handle::adopt(io, std::panic::Location::caller())
            }
        }
    };
}

/// Timeouts and deadlines of both sides.
macro_rules! limits {
    ($handle:ident) => {
        impl $handle {
            /// How long a read may wait; `None` for as long as it takes.
            ///
            /// # Errors
            /// `InvalidInput` for zero.
            pub fn set_read_timeout(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                self.0.set_timeout(crate::wait::descriptor::Side::Read, timeout)
            }

            /// How long a write may wait; `None` for as long as it takes.
            ///
            /// # Errors
            /// `InvalidInput` for zero.
            pub fn set_write_timeout(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                self.0.set_timeout(crate::wait::descriptor::Side::Write, timeout)
            }

            /// What [`set_read_timeout`](Self::set_read_timeout) was given.
            ///
            /// # Errors
            /// None; as in std.
            pub fn read_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                Ok(self.0.timeout(crate::wait::descriptor::Side::Read))
            }

            /// What [`set_write_timeout`](Self::set_write_timeout) was given.
            ///
            /// # Errors
            /// None; as in std.
            pub fn write_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                Ok(self.0.timeout(crate::wait::descriptor::Side::Write))
            }

            /// From when on every read through this handle fails with `TimedOut`, those included
            /// that wait already; `None` for never.
            pub fn set_read_deadline(&self, deadline: Option<crate::time::Instant>) {
                self.0.set_deadline(crate::wait::descriptor::Side::Read, deadline);
            }

            /// From when on every write through this handle fails with `TimedOut`, those included
            /// that wait already; `None` for never.
            pub fn set_write_deadline(&self, deadline: Option<crate::time::Instant>) {
                self.0.set_deadline(crate::wait::descriptor::Side::Write, deadline);
            }
        }
    };
}

/// Calls that are std's, word for word, with what makes them fail.
macro_rules! options {
    ($handle:ident, $errors:literal:
        $($(#[doc = $doc:literal])+ $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)+
    ) => {
        impl $handle { $(
            $(#[doc = $doc])+
            ///
            /// # Errors
            #[doc = $errors]
            pub fn $name(&self, $($argument: $type),*) -> std::io::Result<$result> {
                self.0.io().$name($($argument),*)
            }
        )+ }
    };
}

/// What is built on `accept_at` of `$listener`: waiting for connections, for one or for all.
macro_rules! listener {
    ($listener:ident, $stream:ident, $incoming:ident) => {
        impl $listener {
            /// Waits for a connection.
            ///
            /// # Errors
            /// When the process has no descriptor left, the peer has gone again, or the deadline
            /// has passed.
            #[track_caller]
            pub fn accept(&self) -> std::io::Result<($stream, SocketAddr)> {
                self.accept_at(std::panic::Location::caller())
            }

            /// All connections that come, for ever.
            pub fn incoming(&self) -> $incoming<'_> {
                $incoming { listener: self }
            }

            /// From when on every accept through this handle fails with `TimedOut`, those included
            /// that wait already; `None` for never.
            pub fn set_deadline(&self, deadline: Option<crate::time::Instant>) {
                self.0.set_deadline(crate::wait::descriptor::Side::Read, deadline);
            }
        }

        #[doc = concat!("Connections of a [`", stringify!($listener), "`].")]
        #[derive(Debug)]
        #[must_use]
        pub struct $incoming<'a> {
            listener: &'a $listener,
        }

        impl Iterator for $incoming<'_> {
            type Item = std::io::Result<$stream>;

            #[track_caller]
            fn next(&mut self) -> Option<Self::Item> {
                let accepted = self.listener.accept_at(std::panic::Location::caller());
                Some(accepted.map(|(stream, _)| stream))
            }
        }

        impl std::iter::FusedIterator for $incoming<'_> {}
    };
}

/// `Read` and `Write` for `$handle` and `&$handle`.
///
/// `read_exact` and `write_all` are std's, written out so that a wait names their caller and not a
/// line of std.
macro_rules! stream {
    ($handle:ident) => {
        crate::net::handle::stream!(for $handle);
        crate::net::handle::stream!(for &$handle);
    };
    (for $who:ty) => {
        impl std::io::Read for $who {
            #[track_caller]
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let site = std::panic::Location::caller();
                // The system call itself: libc's is a cancellation point, which costs.
                self.0.read(buffer.len(), site, |io| {
                    let (_, got) = rustix::net::recv(io, &mut *buffer, rustix::net::RecvFlags::empty())?;
                    Ok(got)
                })
            }

            #[track_caller]
            fn read_vectored(
                &mut self,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                let site = std::panic::Location::caller();
                let side = crate::wait::descriptor::Side::Read;
                self.0.attempt(side, site, |mut io| io.read_vectored(buffers))
            }

            #[track_caller]
            fn read_exact(&mut self, mut buffer: &mut [u8]) -> std::io::Result<()> {
                while !buffer.is_empty() {
                    match self.read(buffer)? {
                        0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                        read => buffer = &mut buffer[read..],
                    }
                }
                Ok(())
            }
        }

        impl std::io::Write for $who {
            #[track_caller]
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let site = std::panic::Location::caller();
                self.0.attempt(crate::wait::descriptor::Side::Write, site, |io| {
                    Ok(rustix::net::send(io, bytes, rustix::net::SendFlags::NOSIGNAL)?)
                })
            }

            #[track_caller]
            fn write_vectored(
                &mut self,
                buffers: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                let site = std::panic::Location::caller();
                let side = crate::wait::descriptor::Side::Write;
                self.0.attempt(side, site, |mut io| io.write_vectored(buffers))
            }

            #[track_caller]
            fn write_all(&mut self, mut bytes: &[u8]) -> std::io::Result<()> {
                while !bytes.is_empty() {
                    match self.write(bytes)? {
                        0 => return Err(std::io::ErrorKind::WriteZero.into()),
                        written => bytes = &bytes[written..],
                    }
                }
                Ok(())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(super) use {handle, limits, listener, options, stream};
