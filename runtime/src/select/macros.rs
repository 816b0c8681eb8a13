//! The macros: thin spellings of `spawn` and of the select builder.

/// Spawns a task: `go! { … }` is `spawn(move || { … })`.
///
/// ```
/// use gleak_runtime::go;
///
/// let answer = gleak_runtime::run(|| go! { 6 * 7 }.join());
/// assert_eq!(answer.unwrap(), 42);
/// ```
#[macro_export]
macro_rules! go {
    ($($body:tt)*) => {
        $crate::spawn(move || { $($body)* })
    };
}

/// Waits until one of several operations is ready, and does exactly that one.
///
/// Arms: `pattern = recv(channel) => body` (a channel, the end of a context, or a timer),
/// `send(channel, value) => body` (a pattern before it gets the result),
/// `pattern = join(handle) => body`, `after(duration) => body`, `default => body`. `biased;` first makes an earlier ready arm win over a later one; otherwise
/// ready arms are chosen at random. Operands are evaluated once, in order; the value of a send arm
/// that does not fire is dropped. Bodies may `return`, `break` and `continue`.
///
/// ```
/// use std::time::Duration;
/// use gleak_runtime::{Chan, select};
///
/// gleak_runtime::run(|| {
///     let (jobs, quit) = (Chan::new(1), Chan::<()>::new(0));
///     jobs.send(3);
///     let got = select! {
///         job = recv(jobs) => job,
///         _ = recv(quit) => None,
///         after(Duration::from_secs(5)) => None,
///     };
///     assert_eq!(got, Some(3));
/// });
/// ```
#[macro_export]
macro_rules! select {
    (biased; $($arms:tt)*) => {
        $crate::__select!(@parse [biased] [] [] [0] $($arms)*)
    };
    ($($arms:tt)*) => {
        $crate::__select!(@parse [] [] [] [0] $($arms)*)
    };
}

