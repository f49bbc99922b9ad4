//! Tensors of a model that is being drawn, before there are any values: Keras's `KerasTensor`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cornet_error::{Error, Result, err};
use cornet_tensor::DType;
use smallvec::SmallVec;

use crate::layers::layer::{located, place};
use crate::layers::operation::{Operation, places};
use crate::layers::{Arguments, InputLayer, IntoLayer, Layer, build};
use crate::random::Seeds;
use crate::shape::PartialShape;

/// A tensor between layers: its shape and dtype are known, its values come when the model runs.
///
/// Like a [`Tensor`](cornet_ops::Tensor), a symbol may carry a failure, which the model that is made of it returns; so
/// layers are called without `?`.
///
/// ```
/// use cornet_nn::layers::{Add, Dense, Input};
/// use cornet_nn::models::{Functional, Model, Symbolic};
/// let x = Input::new([16]).symbol();
/// let h = Dense::new(16).activation("relu").on(&x);
/// let y = Dense::new(3).on(&Add::new().on([&x, &h]));
/// let model = Functional::new(&x, &y)?;
/// assert_eq!(model.count_params()?, 16 * 16 + 16 + 16 * 3 + 3);
/// # Ok::<(), cornet_error::Error>(())
/// ```
#[derive(Clone)]
pub struct Symbol(Result<Place>);

/// Which output of which call.
#[derive(Clone)]
pub(crate) struct Place {
    pub node: Arc<Node>,
    pub index: usize,
}

/// One call of a layer.
pub(crate) struct Node {
    pub id: u64,
    pub layer: Arc<dyn Layer>,
    /// The inputs, one by one.
    pub inputs: Vec<Place>,
    pub arguments: Arguments<Place>,
    pub outputs: Vec<(PartialShape, DType)>,
}

impl Drop for Node {
    /// One node after the other: a chain of calls may be longer than the stack is deep.
    fn drop(&mut self) {
        let mut open: Vec<Place> = Vec::new();
        let take = |node: &mut Self, open: &mut Vec<Place>| {
            open.append(&mut node.inputs);
            open.extend(node.arguments.tensors.drain(..).flat_map(|(_, places)| places));
        };
        take(self, &mut open);
        while let Some(place) = open.pop() {
            if let Some(mut node) = Arc::into_inner(place.node) {
                take(&mut node, &mut open);
            }
        }
    }
}

impl Symbol {
    pub(crate) fn place(&self) -> Result<&Place> {
        self.0.as_ref().map_err(Error::clone)
    }

    pub(crate) fn of(place: Place) -> Self {
        Self(Ok(place))
    }

    fn description(&self) -> Result<&(PartialShape, DType)> {
        let Place { node, index } = self.place()?;
        node.outputs.get(*index).ok_or_else(|| err!(Internal, "a symbol of an output that there is not"))
    }

    /// The shape; open sizes are `None`.
    ///
    /// # Errors
    /// The failure that it carries.
    pub fn shape(&self) -> Result<&PartialShape> {
        Ok(&self.description()?.0)
    }

    /// The dtype.
    ///
    /// # Errors
    /// The failure that it carries.
    pub fn dtype(&self) -> Result<DType> {
        Ok(self.description()?.1)
    }

    /// The layer that gives it.
    ///
    /// # Errors
    /// The failure that it carries.
    pub fn layer(&self) -> Result<&Arc<dyn Layer>> {
        Ok(&self.place()?.node.layer)
    }

    /// The output of a layer that is called on this: `x.then(Dense::new(3))`.
    #[must_use]
    pub fn then(&self, layer: impl IntoLayer) -> Self {
        layer.on(self)
    }
}

/// One or several symbols, as a layer or a model takes them.
pub struct Symbols(pub Vec<Symbol>);

impl From<&Symbol> for Symbols {
    fn from(one: &Symbol) -> Self {
        Self(vec![one.clone()])
    }
}

impl From<Symbol> for Symbols {
    fn from(one: Symbol) -> Self {
        Self(vec![one])
    }
}

impl<const N: usize> From<[&Symbol; N]> for Symbols {
    fn from(several: [&Symbol; N]) -> Self {
        Self(several.into_iter().cloned().collect())
    }
}

impl<const N: usize> From<[Symbol; N]> for Symbols {
    fn from(several: [Symbol; N]) -> Self {
        Self(several.into())
    }
}

impl From<&[Symbol]> for Symbols {
    fn from(several: &[Symbol]) -> Self {
        Self(several.to_vec())
    }
}

impl From<&Vec<Symbol>> for Symbols {
    fn from(several: &Vec<Symbol>) -> Self {
        Self(several.clone())
    }
}

impl From<Vec<Symbol>> for Symbols {
    fn from(several: Vec<Symbol>) -> Self {
        Self(several)
    }
}

/// Calling layers on symbols.
pub trait Symbolic: IntoLayer + Sized {
    /// The output of the layer, the first one of several, for these inputs.
    #[track_caller]
    fn on(self, inputs: impl Into<Symbols>) -> Symbol {
        self.on_with(inputs, Arguments::new()).swap_remove(0)
    }

    /// All outputs of the layer for these inputs.
    #[track_caller]
    fn on_all(self, inputs: impl Into<Symbols>) -> Vec<Symbol> {
        self.on_with(inputs, Arguments::new())
    }

