//! `#[function]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, Pat, Result, ReturnType, Signature, Type};

/// How an argument reaches the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `&Tensor`.
    Borrowed,
    /// `Tensor`.
    Owned,
    /// `&[Tensor]`.
    Slice,
    /// Anything else: part of the signature.
    Static,
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new(arguments.span(), "#[function] takes no arguments"));
    }
    let item: ItemFn = syn::parse2(item)?;
    check(&item.sig)?;
    let parameters = item.sig.inputs.iter().map(parameter).collect::<Result<Vec<_>>>()?;
    let support = quote!(::cornet::function_support);
    let (mut collect, mut keys, mut keep, mut take, mut pass) = (vec![], vec![], vec![], vec![], vec![]);
    for (i, (name, kind)) in parameters.iter().enumerate() {
        let local = format_ident!("__cornet_{i}");
        match kind {
            Kind::Static => {
                keys.push(quote!(#support::Static::key(&#name, &mut __cornet_key);));
                keep.push(quote!(let #local = ::core::clone::Clone::clone(&#name);));
                pass.push(quote!(::core::clone::Clone::clone(&#local)));
                continue;
            }
            Kind::Slice => {
                collect.push(quote!(__cornet_arguments.extend(#name.iter().cloned());));
                keys.push(quote!(#support::Static::key(&#name.len(), &mut __cornet_key);));
                keep.push(quote!(let #local = #name.len();));
                take.push(quote!(let #local = #support::take(&mut __cornet_rest, #local)?;));
                pass.push(quote!(#local));
                continue;
            }
            Kind::Borrowed => pass.push(quote!(#local)),
            Kind::Owned => pass.push(quote!(::core::clone::Clone::clone(#local))),
        }
        collect.push(quote!(__cornet_arguments.push(::core::clone::Clone::clone(&*#support::borrow(&#name)));));
        take.push(quote!(let #local = &#support::take(&mut __cornet_rest, 1)?[0];));
    }
    let (attrs, vis, block) = (&item.attrs, &item.vis, &item.block);
    let Signature { ident, inputs, output, .. } = &item.sig;
    let names = parameters.iter().map(|(name, _)| name);
    let types = item.sig.inputs.iter().filter_map(|a| if let FnArg::Typed(t) = a { Some(&t.ty) } else { None });
    let name = ident.to_string();
    Ok(quote! {
        #(#attrs)*
        #vis fn #ident(#(#names: #types),*) #output {
            fn __cornet_body(#inputs) #output #block
            static __CORNET_FUNCTIONS: ::std::sync::LazyLock<#support::Specialized> =
                ::std::sync::LazyLock::new(|| #support::Specialized::new(#name));
            let mut __cornet_key = ::std::string::String::new();
            let mut __cornet_arguments: ::std::vec::Vec<::cornet::Tensor> = ::std::vec::Vec::new();
            #(#collect)*
            #(#keys)*
            #(#keep)*
            let __cornet_results = __CORNET_FUNCTIONS.call(__cornet_key, &__cornet_arguments, || {
                ::std::boxed::Box::new(move |mut __cornet_rest: &[::cornet::Tensor]| {
                    #(#take)*
                    let __cornet_results = __cornet_body(#(#pass),*)?;
                    ::core::result::Result::Ok(#support::Results::into_tensors(__cornet_results))
                })
            })?;
            let __cornet_results = #support::Results::from_tensors(__cornet_results)?;
            ::core::result::Result::Ok(__cornet_results)
        }
    })
}

fn check(signature: &Signature) -> Result<()> {
    let refuse = |span: &dyn Spanned, what: &str| Err(Error::new(span.span(), format!("#[function]: {what}")));
    if let Some(token) = &signature.asyncness {
        return refuse(token, "the function must not be async: it is traced by running it once");
    }
    if let Some(token) = &signature.constness {
        return refuse(token, "the function must not be const: it runs a compiled graph");
    }
    if let Some(abi) = &signature.abi {
        return refuse(abi, "the function must have Rust's own calling convention");
    }
    if !signature.generics.params.is_empty() {
        return refuse(&signature.generics, "the function must not be generic: what is compiled is kept in one place");
    }
    let returns_result = match &signature.output {
        ReturnType::Type(_, ty) => last_name(ty).is_some_and(|name| name.to_string().ends_with("Result")),
        ReturnType::Default => false,
    };
    if !returns_result {
        let expected = "the function must return Result<Tensor>, or Result of a Vec, array or tuple of tensors";
        return match &signature.output {
            ReturnType::Type(_, ty) => refuse(ty, expected),
            ReturnType::Default => refuse(&signature.ident, expected),
        };
    }
    Ok(())
}

/// An argument's name and kind.
fn parameter(argument: &FnArg) -> Result<(Ident, Kind)> {
    let typed = match argument {
        FnArg::Typed(typed) => typed,
        FnArg::Receiver(receiver) => {
            return Err(Error::new(
                receiver.span(),
                "#[function]: methods are not supported; pass what they need as arguments",
            ));
        }
    };
    let name = match &*typed.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => pattern.ident.clone(),
        pattern => return Err(Error::new(pattern.span(), "#[function]: arguments must be plain names")),
    };
    Ok((name, kind(&typed.ty)?))
}

fn kind(ty: &Type) -> Result<Kind> {
    let is_tensor = |ty: &Type| last_name(ty).is_some_and(|name| name == "Tensor");
    match ty {
        Type::Reference(reference) => match &*reference.elem {
            inner if reference.mutability.is_none() && is_tensor(inner) => Ok(Kind::Borrowed),
            Type::Slice(slice) if reference.mutability.is_none() && is_tensor(&slice.elem) => Ok(Kind::Slice),
            _ => Err(Error::new(
                ty.span(),
                "#[function]: expected &Tensor, &[Tensor] or a value; what is no tensor is part of the signature and is \
                 taken by value (String instead of &str, Vec instead of a slice)",
            )),
        },
        ty if is_tensor(ty) => Ok(Kind::Owned),
        _ => Ok(Kind::Static),
    }
}

/// The last name of a path: `Tensor` of `cornet::Tensor`.
fn last_name(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|s| &s.ident),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(item: TokenStream) -> String {
        expand(TokenStream::new(), item).expect_err("it was accepted").to_string()
    }

    #[test]
    fn what_cannot_be_compiled_is_explained() {
        assert!(
            error(quote!(
                async fn f(x: &Tensor) -> Result<Tensor> {
                    todo()
                }
            ))
            .contains("must not be async")
        );
        assert!(
            error(quote!(
                const fn f(x: &Tensor) -> Result<Tensor> {
                    todo()
                }
            ))
            .contains("must not be const")
        );
        assert!(
            error(quote!(
                extern "C" fn f(x: &Tensor) -> Result<Tensor> {
                    todo()
                }
            ))
            .contains("calling convention")
        );
        assert!(
            error(quote!(
                fn f<T>(x: T) -> Result<Tensor> {
                    todo()
                }
            ))
            .contains("must not be generic")
        );
        assert!(
            error(quote!(
                fn f(x: &Tensor) -> Tensor {
                    todo()
                }
            ))
            .contains("must return Result<Tensor>")
        );
        assert!(
            error(quote!(
                fn f(x: &Tensor) {
                    todo()
                }
            ))
            .contains("must return Result<Tensor>")
        );
        assert!(
            error(quote!(
                fn f(&self, x: &Tensor) -> Result<Tensor> {
                    todo()
                }
            ))
            .contains("methods are not supported")
        );
        assert!(
            error(quote!(
                fn f((a, b): (Tensor, Tensor)) -> Result<Tensor> {
                    todo()
                }
            ))
            .contains("plain names")
        );
        assert!(
            error(quote!(
                fn f(mode: &str) -> Result<Tensor> {
                    todo()
                }
            ))
            .contains("String instead of &str")
        );
        assert!(
            error(quote!(
                fn f(x: &mut Tensor) -> Result<Tensor> {
                    todo()
                }
            ))
            .contains("expected &Tensor")
        );
        assert!(
            error(quote!(
                struct S;
            ))
            .contains("expected")
        );
        let item = quote!(
            fn f(x: &Tensor) -> Result<Tensor> {
                todo()
            }
        );
        assert!(expand(quote!(jit), item.clone()).unwrap_err().to_string().contains("takes no arguments"));
        assert!(expand(TokenStream::new(), item).is_ok());
    }

    #[test]
    fn arguments_are_told_apart_by_their_types() {
        let kind_of = |ty: TokenStream| kind(&syn::parse2(ty).unwrap()).unwrap();
        assert_eq!(kind_of(quote!(&Tensor)), Kind::Borrowed);
        assert_eq!(kind_of(quote!(&cornet::Tensor)), Kind::Borrowed);
        assert_eq!(kind_of(quote!(Tensor)), Kind::Owned);
        assert_eq!(kind_of(quote!(&[Tensor])), Kind::Slice);
        assert_eq!(kind_of(quote!(Option<usize>)), Kind::Static);
    }
}
