//! `#[derive(Layer)]` and `#[derive(Model)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Error, Field, Fields, Ident, ItemStruct, LitStr, Result, Type};

/// The fields by what they are.
struct Parsed {
    base: Ident,
    trainer: Option<Ident>,
    arguments: Vec<(Ident, Type)>,
    parts: Vec<Ident>,
}

fn parse(input: &ItemStruct, what: &str) -> Result<Parsed> {
    let Fields::Named(fields) = &input.fields else {
        return Err(Error::new_spanned(&input.ident, format!("derive({what}): expected named fields")));
    };
    let fields = &fields.named;
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, format!("derive({what}): expected a struct without generics")));
    }
    let has = |field: &Field, word: &str| field.attrs.iter().any(|a: &Attribute| a.path().is_ident(word));
    let of_type = |word: &str| fields.iter().find(|f| is_type(&f.ty, word)).and_then(|f| f.ident.clone());
    let Some(base) = of_type("LayerBase") else {
        return Err(Error::new_spanned(&input.ident, format!("derive({what}): expected a field of type LayerBase")));
    };
    let marked = |word: &'static str| fields.iter().filter(move |f| has(f, word));
    let arguments = marked("argument").filter_map(|f| Some((f.ident.clone()?, f.ty.clone()))).collect();
    let parts = marked("part").filter_map(|f| f.ident.clone()).collect();
    Ok(Parsed { base, trainer: of_type("Trainer"), arguments, parts })
}

fn is_type(ty: &Type, word: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|s| s.ident == word))
}

/// The values of `#[word(key = "text", …)]` or `#[word(key = name, …)]`.
fn options(input: &ItemStruct, word: &str, keys: &[&str]) -> Result<Vec<(String, TokenStream)>> {
    let mut found = Vec::new();
    for attribute in input.attrs.iter().filter(|a| a.path().is_ident(word)) {
        attribute.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            if !keys.contains(&key.as_str()) {
                return Err(meta.error(format!("expected one of {}", keys.join(", "))));
            }
            let value = meta.value()?;
            let tokens = match value.peek(LitStr) {
                true => {
                    let text: LitStr = value.parse()?;
                    quote!(#text)
                }
                false => {
                    let name: Ident = value.parse()?;
                    quote!(#name)
                }
            };
            found.push((key, tokens));
            Ok(())
        })?;
    }
    Ok(found)
}

