//! Names of functions made short: real ones, and whatever else a dump may say.

use gleak_detector::shorten;
use proptest::prelude::*;

/// As symbol tables and debug information of this workspace's programs have them.
const REAL: [(&str, &str); 36] = [
    ("deadlock::main::{{closure}}::{{closure}}::h8fab88e9df93653d", "deadlock::main::{closure}"),
    (
        "gleak_runtime::chan::go::Chan<T>::recv::hcb1832e04839b57e",
        "gleak_runtime::chan::go::Chan::recv",
    ),
    ("gleak_runtime::task::packet::task_entry", "gleak_runtime::task::packet::task_entry"),
    (
        "<gleak_runtime::task::packet::Packet<F,T,B> as gleak_runtime::task::packet::Body>::run::{{closure}}",
        "gleak_runtime::task::packet::Packet::run::{closure}",
    ),
    (
        "<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once",
        "core::panic::unwind_safe::AssertUnwindSafe::call_once",
    ),
    (
        "corosensei::coroutine::Coroutine<Input,Yield,Return,Stack>::with_stack_unchecked::coroutine_func::{{closure}}",
        "corosensei::coroutine::Coroutine::with_stack_unchecked::coroutine_func::{closure}",
    ),
    (
        "core::ops::function::FnOnce::call_once{{vtable.shim}}",
        "core::ops::function::FnOnce::call_once",
    ),
    ("transfer<deadlock::main::{closure#0}::{closure_env#0}>", "transfer"),
    (
        "do_call<core::panic::unwind_safe::AssertUnwindSafe<gleak_runtime::task::packet::{impl#4}::run::{closure_env#0}<deadlock::main::{closure#0}::{closure_env#1}, (), gleak_runtime::task::loans::Nothing>>, ()>",
        "do_call",
    ),
    ("call_once<fn() -> gleak_runtime::machine::stack::Guard, ()>", "call_once"),
    (
        "core::ptr::drop_in_place<core::iter::adapters::map::Map<core::iter::adapters::flatten::Flatten<alloc::vec::into_iter::IntoIter<u8>>,fn(clap_builder::util::any_value::AnyValue) .> std::path::PathBuf>>",
        "core::ptr::drop_in_place",
    ),
    (
        "core::ptr::drop_in_place<alloc::boxed::Box<dyn core::ops::function::FnOnce<()>+Output = gleak_runtime::time::instant::Instant+core::marker::Send>>",
        "core::ptr::drop_in_place",
    ),
    (
        "alloc::boxed::convert::<impl alloc::boxed::Box<dyn core::any::Any+core::marker::Send,A>>::downcast",
        "alloc::boxed::Box::downcast",
    ),
    ("alloc::slice::<impl [T]>::sort_by_key::{{closure}}", "[T]::sort_by_key::{closure}"),
    ("alloc::str::<impl str>::repeat::hc0220d23d9fde839", "str::repeat"),
    (
        "core::array::<impl core::iter::traits::collect::IntoIterator for &mut [T; N]>::into_iter",
        "[T; N]::into_iter",
    ),
    ("<[T; 8] as smallvec::Array>::size", "[T; 8]::size"),
    (
        "core::ops::function::impls::<impl core::ops::function::FnOnce<A> for &mut F>::call_once",
        "F::call_once",
    ),
    ("<*const T as memchr::ext::Pointer>::as_usize", "T::as_usize"),
    (
        "<(&str, u16) as std::net::socket_addr::ToSocketAddrs>::to_socket_addrs",
        "(&str, u16)::to_socket_addrs",
    ),
    (
        "<<alloc::collections::vec_deque::drain::Drain<T,A> as core::ops::drop::Drop>::drop::DropGuard<T,A> as core::ops::drop::Drop>::drop",
        "alloc::collections::vec_deque::drain::Drain::drop::DropGuard::drop",
    ),
    (
        "<gleak_snapshot::object::_::<impl serde_core::de::Deserialize for gleak_snapshot::object::LastUse>::deserialize::__Visitor as serde_core::de::Visitor>::visit_seq",
        "gleak_snapshot::object::LastUse::deserialize::__Visitor::visit_seq",
    ),
    (
        "<rustc_demangle::v0::Printer>::in_binder::<<rustc_demangle::v0::Printer>::print_type::{closure#1}>",
        "rustc_demangle::v0::Printer::in_binder",
    ),
    (
        "<std::sys::backtrace::_print_fmt::{closure#1} as core::ops::function::FnOnce<(&std::backtrace_rs::backtrace::Frame,)>>::call_once::{shim:vtable#0}",
        "std::sys::backtrace::_print_fmt::{closure}::call_once",
    ),
    (
        "<<std::sync::once::Once>::call_once<std::rt::cleanup::{closure#0}>::{closure#0} as core::ops::function::FnOnce<(&std::sync::once::OnceState,)>>::call_once",
        "std::sync::once::Once::call_once::{closure}::call_once",
    ),
    (
        "std::sys::backtrace::__rust_end_short_backtrace::<std::panicking::begin_panic<&str>::{closure#0}, !>",
        "std::sys::backtrace::__rust_end_short_backtrace",
    ),
    (
        "std::rt::lang_start_internal::{closure#0}::{closure#0}::{closure#1}",
        "std::rt::lang_start_internal::{closure}",
    ),
    (
        "<std::io::default_write_fmt::Adapter<std::io::cursor::Cursor<&mut [u8]>> as core::fmt::Write>::write_fmt",
        "std::io::default_write_fmt::Adapter::write_fmt",
    ),
    ("<&alloc::vec::Vec<u8> as core::fmt::Debug>::fmt", "alloc::vec::Vec::fmt"),
    ("<usize as core::fmt::LowerHex>::fmt", "usize::fmt"),
    (
        "<alloc::raw_vec::RawVec<(*mut u8, unsafe extern \"C\" fn(*mut u8)), std::alloc::System>>::grow_one",
        "alloc::raw_vec::RawVec::grow_one",
    ),
    (
        "clap_builder::parser::matches::arg_matches::unwrap_downcast_into{{reify.shim}}",
        "clap_builder::parser::matches::arg_matches::unwrap_downcast_into",
    ),
    (
        "gleak_runtime::machine::fiber::YIELDER::{{constant}}::{{closure}}",
        "gleak_runtime::machine::fiber::YIELDER::{constant}::{closure}",
    ),
    ("many_tasks::main::{{closure}}::{{closure}}::{{closure}}", "many_tasks::main::{closure}"),
    ("__rust_try", "__rust_try"),
    ("main.main.func1", "main.main.func1"),
];

