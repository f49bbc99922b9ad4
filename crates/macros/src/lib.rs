//! Attribute macros.

mod function;
mod layer;

/// Runs a Rust function on tensors as a compiled graph, traced once per signature of its arguments.
///
/// ```ignore
/// #[cornet::function]
/// fn dense(x: &Tensor, w: &Tensor, units: usize) -> cornet::Result<Tensor> {
///     Ok(x.matmul(w).reshape([x.shape()?[0], units]).tanh())
/// }
/// ```
///
/// # Arguments
/// Tensors, as `&Tensor`, `Tensor` or `&[Tensor]`, are arguments of the graph: their dtypes and shapes are the signature.
/// All others are taken by value and are part of the signature too (`bool`, integers, floats, `char`, `String`, `DType`,
/// `Shape`, and options, vectors and arrays of them): each new value is traced anew, so they should take few.
///
/// # Result
/// `Result` of a `Tensor`, a `Vec` or array of them, or a tuple of up to eight.
///
/// # Tracing
/// The first call of a signature runs the body on stand-ins, whose values are not known; what the body does with them is
/// what later calls do. Anything else in the body, such as printing, happens while tracing. Inside another trace, or under
/// a tape that watches an argument, the body is part of that trace or tape.
///
/// # Errors
/// Of the function: what the body returns, and what only values can tell. Of the attribute: functions that are generic,
/// `async`, `const`, `unsafe`, methods, or of other result types.
#[proc_macro_attribute]
pub fn function(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    function::expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a layer of a struct that says what it computes: see `cornet::layers::Forward`.
///
/// ```ignore
/// #[derive(Layer)]
/// #[layer(package = "my_app")]
/// struct Residual {
///     base: LayerBase,
///     #[argument]
///     units: usize,
///     #[part]
///     inner: Arc<Dense>,
/// }
/// ```
///
/// # Fields
/// One of type `LayerBase`, which has name and dtype; those marked `#[argument]` are the config, of any type that serde
/// reads and writes; those marked `#[part]` are layers of its own: `Arc`s, vectors or options of them. Others are free.
///
/// # What it makes
/// `impl Layer`, a builder method `name`, and `register`, which admits the class into model files under
/// `package>Name` (`Custom>Name` without a package) and needs `new`, taking the arguments in the order of the fields.
#[proc_macro_derive(Layer, attributes(layer, argument, part))]
pub fn derive_layer(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    layer::layer(item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a model of a struct that derives `Layer` and has a field of type `Trainer`: it can be compiled, fitted, saved.
///
/// `#[model(train_step, …)]` names methods that the struct has itself instead of the default ones: `train_step`,
/// `test_step`, `predict_step`, `compute_loss`, `compute_metrics`, `metrics`, `output_names`.
#[proc_macro_derive(Model, attributes(model))]
pub fn derive_model(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    layer::model(item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