    /// All outputs of the layer for these inputs and further arguments, such as `initial_state`. At least one: a
    /// failure if there is one.
    #[track_caller]
    fn on_with(self, inputs: impl Into<Symbols>, arguments: Arguments<Symbol>) -> Vec<Symbol> {
        match draw(self.into_layer(), &inputs.into().0, arguments) {
            Ok(node) => (0..node.outputs.len()).map(|index| Symbol::of(Place { node: node.clone(), index })).collect(),
            Err(error) => vec![Symbol(Err(error))],
        }
    }
}

impl<L: IntoLayer> Symbolic for L {}

impl InputLayer {
    /// What a functional model begins with: a tensor of this shape and dtype.
    pub fn symbol(self) -> Symbol {
        Symbol::of(Place { node: input_node(Arc::new(self)), index: 0 })
    }
}

static IDS: AtomicU64 = AtomicU64::new(0);

fn next_id() -> u64 {
    IDS.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn input_node(layer: Arc<InputLayer>) -> Arc<Node> {
    let outputs = vec![(layer.batch_shape().clone(), layer.batch_dtype())];
    Arc::new(Node { id: next_id(), layer, inputs: Vec::new(), arguments: Arguments::new(), outputs })
}

/// Calls a layer on symbols: builds it, and finds the shapes and dtypes of its outputs.
fn draw(layer: Arc<dyn Layer>, inputs: &[Symbol], arguments: Arguments<Symbol>) -> Result<Arc<Node>> {
    let mut places = inputs.iter().map(|symbol| symbol.place().cloned()).collect::<Result<Vec<_>>>()?;
    let mut named = Arguments { tensors: Vec::new(), values: arguments.values };
    for (name, symbols) in arguments.tensors {
        let of_name = symbols.iter().map(|symbol| symbol.place().cloned()).collect::<Result<SmallVec<_>>>()?;
        named.tensors.push((name, of_name));
    }
    positional(&*layer, &mut places, &mut named);
    node(layer, places, named)
}

/// Moves tensors that were named, and are inputs that come one by one, to their places among the inputs, and further
/// inputs under the name of the argument that takes them.
pub(crate) fn positional(layer: &dyn Layer, inputs: &mut Vec<Place>, arguments: &mut Arguments<Place>) {
    for name in &layer.input_names()[inputs.len().min(layer.input_names().len())..] {
        let Some(at) = arguments.tensors.iter().position(|(known, places)| known == name && places.len() == 1) else {
            break;
        };
        inputs.extend(arguments.tensors.remove(at).1);
    }
    if let (Some(name), 2..) = (layer.rest_argument(), inputs.len()) {
        arguments.tensors.push((name.into(), inputs.drain(1..).collect()));
    }
}

/// The call of a layer.
pub(crate) fn node(layer: Arc<dyn Layer>, inputs: Vec<Place>, arguments: Arguments<Place>) -> Result<Arc<Node>> {
    let Some(first) = inputs.first() else {
        return Err(err!(InvalidArgument, "{}: expected an input, found none", place(&*layer)));
    };
    let described: Vec<_> = inputs.iter().map(|at| at.node.outputs[at.index].clone()).collect();
    let shapes: Vec<PartialShape> = described.iter().map(|(shape, _)| shape.clone()).collect();
    let before = first.node.layer.name();
    let advice = |e: Error| e.help(format!("the input comes from '{before}'"));
    build(&*layer, &shapes, "", &Seeds::common()).map_err(advice)?;
    let outputs = located(&place(&*layer), || {
        let spec = layer.input_spec();
        shapes.iter().try_for_each(|shape| spec.check_partial(shape))?;
        layer.infer(&described, &arguments.values)
    })
    .map_err(advice)?;
    Ok(Arc::new(Node { id: next_id(), layer, inputs, arguments, outputs }))
}

/// The output of an op on symbols and numbers, in order.
fn operate(class: &str, operands: &[Result<&Symbol, f64>]) -> Symbol {
    let inputs: Vec<Symbol> = operands.iter().filter_map(|operand| operand.ok().cloned()).collect();
    let arguments =
        Arguments { tensors: Vec::new(), values: places(&operands.iter().map(|o| o.err()).collect::<Vec<_>>()) };
    let drawn = Operation::new(class, serde_json::Map::new())
        .and_then(|operation| draw(Arc::new(operation), &inputs, arguments));
    match drawn {
        Ok(node) => Symbol::of(Place { node, index: 0 }),
        Err(error) => Symbol(Err(error)),
    }
}

macro_rules! operators {
    ($($operator:ident $method:ident $class:literal)+) => { $(
        impl std::ops::$operator<&Symbol> for &Symbol {
            type Output = Symbol;
            fn $method(self, other: &Symbol) -> Symbol {
                operate($class, &[Ok(self), Ok(other)])
            }
        }
        impl std::ops::$operator<f64> for &Symbol {
            type Output = Symbol;
            fn $method(self, number: f64) -> Symbol {
                operate($class, &[Ok(self), Err(number)])
            }
        }
        impl std::ops::$operator<&Symbol> for f64 {
            type Output = Symbol;
            fn $method(self, symbol: &Symbol) -> Symbol {
                operate($class, &[Err(self), Ok(symbol)])
            }
        }
    )+ };
}

operators! {
    Add add "Add"
    Sub sub "Subtract"
    Mul mul "Multiply"
    Div div "TrueDivide"
}

impl std::ops::Neg for &Symbol {
    type Output = Symbol;
    fn neg(self) -> Symbol {
        operate("Negative", &[Ok(self)])
    }
}
