//! The function, what registers it at link time, and a test of libtest's of the same name.
//!
//! With `harness = false` the compiler drops what is under `#[test]`, and the main finds the registered
//! ones; otherwise libtest runs its own, which looks the registered one up. So one attribute does for
//! both. The function itself moves into a constant without a name, since libtest's has its name.
//!
//! The body's closure is made in the test's own file, in a function of the test's name: so reports
//! show the test where they show who was spawned and where, and its fingerprints are its own.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ItemFn;
use syn::ext::IdentExt;

use crate::args::{self, Args};
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
    let parsed = args::parse(args).and_then(|args| Ok((args, shape::check(&mut function)?)));
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
    let workers = option(args.workers.map(|count| quote! { #count }));
    let settle_ms = option(args.settle_ms.map(|time| quote! { #time }));
    let ignore = &args.ignore;
    let deadline_ms = option(args.deadline_ms.map(|time| quote! { #time }));
    let cleanup = option(args.cleanup.as_ref().map(|hook| quote! { #hook }));
    let ignored = asked.ignore.is_some();
    let should_panic = match &asked.panic {
        Panic::No => quote! { No },
        Panic::Yes => quote! { Yes },
        Panic::With(text) => quote! { With(#text) },
    };
    // The place is where reports say that the body was spawned; names are looked up as in the rest,
    // also when the function's name comes out of a macro.
    let spawn = quote_spanned! { Span::call_site().located_at(ident.span())=>
        __start.spawn(move || ::gleak_test_harness::__private::run(__end, #ident))
    };
    quote! {
        const _: () = {
            #function
            enum Test {}
            impl Test {
                fn #ident(
                    __start: ::gleak_test_harness::__private::Start<'_>,
                ) -> ::gleak_test_harness::__private::Started {
                    let __end = __start.end();
                    #spawn
                }
            }
            ::gleak_test_harness::__private::inventory::submit! {
                ::gleak_test_harness::__private::Registered {
                    module: ::core::module_path!(),
                    name: #name,
                    file: ::core::file!(),
                    line: ::core::line!(),
                    ignored: #ignored,
                    should_panic: ::gleak_test_harness::__private::ShouldPanic::#should_panic,
                    workers: #workers,
                    settle_ms: #settle_ms,
                    deadline_ms: #deadline_ms,
                    ignore: &[#(#ignore),*],
                    cleanup: #cleanup,
                    start: Test::#ident,
                }
            }
        };
    }
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote! { ::core::option::Option::Some(#value) },
        None => quote! { ::core::option::Option::None },
    }
}
