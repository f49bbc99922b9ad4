//! Running plans, and what an operator sees of the node it runs.

use cornet_error::{Error, Limits, Result, err, fail};
use cornet_ops::{GradientTape, Tensor};
use cornet_tensor::{Array, DType, Shape};

use crate::plan::{Act, Plan, Step};
use crate::proto::Attribute;
use crate::value::Value;

/// What holds for a whole run.
pub(crate) struct Context {
    pub limits: Limits,
    /// Records the run if a node asks for gradients.
    pub tape: Option<GradientTape>,
}

impl Context {
    /// For a run of this plan.
    pub fn new(plan: &Plan, limits: &Limits) -> Self {
        Self { limits: *limits, tape: plan.differentiates.then(GradientTape::persistent) }
    }
}

/// Runs a plan.
///
/// # Errors
/// What a node refuses, with its name.
pub(crate) fn run(
    plan: &Plan,
    context: &Context,
    inputs: Vec<Option<Value>>,
    captured: Vec<Option<Value>>,
) -> Result<Vec<Value>> {
    let mut values: Vec<Option<Value>> = vec![None; plan.places];
    plan.constants.iter().for_each(|(place, value)| values[*place] = Some(value.clone()));
    plan.captures.iter().zip(captured).for_each(|(&(_, place), value)| values[place] = value);
    plan.inputs.iter().zip(inputs).for_each(|(&place, value)| values[place] = value);
    if let Some(tape) = &context.tape {
        values.iter().flatten().filter_map(|v| v.tensor().ok()).for_each(|t| tape.watch(t));
    }
    for step in &plan.steps {
        let results = run_step(step, context, &values).map_err(|e| e.within(step.node.label()))?;
        step.dead.iter().for_each(|&place| values[place] = None);
        for (place, value) in step.outputs.iter().zip(results) {
            if let Some(place) = place.filter(|p| !step.dead.contains(p)) {
                values[place] = Some(value);
            }
        }
    }
    let take = |&place: &usize| values[place].clone().ok_or_else(|| err!(InvalidArgument, "an output has no value"));
    plan.outputs.iter().map(take).collect()
}

fn run_step(step: &Step, context: &Context, values: &[Option<Value>]) -> Result<Vec<Value>> {
    let inputs: Vec<Option<Value>> = step.inputs.iter().map(|p| p.and_then(|p| values[p].clone())).collect();
    let results = match &step.act {
        Act::Op(entry) => entry.run(&Call { step, context, inputs, values })?,
        Act::Function(plan) => {
            let mut inputs = inputs;
            inputs.resize(plan.inputs.len(), None);
            run(plan, context, inputs, Vec::new())?
        }
        Act::Missing(why) => fail!(Unsupported, "{why}"),
    };
    let wanted = step.outputs.iter().rposition(Option::is_some).map_or(0, |i| i + 1);
    if results.len() < wanted {
        fail!(InvalidArgument, "expected {wanted} outputs, found {}", results.len());
    }
    results.iter().try_for_each(Value::check)?;
    Ok(results)
}

/// A node that is being run.
pub(crate) struct Call<'a> {
    step: &'a Step,
    pub context: &'a Context,
    pub inputs: Vec<Option<Value>>,
    values: &'a [Option<Value>],
}

impl<'a> Call<'a> {
    /// Version of the node's operator set.
    pub fn opset(&self) -> i64 {
        self.step.opset
    }

    /// How many outputs the node names.
    pub fn outputs(&self) -> usize {
        self.step.outputs.len()
    }

    /// Whether anybody uses an output.
    pub fn wants(&self, i: usize) -> bool {
        self.step.outputs.get(i).is_some_and(Option::is_some)
    }

    /// An input, if it is given.
    pub fn maybe(&self, i: usize) -> Option<&Value> {
        self.inputs.get(i).and_then(Option::as_ref)
    }

    /// An input.
    pub fn value(&self, i: usize) -> Result<&Value> {
        self.maybe(i).ok_or_else(|| err!(InvalidArgument, "input {i}: expected a value, found none"))
    }

    /// An input that is a tensor.
    pub fn tensor(&self, i: usize) -> Result<&Tensor> {
        self.value(i)?.tensor().map_err(|e| e.within(format!("input {i}")))
    }

    /// An input that is a tensor, if it is given.
    pub fn maybe_tensor(&self, i: usize) -> Result<Option<&Tensor>> {
        self.maybe(i).map(Value::tensor).transpose()
    }

    /// Every input, all of them tensors.
    pub fn tensors(&self) -> Result<Vec<&Tensor>> {
        (0..self.inputs.len()).map(|i| self.tensor(i)).collect()
    }

    /// The value of an input that shapes depend on.
    ///
    /// # Errors
    /// `not_traced` where it is not known before the run.
    pub fn known(&self, i: usize) -> Result<Array> {
        self.tensor(i)?.array()
    }

    /// The whole numbers of an input.
    pub fn known_ints(&self, i: usize) -> Result<Vec<i64>> {
        self.known(i)?.to_i64()
    }

