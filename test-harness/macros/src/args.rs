//! What stands in the attribute: `workers = 2, settle_ms = 500, allow = "…"`.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Lit, MetaNameValue, Token};

/// As many as a runtime takes.
const WORKERS_MAX: usize = 1024;

/// The attribute's arguments.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) workers: Option<usize>,
    pub(crate) settle_ms: Option<u64>,
    pub(crate) allow: Vec<String>,
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
            "allow" => parsed.allow.push(pattern(&pair.value)?),
            _ => {
                return Err(syn::Error::new_spanned(
                    &pair.path,
                    "unknown argument: there are `workers`, `settle_ms` and `allow`",
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

fn pattern(value: &Expr) -> syn::Result<String> {
    match literal(value) {
        Some(Lit::Str(text)) if !text.value().is_empty() => Ok(text.value()),
        _ => Err(syn::Error::new_spanned(
            value,
            "expected a text, as in `allow = \"pool::heartbeat\"`",
        )),
    }
}

fn literal(value: &Expr) -> Option<&Lit> {
    if let Expr::Lit(ExprLit { lit, .. }) = value { Some(lit) } else { None }
}