#[test]
fn real_names() {
    for (name, short) in REAL {
        assert_eq!(shorten(name), short, "{name}");
    }
}

#[test]
fn what_symbols_here_do_not_have() {
    let cases = [
        ("<alloc::vec::Vec<app::Item> as core::iter::Iterator>::next", "alloc::vec::Vec::next"),
        (
            "app::pool::Pool<app::Job>::start::{{closure}}::{{closure}}",
            "app::pool::Pool::start::{closure}",
        ),
        ("app::serve::{async_fn_env#0}<tcp::Stream>", "app::serve::{async_fn}"),
        ("app[8f7d1c3c4d5e6f70]::run::<u32>", "app::run"),
        ("app::run::h0123456789abcdef.llvm.1234567890", "app::run"),
        ("app::_::run::{{closure}}", "app::run::{closure}"),
        ("app::_run::_", "app::_run::_"),
        // Consts may hold whole expressions.
        ("app::Ring<{ N << 1 }, { A <= B }>::push", "app::Ring::push"),
        ("app::Ring<{ N >> 1 }>::push", "app::Ring::push"),
        ("app::Split<'<', '>'>::next", "app::Split::next"),
        ("app::Map<fn(u32) -> Vec<u8>>::get", "app::Map::get"),
        ("<fn(&u8) -> Vec<u8> as app::Call<(&u8,)>>::call", "fn::call"),
        ("<for<'a> fn(&'a u8) as app::Call>::call", "fn::call"),
        ("<&'a mut app::Hub<T> as app::Run>::run", "app::Hub::run"),
        ("<dyn app::Service<u8> + core::marker::Send as app::Call>::call", "app::Service::call"),
        ("<app::Bits as core::ops::bit::Shl<u8>>::shl", "app::Bits::shl"),
        // Not Rust's, and left alone or shortened alike.
        ("std::operator<< (std::ostream&)", "std::operator<< (std::ostream&)"),
        ("Foo::operator->", "Foo::operator->"),
        (
            "std::vector<int, std::allocator<int> >::push_back(int const&)",
            "std::vector::push_back(int const&)",
        ),
        // Broken.
        ("broken<never<closed", "broken<never<closed"),
        ("closed>before>opened", "closed>before>opened"),
        ("crossed<(>)", "crossed<(>)"),
        ("{{vtable.shim}}", "{{vtable.shim}}"),
        ("<>", "<>"),
        ("", ""),
    ];
    for (name, short) in cases {
        assert_eq!(shorten(name), short, "{name}");
    }
}

#[test]
fn depth_and_length_have_an_end() {
    for name in ["<".repeat(20_000), "{".repeat(9_000) + &"}".repeat(9_000)] {
        assert_eq!(shorten(&name), name);
    }
    let deep = format!("{}app::X{}::f", "<".repeat(5_000), " as app::T>".repeat(5_000));
    assert_eq!(shorten(&deep), deep);
    let wide = format!("app::f<{}>", "app::X<u8>, ".repeat(1_000));
    assert_eq!(shorten(&wide), "app::f");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_longer_and_twice_is_once(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "<", ">", "<<", "::", "->", ".>", "<=", "{", "}", "{{closure}}", "{closure#0}",
                "{shim:vtable#0}", "{{vtable.shim}}", "(", ")", "[", "]", "[u8; 4]", " as ", " for ",
                "impl ", "dyn ", "&", "mut ", "'", "'a ", "for<'a> ", "fn(", " + ", "app", "core",
                "Vec<u8>", "::h0123456789abcdef", ".llvm.1", "#", "_env", " ", ",", "ä", "0",
            ]),
            0..14,
        ),
        any in "\\PC{0,30}",
    ) {
        for name in [parts.concat(), any] {
            let short = shorten(&name).into_owned();
            prop_assert!(short.len() <= name.len(), "{name} -> {short}");
            prop_assert_eq!(short.is_empty(), name.is_empty());
            prop_assert_eq!(shorten(&short), short.as_str());
        }
    }
}
