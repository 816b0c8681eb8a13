//! What stands in the attribute: `workers = 2, seed = 7, settle_ms = 500, deadline_ms = 5000,
//! on_leak = Warn, ignore = "…", cleanup = f`; or, for a body that is a future of tokio's,
//! `runtime = "tokio", flavor = "multi_thread", worker_threads = 2, start_paused = true` and those of them
//! that do not choose a runtime of ours.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, ExprPath, Lit, MetaNameValue, Token};

/// As many as a runtime takes.
const WORKERS_MAX: usize = 1024;

/// The attribute's arguments.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) workers: Option<usize>,
    pub(crate) seed: Option<u64>,
    pub(crate) settle_ms: Option<u64>,
    pub(crate) deadline_ms: Option<u64>,
    pub(crate) on_leak: Option<Ident>,
    pub(crate) ignore: Vec<String>,
    pub(crate) cleanup: Option<TokenStream>,
    pub(crate) tokio: Option<Tokio>,
}

/// The runtime of tokio's that a body runs on, as `#[tokio::test]` has it.
#[derive(Debug, Default)]
pub(crate) struct Tokio {
    pub(crate) multi_thread: bool,
    pub(crate) worker_threads: Option<usize>,
    pub(crate) start_paused: bool,
}

/// What is said of tokio's runtime, before it is known that there is one.
#[derive(Debug, Default)]
struct Said {
    runtime: Option<()>,
    flavor: Option<bool>,
    worker_threads: Option<usize>,
    start_paused: Option<bool>,
}

pub(crate) fn parse(args: TokenStream) -> syn::Result<Args> {
    let pairs = Punctuated::<MetaNameValue, Token![,]>::parse_terminated.parse2(args)?;
    let (mut parsed, mut said) = (Args::default(), Said::default());
    for pair in &pairs {
        let key = pair.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match key.as_str() {
            "workers" => once(pair, &mut parsed.workers, workers(&pair.value)?)?,
            "seed" => once(pair, &mut parsed.seed, parsed_number(&pair.value)?)?,
            "settle_ms" => once(pair, &mut parsed.settle_ms, parsed_number(&pair.value)?)?,
            "deadline_ms" => once(pair, &mut parsed.deadline_ms, parsed_number(&pair.value)?)?,
            "on_leak" => once(pair, &mut parsed.on_leak, on_leak(&pair.value)?)?,
            "ignore" => parsed.ignore.push(ignore(&pair.value)?),
            "cleanup" => once(pair, &mut parsed.cleanup, path(&pair.value)?)?,
            "runtime" => once(pair, &mut said.runtime, runtime(&pair.value)?)?,
            "flavor" => once(pair, &mut said.flavor, flavor(&pair.value)?)?,
            "worker_threads" => once(pair, &mut said.worker_threads, workers(&pair.value)?)?,
            "start_paused" => once(pair, &mut said.start_paused, flag(&pair.value)?)?,
            _ => {
                return Err(syn::Error::new_spanned(
                    &pair.path,
                    "unknown argument: there are `workers`, `seed`, `settle_ms`, `deadline_ms`, \
                     `on_leak`, `ignore`, `cleanup` and `runtime`; with `runtime = \"tokio\"` also \
                     `flavor`, `worker_threads` and `start_paused`",
                ));
            }
        }
    }
    parsed.tokio = said.checked(&parsed).map_err(|text| syn::Error::new_spanned(&pairs, text))?;
    match (&parsed.seed, parsed.workers) {
        (Some(_), Some(2..)) => Err(syn::Error::new_spanned(
            &pairs,
            "a seeded order needs one worker: leave out `workers`, or `seed`",
        )),
        _ => Ok(parsed),
    }
}

