//! The function under the attribute: what it must not be, and what its other attributes say.

use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, ItemFn, Lit, Meta, ReturnType, Type};

/// What the attributes beside ours ask for.
#[derive(Default)]
pub(crate) struct Asked {
    /// `#[ignore]`, with its reason.
    pub(crate) ignore: Option<Attribute>,
    pub(crate) panic: Panic,
}

/// `#[should_panic]`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Panic {
    #[default]
    No,
    Yes,
    /// With a message that contains this.
    With(String),
}

/// Looks at the function, and takes the attributes out that only a harness reads.
///
/// A body for tokio `is_future`.
pub(crate) fn check(function: &mut ItemFn, is_future: bool) -> syn::Result<Asked> {
    check_signature(&function.sig, is_future)?;
    let mut asked = Asked::default();
    let mut kept = Vec::new();
    for attribute in std::mem::take(&mut function.attrs) {
        if attribute.path().is_ident("ignore") {
            asked.ignore = Some(attribute);
        } else if attribute.path().is_ident("should_panic") {
            asked.panic = should_panic(&attribute)?;
        } else if attribute.path().is_ident("test") {
            return Err(syn::Error::new_spanned(
                attribute,
                "this attribute registers the test itself: remove `#[test]`",
            ));
        } else {
            kept.push(attribute);
        }
    }
    function.attrs = kept;
    if asked.panic != Panic::No && !returns_unit(&function.sig.output) {
        return Err(syn::Error::new(
            function.sig.output.span(),
            "a test with `#[should_panic]` returns nothing",
        ));
    }
    Ok(asked)
}

fn check_signature(signature: &syn::Signature, is_future: bool) -> syn::Result<()> {
    match &signature.asyncness {
        Some(token) if !is_future => {
            return Err(syn::Error::new(
                token.span(),
                "a test body is a task with a stack of its own, not a future: remove `async`, or add \
                 `runtime = \"tokio\"`",
            ));
        }
        None if is_future => {
            return Err(syn::Error::new(
                signature.fn_token.span(),
                "a test body for tokio is a future: add `async`",
            ));
        }
        Some(_) | None => {}
    }
    if let Some(token) = &signature.unsafety {
        return Err(syn::Error::new(token.span(), "a test function is not `unsafe`"));
    }
    if let Some(abi) = &signature.abi {
        return Err(syn::Error::new(abi.span(), "a test function has no ABI of its own"));
    }
    if !signature.generics.params.is_empty() {
        let message = "a test function is not generic: nobody would choose its parameters";
        return Err(syn::Error::new(signature.generics.span(), message));
    }
    if !signature.inputs.is_empty() {
        let message = "a test function takes no parameters: nobody would pass them";
        return Err(syn::Error::new(signature.inputs.span(), message));
    }
    Ok(())
}

fn should_panic(attribute: &Attribute) -> syn::Result<Panic> {
    let wrong = || {
        syn::Error::new_spanned(
            attribute,
            "expected `#[should_panic]` or `#[should_panic(expected = \"…\")]`",
        )
    };
    let pair = match &attribute.meta {
        Meta::Path(_) => return Ok(Panic::Yes),
        Meta::NameValue(pair) => pair.clone(),
        Meta::List(list) => {
            let pair: syn::MetaNameValue = list.parse_args().map_err(|_| wrong())?;
            if !pair.path.is_ident("expected") {
                return Err(wrong());
            }
            pair
        }
    };
    if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = pair.value {
        Ok(Panic::With(text.value()))
    } else {
        Err(wrong())
    }
}

fn returns_unit(output: &ReturnType) -> bool {
    match output {
        ReturnType::Default => true,
        ReturnType::Type(_, of) => matches!(&**of, Type::Tuple(tuple) if tuple.elems.is_empty()),
    }
}
