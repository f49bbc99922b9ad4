//! From a function on tensors to a graph with open sizes.

use std::sync::Arc;

use cornet_error::{Result, err, fail};
use cornet_ops::{Graph, Tensor, Type, trace};
use cornet_program::TensorSpec;
use cornet_tensor::Shape;

use crate::align::align;
use crate::dim::{MOST_SYMBOLS, Samples};
use crate::graph::{OpenFunction, Symbol};
use crate::tidy;

/// How a function is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A fixed size for the first axis of each input, where that is open.
    pub batch_size: Option<usize>,
    /// A fixed size for every other open axis.
    pub length: Option<usize>,
}

/// What an axis of an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    Fixed(usize),
    Symbol(usize),
}

/// Traces `f` for inputs of these types, once for each sample of the open sizes, and makes one graph of the traces. The
/// first axis of all inputs is one size, if it is open; other open axes are sizes of their own, or, where `f` refuses
/// inputs of different sizes, all of them are one size.
///
/// # Errors
/// `unsupported` where the graph depends on the open sizes in another way than by sizes that are polynomials in them; an
/// input of any rank; a function that assigns variables. What `f` refuses.
pub fn open(
    name: &str,
    inputs: &[TensorSpec],
    outputs: &[&str],
    options: &Options,
    f: impl Fn(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<OpenFunction> {
    let mut last = None;
    for shared in [false, true] {
        let (symbols, axes) = symbols(inputs, options, shared)?;
        if shared && symbols.len() < 2 || symbols.len() > MOST_SYMBOLS {
            continue;
        }
        match open_with(name, inputs, outputs, symbols, &axes, &f) {
            Ok(function) => return Ok(function),
            Err(error) => last = last.or(Some(error)),
        }
    }
    let open = inputs.iter().map(|i| format!("{} {i}", i.name)).collect::<Vec<_>>().join(", ");
    Err(last.unwrap_or_else(|| err!(Unsupported, "inputs: expected at most {MOST_SYMBOLS} open sizes, found {open}")))
}

fn open_with(
    name: &str,
    inputs: &[TensorSpec],
    outputs: &[&str],
    symbols: Vec<Symbol>,
    axes: &[Vec<Axis>],
    f: &impl Fn(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<OpenFunction> {
    let samples = Arc::new(Samples::new(symbols.len()));
    let traced = |point: &Vec<i64>| traced(name, inputs, axes, point, f);
    let traces = samples.points().iter().map(traced).collect::<Result<Vec<Graph>>>()?;
    let mut graph = align(&traces.iter().collect::<Vec<_>>(), &samples)?;
    if graph.outputs.len() != outputs.len() && !outputs.is_empty() {
        fail!(InvalidArgument, "names of outputs: expected {}, found {}", graph.outputs.len(), outputs.len());
    }
    graph.outputs.iter_mut().zip(outputs).for_each(|(output, name)| output.name = (*name).to_owned());
    tidy::run(&mut graph);
    Ok(OpenFunction { name: name.to_owned(), symbols, samples, graph })
}

/// The open sizes, and what each axis of each input is.
fn symbols(inputs: &[TensorSpec], options: &Options, shared: bool) -> Result<(Vec<Symbol>, Vec<Vec<Axis>>)> {
    let mut symbols: Vec<Symbol> = Vec::new();
    let mut axes = Vec::new();
    for (i, input) in inputs.iter().enumerate() {
        let Some(shape) = &input.shape else {
            return Err(err!(Unsupported, "input '{}': expected a known number of axes, found any", input.name)
                .help("give the model's input a shape"));
        };
        let mut found = Vec::new();
        for (axis, size) in shape.iter().enumerate() {
            let set = if axis == 0 { options.batch_size } else { options.length };
            if let Some(size) = size.or(set) {
                found.push(Axis::Fixed(size));
                continue;
            }
            let name = match (axis, shared) {
                (0, _) => "batch".to_owned(),
                (_, true) => "length".to_owned(),
                (_, false) => format!("{}_{axis}", input.name),
            };
            let place = symbols.iter().position(|s| s.name == name).unwrap_or(symbols.len());
            if place == symbols.len() {
                symbols.push(Symbol { name, input: i, axis });
            }
            found.push(Axis::Symbol(place));
        }
        axes.push(found);
    }
    Ok((symbols, axes))
}

fn traced(
    name: &str,
    inputs: &[TensorSpec],
    axes: &[Vec<Axis>],
    point: &[i64],
    f: &impl Fn(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Graph> {
    let size = |axis: &Axis| match axis {
        Axis::Fixed(size) => *size,
        Axis::Symbol(s) => point[*s] as usize,
    };
    let shape = |axes: &Vec<Axis>| axes.iter().map(size).collect::<Shape>();
    let arguments: Vec<(&str, Type)> =
        inputs.iter().zip(axes).map(|(i, axes)| (i.name.as_str(), Type::new(i.dtype, shape(axes)))).collect();
    let traced = trace(name, &arguments, |x| f(x))?;
    if !traced.captures.is_empty() {
        fail!(NotTraced, "{name}: expected a function of its arguments, found one that uses tensors of another trace");
    }
    match traced.graph.updates.first() {
        None => Ok(traced.graph),
        Some(update) => Err(err!(
            Unsupported,
            "{name}: expected a function without memory, found one that assigns '{}'",
            update.variable.name()
        )
        .help("layers that keep a state between calls cannot be exported")),
    }
}

#[cfg(test)]
mod tests {
    use cornet_cpu as _;
    use cornet_tensor::DType;

    use super::*;
    use crate::graph::OpenAttr;

    fn spec(name: &str, shape: &[Option<usize>]) -> TensorSpec {
        TensorSpec::new(name, DType::F32, Some(shape.to_vec()))
    }

    #[test]
    fn sizes_that_follow_the_batch_are_open() {
        let f = open("f", &[spec("x", &[None, Some(4), Some(3)])], &["y"], &Options::default(), |x| {
            let rows = x[0].shape()?[0];
            let zeros = Tensor::zeros([rows, 12], DType::F32);
            Ok(vec![x[0].reshape([rows, 12]) + zeros])
        })
        .unwrap();
        let ops: Vec<_> = f.graph.nodes.iter().map(|n| n.op).collect();
        assert_eq!(ops, ["reshape", "constant", "broadcast_to", "add"]);
        let Some(OpenAttr::Ints(shape)) = f.graph.nodes[0].attrs.get("shape") else { panic!() };
        assert_eq!((shape[0].symbol(), shape[1].known()), (Some(0), Some(12)));
        assert_eq!(f.spec(&f.graph.outputs[0]), spec("y", &[None, Some(12)]));
        assert_eq!(f.size_name(&shape[0]), Some("batch"));
    }

    #[test]
    fn numbers_that_follow_a_length_are_computed() {
        let f =
            open("f", &[spec("x", &[None, None])], &["y"], &Options::default(), |x| Ok(vec![x[0].mean(&[1], false)]));
        let f = f.unwrap();
        assert!(f.graph.nodes.iter().any(|n| n.op == "size"), "{:?}", f.graph.nodes);
    }

    #[test]
    fn inputs_of_one_length_share_it() {
        let inputs = [spec("a", &[None, None]), spec("b", &[None, None])];
        let f = open("f", &inputs, &["y"], &Options::default(), |x| Ok(vec![&x[0] + &x[1]])).unwrap();
        assert_eq!(f.symbols.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["batch", "length"]);
    }

    #[test]
    fn what_no_polynomial_describes_is_refused() {
        let f = |x: &[Tensor]| {
            let rows = x[0].shape()?[0];
            let steps = (0..rows).fold(x[0].clone(), |x, _| x.tanh());
            Ok(vec![steps])
        };
        let error = open("f", &[spec("x", &[None, Some(1)])], &["y"], &Options::default(), f).unwrap_err();
        assert!(error.to_string().contains("number of ops"), "{error}");
        let options = Options { batch_size: Some(2), length: None };
        let fixed = open("f", &[spec("x", &[None, Some(1)])], &["y"], &options, f).unwrap();
        assert_eq!((fixed.symbols.len(), fixed.graph.nodes.len()), (0, 2));
    }
}