// State of the muncher: [flags] [operation arms] [default and after arms] [index] rest.
// An operation arm is { operand, arm and output names, index, operand expression, how to make the
// arm, pattern, body }.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // A body in braces needs no comma after it; any other body does, but for the last arm.
    (@parse $f:tt $ops:tt $end:tt $n:tt default => $body:block $(, $($rest:tt)*)?) => {
        $crate::__select!(@default $f $ops $end $n { $body } $($($rest)*)?)
    };
    (@parse $f:tt $ops:tt $end:tt $n:tt default => $body:block $($rest:tt)*) => {
        $crate::__select!(@default $f $ops $end $n { $body } $($rest)*)
    };
    (@parse $f:tt $ops:tt $end:tt $n:tt default => $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select!(@default $f $ops $end $n { $body } $($($rest)*)?)
    };
    (@parse $f:tt $ops:tt $end:tt $n:tt after($d:expr) => $body:block $(, $($rest:tt)*)?) => {
        $crate::__select!(@after $f $ops $end $n ($d) { $body } $($($rest)*)?)
    };
    (@parse $f:tt $ops:tt $end:tt $n:tt after($d:expr) => $body:block $($rest:tt)*) => {
        $crate::__select!(@after $f $ops $end $n ($d) { $body } $($rest)*)
    };
    (@parse $f:tt $ops:tt $end:tt $n:tt after($d:expr) => $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select!(@after $f $ops $end $n ($d) { $body } $($($rest)*)?)
    };
    (@parse $f:tt $ops:tt $end:tt $n:tt send($($operand:tt)*) => $($rest:tt)*) => {
        $crate::__select!(@body $f $ops $end $n [_] [send $($operand)*] $($rest)*)
    };
    (@parse $f:tt $ops:tt $end:tt $n:tt $p:pat = $op:ident($($operand:tt)*) => $($rest:tt)*) => {
        $crate::__select!(@body $f $ops $end $n [$p] [$op $($operand)*] $($rest)*)
    };

    (@body $f:tt $ops:tt $end:tt $n:tt $p:tt $op:tt $body:block $(, $($rest:tt)*)?) => {
        $crate::__select!(@op $f $ops $end $n $p $op { $body } $($($rest)*)?)
    };
    (@body $f:tt $ops:tt $end:tt $n:tt $p:tt $op:tt $body:block $($rest:tt)*) => {
        $crate::__select!(@op $f $ops $end $n $p $op { $body } $($rest)*)
    };
    (@body $f:tt $ops:tt $end:tt $n:tt $p:tt $op:tt $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select!(@op $f $ops $end $n $p $op { $body } $($($rest)*)?)
    };

    // Each step is an expansion of its own, so `operand`, `arm` and `out` are fresh names in each.
    (@op $f:tt [$($ops:tt)*] $end:tt [$n:expr] [$p:pat] [recv $e:expr] $body:tt $($rest:tt)*) => {
        $crate::__select!(@parse $f
            [$($ops)* { operand arm out [$n] [&$e] [$crate::select::recv(operand)] [$p] $body }]
            $end [$n + 1] $($rest)*)
    };
    (@op $f:tt [$($ops:tt)*] $end:tt [$n:expr] [$p:pat] [send $e:expr, $v:expr] $body:tt $($rest:tt)*) => {
        $crate::__select!(@parse $f
            [$($ops)* { operand arm out [$n] [&$e] [$crate::select::send(operand, $v)] [$p] $body }]
            $end [$n + 1] $($rest)*)
    };
    (@op $f:tt [$($ops:tt)*] $end:tt [$n:expr] [$p:pat] [join $e:expr] $body:tt $($rest:tt)*) => {
        $crate::__select!(@parse $f
            [$($ops)* { operand arm out [$n] [&$e] [$crate::select::join(operand)] [$p] $body }]
            $end [$n + 1] $($rest)*)
    };

    (@default $f:tt $ops:tt [] $n:tt $body:tt $($rest:tt)*) => {
        $crate::__select!(@parse $f $ops [default $body] $n $($rest)*)
    };
    (@after $f:tt $ops:tt [] $n:tt ($d:expr) $body:tt $($rest:tt)*) => {
        $crate::__select!(@parse $f $ops [after ($d) $body] $n $($rest)*)
    };
    (@default $f:tt $ops:tt $end:tt $n:tt $($rest:tt)*) => {
        ::core::compile_error!("a select has at most one of `default` and `after`")
    };
    (@after $f:tt $ops:tt $end:tt $n:tt $($rest:tt)*) => {
        ::core::compile_error!("a select has at most one of `default` and `after`")
    };

    (@parse [$($flag:ident)?]
        [$({
            $operand:ident $arm:ident $out:ident [$n:expr] [$e:expr] [$make:expr] [$p:pat] $body:tt
        })*]
        [$($end:tt)*] $count:tt) => {{
        $(let mut $out = ::core::option::Option::None;)*
        // The arms end here, so that a body may change what they borrowed: `chan = Chan::never()`.
        let fired = {
            $(
                let $operand = $e;
                let mut $arm = $make;
            )*
            let mut arms = [$($crate::select::Arm::handle(&mut $arm)),*];
            let select = $crate::select::Select::over(&mut arms)$(.$flag())?;
            let fired = $crate::__select!(@wait select $($end)*);
            match fired {
                $($crate::select::Fired::Arm(fired) if fired == $n => {
                    $out = ::core::option::Option::Some($arm.output());
                })*
                _ => {}
            }
            fired
        };
        match fired {
            $($crate::select::Fired::Arm(fired) if fired == $n => {
                let ::core::option::Option::Some(output) = $out.take() else {
                    ::core::unreachable!("the arm that fired has an output")
                };
                let $p = output;
                $body
            })*
            fired => $crate::__select!(@otherwise fired $($end)*),
        }
    }};

    (@wait $select:ident) => { $select.wait() };
    (@wait $select:ident default $body:tt) => { $select.or_default().wait() };
    (@wait $select:ident after ($d:expr) $body:tt) => { $select.after($d).wait() };

    (@otherwise $fired:ident) => {
        ::core::unreachable!("one of the arms fired, not {:?}", $fired)
    };
    (@otherwise $fired:ident default $body:tt) => {{ let _ = $fired; $body }};
    (@otherwise $fired:ident after ($d:expr) $body:tt) => {{ let _ = $fired; $body }};
}
