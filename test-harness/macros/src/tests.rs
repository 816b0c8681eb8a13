//! What comes out for what goes in, by the text of the tokens.

use proc_macro2::TokenStream;

use crate::expand::test;

fn expand(args: &str, item: &str) -> String {
    let parse = |text: &str| text.parse::<TokenStream>().unwrap();
    test(parse(args), parse(item)).to_string()
}

/// Both sides as the tokens' own printing has them.
fn has(out: &str, wanted: &str) -> bool {
    let tidy = |text: &str| text.parse::<TokenStream>().unwrap().to_string();
    tidy(out).contains(&tidy(wanted))
}

#[track_caller]
fn check_error(args: &str, item: &str, message: &str) {
    let out = expand(args, item);
    assert!(out.contains("compile_error"), "no error: {out}");
    assert!(out.contains(message), "{out}");
    assert!(!out.contains("submit"), "registered all the same: {out}");
    assert_eq!(out.matches("compile_error").count(), 1, "{out}");
}

#[test]
fn a_plain_function_is_kept_and_registered() {
    let out = expand("", "pub fn early_return() { work() }");
    assert!(has(&out, "pub fn early_return() { work() } enum Test {}"), "{out}");
    assert!(has(&out, "#[::core::prelude::v1::test] fn early_return()"), "{out}");
    for part in
        ["name: \"early_return\"", "ignore: ::std::vec!", "Begins::Here(Test::early_return)"]
    {
        assert!(has(&out, part), "{part} in {out}");
    }
    let settings =
        ["ignored", "should_panic", "workers", "seed", "settle_ms", "deadline_ms", "cleanup"];
    settings.iter().for_each(|name| assert!(!out.contains(name), "{name} in {out}"));
}

#[test]
fn arguments_arrive() {
    let out = expand(
        "workers = 1, seed = 9, settle_ms = 50, deadline_ms = 70, on_leak = Warn, ignore = \"name=a because b\", ignore = \"name=c because d\", cleanup = a::b,",
        "fn t() {}",
    );
    for part in [
        "workers: ::core::option::Option::Some(1usize)",
        "seed: ::core::option::Option::Some(9u64)",
        "on_leak: ::core::option::Option::Some(::gleak_test_harness::OnLeak::Warn)",
        "settle_ms: ::core::option::Option::Some(50u64)",
        "deadline_ms: ::core::option::Option::Some(70u64)",
        "ignore: ::std::vec![::std::string::String::from(\"name=a because b\"), ::std::string::String::from(\"name=c because d\")]",
        "cleanup: ::core::option::Option::Some(a::b)",
    ] {
        assert!(has(&out, part), "{part} in {out}");
    }
}

#[test]
fn a_body_for_tokio_goes_to_the_adapter() {
    let args = "runtime = \"tokio\", flavor = \"multi_thread\", worker_threads = 2, settle_ms = 5";
    let out = expand(args, "async fn t() { work().await }");
    for part in [
        "Begins::Elsewhere(Test::t)",
        "::gleak_tokio::__private::run(__judge, __flavor, || t())",
        "multi_thread: true, worker_threads: ::core::option::Option::Some(2usize)",
        "start_paused: false",
        "settle_ms: ::core::option::Option::Some(5u64)",
    ] {
        assert!(has(&out, part), "{part} in {out}");
    }
    let out = expand("runtime = \"tokio\", start_paused = true", "async fn t() {}");
    assert!(has(&out, "multi_thread: false"), "{out}");
    assert!(has(&out, "start_paused: true"), "{out}");
}

#[test]
fn a_runtime_that_cannot_be_is_refused() {
    let body = "async fn t() {}";
    check_error("runtime = \"smol\"", body, "expected `runtime");
    check_error("runtime = \"tokio\", flavor = \"many\"", body, "multi_thread");
    check_error("runtime = \"tokio\", workers = 2", body, "not tokio's");
    check_error("runtime = \"tokio\", worker_threads = 2", body, "needs `flavor");
    let paused = "runtime = \"tokio\", flavor = \"multi_thread\", start_paused = true";
    check_error(paused, body, "needs `flavor");
    check_error("runtime = \"tokio\", start_paused = 1", body, "`true` or `false`");
    check_error("start_paused = true", "fn t() {}", "add `runtime");
    check_error("runtime = \"tokio\"", "fn t() {}", "add `async`");
}

#[test]
fn harness_attributes_are_read_and_taken_out() {
    let out = expand("", "#[ignore = \"slow\"] #[cfg(unix)] fn t() {}");
    assert!(has(&out, "ignored: true") && has(&out, "#[cfg(unix)]"), "{out}");
    assert_eq!(out.matches("slow").count(), 1, "for libtest alone: {out}");
    let out = expand("", "#[should_panic] fn t() {}");
    assert!(has(&out, "ShouldPanic::Yes") && !out.contains("[should_panic"), "{out}");
    for form in ["#[should_panic(expected = \"why\")]", "#[should_panic = \"why\"]"] {
        let out = expand("", &format!("{form} fn t() -> () {{}}"));
        assert!(has(&out, "ShouldPanic::With(::std::string::String::from(\"why\"))"), "{out}");
    }
}

#[test]
fn a_raw_name_is_listed_without_its_mark() {
    let out = expand("", "fn r#match() {}");
    assert!(has(&out, "name: \"match\"") && has(&out, "Test::r#match"), "{out}");
}

#[test]
fn functions_of_another_shape_are_refused() {
    check_error("", "async fn t() {}", "remove `async`");
    check_error("", "unsafe fn t() {}", "not `unsafe`");
    check_error("", "extern \"C\" fn t() {}", "no ABI");
    check_error("", "fn t<T>() {}", "not generic");
    check_error("", "fn t<'a>() {}", "not generic");
    check_error("", "fn t(port: u16) {}", "takes no parameters");
    check_error("", "fn t(&self) {}", "takes no parameters");
    check_error("", "struct T;", "a test is a function");
    check_error("", "#[test] fn t() {}", "remove `#[test]`");
}

#[test]
fn should_panic_needs_a_function_that_returns_nothing() {
    check_error("", "#[should_panic] fn t() -> Result<(), String> { Ok(()) }", "returns nothing");
    check_error("", "#[should_panic(like = \"x\")] fn t() {}", "expected `#[should_panic]`");
    check_error("", "#[should_panic(expected = 4)] fn t() {}", "expected `#[should_panic]`");
}

#[test]
fn wrong_arguments_are_refused() {
    check_error("timeout = 3", "fn t() {}", "unknown argument");
    check_error("workers = 0", "fn t() {}", "1 to 1024 workers");
    check_error("workers = 2, seed = 3", "fn t() {}", "a seeded order needs one worker");
    check_error("on_leak = Ignore", "fn t() {}", "expected `on_leak = Fail`");
    check_error("seed = \"x\"", "fn t() {}", "expected a number");
    check_error("workers = 2000", "fn t() {}", "1 to 1024 workers");
    check_error("workers = \"2\"", "fn t() {}", "expected a number");
    check_error("settle_ms = 0.5", "fn t() {}", "expected a number");
    check_error("settle_ms = 1, settle_ms = 2", "fn t() {}", "given twice");
    check_error("ignore = 3", "fn t() {}", "expected tasks and a reason");
    check_error("ignore = \"slow\"", "fn t() {}", "a test is skipped by `#[ignore]`");
    check_error("cleanup = \"close\"", "fn t() {}", "expected the name of a function");
    check_error("cleanup = a, cleanup = b", "fn t() {}", "given twice");
    check_error("workers", "fn t() {}", "expected");
}
