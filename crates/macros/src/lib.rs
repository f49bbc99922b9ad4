//! Attribute macros.

mod function;

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