    /// The whole numbers of an input, if it is given.
    pub fn maybe_ints(&self, i: usize) -> Result<Option<Vec<i64>>> {
        match self.maybe(i) {
            Some(_) => self.known_ints(i).map(Some),
            None => Ok(None),
        }
    }

    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.step.node.attribute(name)
    }

    fn wrong(&self, name: &str, expected: &str) -> Error {
        err!(InvalidArgument, "attribute '{name}': expected {expected}, found another kind")
    }

    /// A whole number.
    pub fn int(&self, name: &str) -> Result<Option<i64>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Int(i)) => Ok(Some(*i)),
            Some(_) => Err(self.wrong(name, "a whole number")),
        }
    }

    /// A whole number or its default.
    pub fn int_or(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// Whether a number is given and not zero.
    pub fn flag(&self, name: &str) -> Result<bool> {
        Ok(self.int_or(name, 0)? != 0)
    }

    /// A float.
    pub fn float(&self, name: &str) -> Result<Option<f64>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Float(x)) => Ok(Some(shortest(*x))),
            Some(_) => Err(self.wrong(name, "a float")),
        }
    }

    /// A float or its default.
    pub fn float_or(&self, name: &str, default: f64) -> Result<f64> {
        Ok(self.float(name)?.unwrap_or(default))
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Text(bytes)) => {
                Ok(Some(std::str::from_utf8(bytes).map_err(|_| self.wrong(name, "a text in UTF-8"))?))
            }
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    /// A text or its default.
    pub fn text_or(&self, name: &str, default: &'static str) -> Result<&str> {
        Ok(self.text(name)?.unwrap_or(default))
    }

    /// Whole numbers.
    pub fn ints(&self, name: &str) -> Result<Option<&[i64]>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(list)) => Ok(Some(list)),
            Some(Attribute::Empty) => Ok(Some(&[])),
            Some(_) => Err(self.wrong(name, "whole numbers")),
        }
    }

    /// Floats; none if they are not given.
    pub fn floats(&self, name: &str) -> Result<Option<&[f32]>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Floats(list)) => Ok(Some(list)),
            Some(Attribute::Empty) => Ok(Some(&[])),
            Some(_) => Err(self.wrong(name, "floats")),
        }
    }

    /// Texts; none if they are not given.
    pub fn texts(&self, name: &str) -> Result<Option<&[Vec<u8>]>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Texts(list)) => Ok(Some(list)),
            Some(Attribute::Empty) => Ok(Some(&[])),
            Some(_) => Err(self.wrong(name, "texts")),
        }
    }

    /// A tensor.
    pub fn constant(&self, name: &str) -> Result<Option<&crate::proto::Constant>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Tensor(constant)) => Ok(Some(constant)),
            Some(_) => Err(self.wrong(name, "a tensor")),
        }
    }

    /// Axes by a newer input or an older attribute.
    pub fn axes(&self, input: usize, name: &str) -> Result<Option<Vec<i64>>> {
        match self.maybe_ints(input)? {
            Some(axes) => Ok(Some(axes)),
            None => Ok(self.ints(name)?.map(<[i64]>::to_vec)),
        }
    }

    /// A body.
    pub fn body(&self, name: &str) -> Result<Body<'a>> {
        let found = self.step.bodies.iter().find(|(n, _)| n == name);
        let (_, plan) =
            found.ok_or_else(|| err!(InvalidArgument, "attribute '{name}': expected a graph, found none"))?;
        let captured = plan.captures.iter().map(|&(outer, _)| self.values[outer].clone()).collect();
        Ok(Body { plan, captured, context: self.context })
    }

    /// Refuses sizes that no memory has, or more than the limits allow.
    pub fn admit(&self, dims: &[usize], dtype: DType) -> Result<Shape> {
        // An axis without elements hides sizes that what is made on the way there may have.
        let size = if dtype == DType::Str { size_of::<Vec<u8>>() } else { dtype.size() };
        let shape = Shape::checked(dims, size)?;
        let elements = dims.iter().fold(1_u64, |n, &d| n.saturating_mul(d.max(1) as u64));
        let bytes = elements.saturating_mul(size as u64);
        Limits::check("bytes of a tensor", bytes, self.context.limits.object_bytes)?;
        Ok(shape)
    }

    /// Sizes from whole numbers, refused as by [`Call::admit`].
    pub fn admit_ints(&self, dims: &[i64], dtype: DType) -> Result<Shape> {
        self.admit(&sizes(dims)?, dtype)
    }
}

/// The decimal number that a float attribute was written from, such as 0.1, as nearly as an f64 has it.
fn shortest(x: f32) -> f64 {
    if !x.is_finite() {
        return f64::from(x);
    }
    format!("{x:e}").parse().unwrap_or(f64::from(x))
}

/// Sizes from whole numbers.
pub(crate) fn sizes(dims: &[i64]) -> Result<Vec<usize>> {
    let one = |&d: &i64| usize::try_from(d).map_err(|_| err!(InvalidArgument, "sizes: found {d} in {dims:?}"));
    dims.iter().map(one).collect()
}

/// A body and what it takes from around it.
pub(crate) struct Body<'a> {
    plan: &'a Plan,
    captured: Vec<Option<Value>>,
    context: &'a Context,
}

impl Body<'_> {
    /// Runs the body.
    pub fn run(&self, inputs: Vec<Value>) -> Result<Vec<Value>> {
        if inputs.len() != self.plan.inputs.len() {
            let (expected, found) = (self.plan.inputs.len(), inputs.len());
            fail!(InvalidArgument, "body: expected a graph of {found} inputs, found {expected}");
        }
        run(self.plan, self.context, inputs.into_iter().map(Some).collect(), self.captured.clone())
    }

    /// How many outputs it has.
    pub fn outputs(&self) -> usize {
        self.plan.outputs.len()
    }

    /// How many nodes it has.
    pub fn size(&self) -> usize {
        self.plan.size()
    }
}