pub(crate) fn layer(input: TokenStream) -> Result<TokenStream> {
    let input: ItemStruct = syn::parse2(input)?;
    let Parsed { base, trainer, arguments, parts } = parse(&input, "Layer")?;
    let options = options(&input, "layer", &["package"])?;
    let package = options.into_iter().find(|(key, _)| key == "package").map_or(quote!("Custom"), |(_, text)| text);
    let (ident, class) = (&input.ident, input.ident.to_string());
    let support = quote!(::cornet::layer_support);
    let result = quote!(::cornet::Result);
    let (names, types): (Vec<_>, Vec<_>) = arguments.iter().map(|(name, ty)| (name, ty)).unzip();
    let keys: Vec<String> = names.iter().map(ToString::to_string).collect();
    let places: Vec<String> = parts.iter().map(ToString::to_string).collect();
    let as_model = trainer.is_some().then(|| {
        quote! {
            fn as_model_layer(&self) -> ::core::option::Option<&dyn ::cornet::models::Model> {
                ::core::option::Option::Some(self)
            }
        }
    });
    Ok(quote! {
        impl ::cornet::layers::Layer for #ident {
            fn class_name(&self) -> &str {
                #class
            }
            fn module(&self) -> &str {
                #package
            }
            fn registered_name(&self) -> ::core::option::Option<&str> {
                ::core::option::Option::Some(::core::concat!(#package, ">", #class))
            }
            fn base(&self) -> &::cornet::layers::LayerBase {
                &self.#base
            }
            fn arguments(&self) -> #support::Map {
                let mut arguments = #support::Map::new();
                #(arguments.insert(#keys.into(), #support::to_json(&self.#names));)*
                arguments
            }
            fn has_build(&self) -> bool {
                true
            }
            fn build(&self, inputs: &[#support::PartialShape], weights: &mut ::cornet::layers::Weights<'_>) -> #result<()> {
                ::cornet::layers::Forward::build(self, inputs, weights)
            }
            fn after_build(&self, inputs: &[#support::PartialShape], path: &str, seeds: &#support::Seeds) -> #result<()> {
                #support::build_parts(self, inputs, path, seeds)
            }
            fn call(&self, inputs: &[::cornet::Tensor], call: &::cornet::layers::Call<'_>) -> #result<::cornet::layers::Tensors> {
                ::cornet::layers::Forward::forward(self, inputs, call)
            }
            fn supports_masking(&self) -> bool {
                ::cornet::layers::Forward::supports_masking(self)
            }
            fn compute_output_shape(&self, inputs: &[#support::PartialShape]) -> #result<::std::vec::Vec<#support::PartialShape>> {
                #support::output_shape(self, inputs)
            }
            fn parts(&self) -> ::std::vec::Vec<(::std::string::String, ::std::sync::Arc<dyn ::cornet::layers::Layer>)> {
                let mut parts = ::std::vec::Vec::new();
                #(#support::Parts::collect(&self.#parts, #places, &mut parts);)*
                parts
            }
            #as_model
        }

        impl #ident {
            /// With this name instead of an automatic one.
            #[must_use]
            pub fn name(mut self, name: impl ::core::convert::Into<::std::string::String>) -> Self {
                self.#base.set_name(name);
                self
            }

            /// Admits the class into model files: a file that has it is read with [`Self::new`], given the arguments in
            /// the order of their fields.
            pub fn register() {
                ::cornet::layers::register_layer(::core::concat!(#package, ">", #class), |config| {
                    let mut layer = Self::new(#(#support::from_json::<#types>(config, #keys)?),*);
                    layer.#base = ::cornet::layers::LayerBase::from_config(config)?;
                    ::core::result::Result::Ok(::std::sync::Arc::new(layer))
                });
            }
        }
    })
}

pub(crate) fn model(input: TokenStream) -> Result<TokenStream> {
    let input: ItemStruct = syn::parse2(input)?;
    let Parsed { base, trainer, .. } = parse(&input, "Model")?;
    let Some(trainer) = trainer else {
        return Err(Error::new_spanned(&input.ident, "derive(Model): expected a field of type Trainer"));
    };
    let ident = &input.ident;
    let result = quote!(::cornet::Result);
    let support = quote!(::cornet::layer_support);
    let layer = quote!(::cornet::layers::Layer);
    let own = own_methods(&input)?;
    Ok(quote! {
        impl ::cornet::models::Model for #ident {
            #(#own)*
            fn as_model(&self) -> &dyn ::cornet::models::Model {
                self
            }
            fn trainer(&self) -> &::cornet::training::Trainer {
                &self.#trainer
            }
            fn layers(&self) -> ::std::vec::Vec<::std::sync::Arc<dyn #layer>> {
                #layer::parts(self).into_iter().map(|(_, part)| part).collect()
            }
            fn build_for(&self, inputs: &[#support::PartialShape]) -> #result<()> {
                ::cornet::layers::build(self, inputs, "", &::cornet::models::Model::seeds(self))
            }
            fn input_shapes(&self) -> ::core::option::Option<::std::vec::Vec<#support::PartialShape>> {
                self.#base.is_built().then(|| self.#base.build_shapes().to_vec())
            }
        }
    })
}

/// The methods that `#[model(…)]` names: each calls the struct's own of that name.
fn own_methods(input: &ItemStruct) -> Result<Vec<TokenStream>> {
    let (result, training) = (quote!(::cornet::Result), quote!(::cornet::training));
    let (tensor, layers) = (quote!(::cornet::Tensor), quote!(::cornet::layers));
    let mut found = Vec::new();
    for attribute in input.attrs.iter().filter(|a| a.path().is_ident("model")) {
        attribute.parse_nested_meta(|meta| {
            let Some(name) = meta.path.get_ident() else { return Err(meta.error("expected the name of a method")) };
            found.push(match name.to_string().as_str() {
                "train_step" | "test_step" => quote! {
                    fn #name(&self, data: &#training::StepData) -> #result<#training::StepLogs> {
                        Self::#name(self, data)
                    }
                },
                "predict_step" => quote! {
                    fn #name(&self, x: &[#tensor]) -> #result<::std::vec::Vec<#tensor>> {
                        Self::#name(self, x)
                    }
                },
                "compute_loss" => quote! {
                    fn #name(
                        &self,
                        data: &#training::StepData,
                        outputs: &#layers::Outputs,
                        context: &#layers::Context,
                    ) -> #result<#tensor> {
                        Self::#name(self, data, outputs, context)
                    }
                },
                "compute_metrics" => quote! {
                    fn #name(&self, data: &#training::StepData, outputs: &#layers::Outputs) -> #result<()> {
                        Self::#name(self, data, outputs)
                    }
                },
                "metrics" => quote! {
                    fn #name(&self) -> ::std::vec::Vec<::std::sync::Arc<dyn ::cornet::metrics::Metric>> {
                        Self::#name(self)
                    }
                },
                "output_names" => quote! {
                    fn #name(&self) -> ::std::vec::Vec<::std::string::String> {
                        Self::#name(self)
                    }
                },
                _ => {
                    return Err(meta.error(
                        "expected train_step, test_step, predict_step, compute_loss, compute_metrics, metrics or \
                         output_names",
                    ));
                }
            });
            Ok(())
        })?;
    }
    Ok(found)
}
