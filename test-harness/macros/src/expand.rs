//! The function, what registers it at link time, and a test of libtest's of the same name.
//!
//! With `harness = false` the compiler drops what is under `#[test]`, and the main finds the registered
//! ones; otherwise libtest runs its own, which looks the registered one up. So one attribute does for
//! both. The function itself moves into a constant without a name, since libtest's has its name.
//!
//! The body's closure is made in the test's own file, in a function of the test's name: so reports
//! show the test where they show who was spawned and where, and its fingerprints are its own.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ItemFn;
use syn::ext::IdentExt;

use crate::args::{self, Args, Tokio};
use crate::shape::{self, Asked, Panic};

/// What the attribute comes to.
pub(crate) fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let error = syn::Error::new(error.span(), "a test is a function").to_compile_error();
            return quote! { #error #item };
        }
    };
    let parsed = args::parse(args).and_then(|args| {
        let asked = shape::check(&mut function, args.tokio.is_some())?;
        Ok((args, asked))
    });
    match parsed {
        Ok((args, asked)) => {
            let plain = of_libtest(&function, &asked);
            let registration = registration(&function, &args, &asked);
            quote! { #plain #registration }
        }
        Err(error) => {
            let error = error.to_compile_error();
            // Without the attributes of a test the function is never called.
            quote! { #error #[allow(dead_code)] #function }
        }
    }
}

/// The test that libtest runs.
fn of_libtest(function: &ItemFn, asked: &Asked) -> TokenStream {
    let ident = &function.sig.ident;
    let name = ident.unraw().to_string();
    let ignore = &asked.ignore;
    quote! {
        #[::core::prelude::v1::test]
        #ignore
        fn #ident() -> ::gleak_test_harness::__private::OfLibtest {
            ::gleak_test_harness::__private::of_libtest(::core::module_path!(), #name)
        }
    }
}

fn registration(function: &ItemFn, args: &Args, asked: &Asked) -> TokenStream {
    let ident = &function.sig.ident;
    let name = ident.unraw().to_string();
    let settings = settings(args, asked);
    let (begins, kind) = match &args.tokio {
        Some(tokio) => (of_tokio(ident, tokio), quote! { Elsewhere }),
        None => (of_ours(ident), quote! { Here }),
    };
    quote! {
        const _: () = {
            #function
            enum Test {}
            impl Test {
                #begins
            }
            ::gleak_test_harness::__private::inventory::submit! {
                ::gleak_test_harness::__private::Registered {
                    module: ::core::module_path!(),
                    name: #name,
                    file: ::core::file!(),
                    line: ::core::line!(),
                    settings: || #settings,
                    begin: ::gleak_test_harness::__private::Begins::#kind(Test::#ident),
                }
            }
        };
    }
}

/// Spawns the body as a task of ours.
fn of_ours(ident: &Ident) -> TokenStream {
    // The place is where reports say that the body was spawned; names are looked up as in the rest,
    // also when the function's name comes out of a macro.
    let spawn = quote_spanned! { Span::call_site().located_at(ident.span())=>
        __start.spawn(move || ::gleak_test_harness::__private::run(__end, #ident))
    };
    quote! {
        fn #ident(
            __start: ::gleak_test_harness::__private::Start<'_>,
        ) -> ::gleak_test_harness::__private::Started {
            let __end = __start.end();
            #spawn
        }
    }
}

/// Hands the body over to the adapter.
fn of_tokio(ident: &Ident, tokio: &Tokio) -> TokenStream {
    let Tokio { multi_thread, worker_threads, start_paused } = tokio;
    let worker_threads = match worker_threads {
        Some(count) => quote! { ::core::option::Option::Some(#count) },
        None => quote! { ::core::option::Option::None },
    };
    let run = quote_spanned! { Span::call_site().located_at(ident.span())=>
        ::gleak_tokio::__private::run(__judge, __flavor, || #ident())
    };
    quote! {
        fn #ident(
            __judge: &::gleak_test_harness::__private::Judge<'_>,
        ) -> ::core::result::Result<(), ::std::string::String> {
            let __flavor = ::gleak_tokio::__private::Flavor {
                multi_thread: #multi_thread,
                worker_threads: #worker_threads,
                start_paused: #start_paused,
            };
            #run
        }
    }
}

/// What differs from the default.
fn settings(args: &Args, asked: &Asked) -> TokenStream {
    let Args { workers, seed, settle_ms, deadline_ms, on_leak, ignore, cleanup, tokio: _ } = args;
    let some = |name: &str, value: Option<TokenStream>| {
        let name = Ident::new(name, Span::call_site());
        value.map(|value| quote! { #name: ::core::option::Option::Some(#value), })
    };
    let given = [
        some("workers", workers.map(|count| quote! { #count })),
        some("seed", seed.map(|seed| quote! { #seed })),
        some("settle_ms", settle_ms.map(|time| quote! { #time })),
        some("deadline_ms", deadline_ms.map(|time| quote! { #time })),
        some("on_leak", on_leak.as_ref().map(|it| quote! { ::gleak_test_harness::OnLeak::#it })),
        some("cleanup", cleanup.as_ref().map(|hook| quote! { #hook })),
    ];
    let given = given.iter().flatten();
    let ignored = asked.ignore.as_ref().map(|_| quote! { ignored: true, });
    let should_panic = match &asked.panic {
        Panic::No => None,
        Panic::Yes => Some(quote! { Yes }),
        Panic::With(text) => Some(quote! { With(::std::string::String::from(#text)) }),
    };
    let should_panic = should_panic.map(|it| {
        quote! { should_panic: ::gleak_test_harness::__private::ShouldPanic::#it, }
    });
    quote! {
        ::gleak_test_harness::__private::Settings {
            #ignored
            #should_panic
            #(#given)*
            ignore: ::std::vec![#(::std::string::String::from(#ignore)),*],
            ..::core::default::Default::default()
        }
    }
}