impl Said {
    /// The runtime that is meant, if it is tokio's.
    fn checked(self, args: &Args) -> Result<Option<Tokio>, &'static str> {
        let Said { runtime, flavor, worker_threads, start_paused } = self;
        if runtime.is_none() {
            return match (flavor, worker_threads, start_paused) {
                (None, None, None) => Ok(None),
                _ => Err("this is for a runtime of tokio's: add `runtime = \"tokio\"`"),
            };
        }
        if args.workers.is_some() || args.seed.is_some() {
            return Err("`workers` and `seed` choose a runtime of gleak's, not tokio's");
        }
        let multi_thread = flavor.unwrap_or(false);
        let start_paused = start_paused.unwrap_or(false);
        match (multi_thread, worker_threads, start_paused) {
            (false, Some(_), _) => Err("`worker_threads` needs `flavor = \"multi_thread\"`"),
            (true, _, true) => Err("`start_paused` needs `flavor = \"current_thread\"`"),
            _ => Ok(Some(Tokio { multi_thread, worker_threads, start_paused })),
        }
    }
}

fn once<T>(pair: &MetaNameValue, place: &mut Option<T>, value: T) -> syn::Result<()> {
    if place.replace(value).is_some() {
        return Err(syn::Error::new_spanned(&pair.path, "given twice"));
    }
    Ok(())
}

fn workers(value: &Expr) -> syn::Result<usize> {
    let literal = number(value)?;
    let count = literal.base10_parse()?;
    if !(1..=WORKERS_MAX).contains(&count) {
        let message = format!("a runtime has 1 to {WORKERS_MAX} workers");
        return Err(syn::Error::new_spanned(literal, message));
    }
    Ok(count)
}

fn runtime(value: &Expr) -> syn::Result<()> {
    match literal(value) {
        Some(Lit::Str(text)) if text.value() == "tokio" => Ok(()),
        _ => Err(syn::Error::new_spanned(value, "expected `runtime = \"tokio\"`")),
    }
}

/// Whether it is the one with many threads.
fn flavor(value: &Expr) -> syn::Result<bool> {
    let text = if let Some(Lit::Str(text)) = literal(value) { text.value() } else { String::new() };
    match text.as_str() {
        "multi_thread" => Ok(true),
        "current_thread" => Ok(false),
        _ => Err(syn::Error::new_spanned(
            value,
            "expected `flavor = \"multi_thread\"` or `flavor = \"current_thread\"`",
        )),
    }
}

fn flag(value: &Expr) -> syn::Result<bool> {
    match literal(value) {
        Some(Lit::Bool(flag)) => Ok(flag.value()),
        _ => Err(syn::Error::new_spanned(value, "expected `true` or `false`")),
    }
}

fn parsed_number(value: &Expr) -> syn::Result<u64> {
    number(value)?.base10_parse()
}

fn number(value: &Expr) -> syn::Result<&syn::LitInt> {
    match literal(value) {
        Some(Lit::Int(number)) => Ok(number),
        _ => Err(syn::Error::new_spanned(value, "expected a number, as in `settle_ms = 500`")),
    }
}

/// Only its shape: the harness reads it, and says what is wrong with it.
fn ignore(value: &Expr) -> syn::Result<String> {
    match literal(value) {
        Some(Lit::Str(text)) if text.value().contains(" because ") => Ok(text.value()),
        _ => Err(syn::Error::new_spanned(
            value,
            "expected tasks and a reason, as in `ignore = \"name=heartbeat because it goes on\"`; a \
             test is skipped by `#[ignore]`",
        )),
    }
}

/// By its name alone: the test's file need not import it.
fn on_leak(value: &Expr) -> syn::Result<Ident> {
    let name = if let Expr::Path(ExprPath { qself: None, path, .. }) = value {
        path.get_ident().filter(|name| *name == "Fail" || *name == "Warn")
    } else {
        None
    };
    name.cloned().ok_or_else(|| {
        syn::Error::new_spanned(value, "expected `on_leak = Fail` or `on_leak = Warn`")
    })
}

fn path(value: &Expr) -> syn::Result<TokenStream> {
    if let Expr::Path(ExprPath { qself: None, path, .. }) = value {
        return Ok(path.to_token_stream());
    }
    Err(syn::Error::new_spanned(
        value,
        "expected the name of a function, as in `cleanup = close_pool`",
    ))
}

fn literal(value: &Expr) -> Option<&Lit> {
    if let Expr::Lit(ExprLit { lit, .. }) = value { Some(lit) } else { None }
}
