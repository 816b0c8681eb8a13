//! What stands in the attribute: `workers = 2, settle_ms = 500, deadline_ms = 5000, ignore = "…",
//! cleanup = f`.

use proc_macro2::TokenStream;
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
    pub(crate) settle_ms: Option<u64>,
    pub(crate) deadline_ms: Option<u64>,
    pub(crate) ignore: Vec<String>,
    pub(crate) cleanup: Option<TokenStream>,
}

pub(crate) fn parse(args: TokenStream) -> syn::Result<Args> {
    let pairs = Punctuated::<MetaNameValue, Token![,]>::parse_terminated.parse2(args)?;
    let mut parsed = Args::default();
    for pair in &pairs {
        let key = pair.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match key.as_str() {
            "workers" => once(pair, &mut parsed.workers, workers(&pair.value)?)?,
            "settle_ms" => {
                once(pair, &mut parsed.settle_ms, number(&pair.value)?.base10_parse()?)?;
            }
            "deadline_ms" => {
                once(pair, &mut parsed.deadline_ms, number(&pair.value)?.base10_parse()?)?;
            }
            "ignore" => parsed.ignore.push(ignore(&pair.value)?),
            "cleanup" => once(pair, &mut parsed.cleanup, path(&pair.value)?)?,
            _ => {
                return Err(syn::Error::new_spanned(
                    &pair.path,
                    "unknown argument: there are `workers`, `settle_ms`, `deadline_ms`, `ignore` and \
                     `cleanup`",
                ));
            }
        }
    }
    Ok(parsed)
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
