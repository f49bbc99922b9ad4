//! Branches and loops.

use std::cell::RefCell;
use std::collections::BTreeSet;

use cornet_error::{Code, Error, Result, err, fail};
use cornet_ops::control::{ScanOptions, cond, scan, switch, while_loop};
use cornet_ops::{Tensor, Type, is_tracing};
use cornet_tensor::{Array, DType};

use crate::attr::{Attr, Attrs, Function, PartialShape};
use crate::graph::{Edge, Graph};
use crate::interpret::{Call, Run, Scope};
use crate::value::{Items, List, Value, not_traced};

/// Loops of no more steps are traced step by step.
const UNROLL: usize = 8;
/// Most steps that are counted ahead.
const COUNT: usize = 200_000;

/// What stands for a value among tensors.
#[derive(Clone)]
enum Kind {
    Tensor,
    List(DType, PartialShape),
}

impl Kind {
    fn of(value: &Value) -> Result<Self> {
        match value {
            Value::Tensor(_) | Value::Variable(_) => Ok(Kind::Tensor),
            Value::List(list) => Ok(Kind::List(list.dtype, list.shape.clone())),
            other => Err(not_traced(&format!("{} leaves a branch or a loop", other.kind()))),
        }
    }

    fn tensor(&self, value: &Value, hint: Option<&[i64]>) -> Result<Tensor> {
        match (self, value) {
            (Kind::Tensor, value) => value.tensor(),
            (Kind::List(..), value) => value.list()?.stacked(hint),
        }
    }

    fn value(&self, tensor: &Tensor) -> Value {
        match self {
            Kind::Tensor => tensor.clone().into(),
            Kind::List(dtype, shape) => {
                List { dtype: *dtype, shape: shape.clone(), items: Items::Stacked(tensor.clone()) }.into()
            }
        }
    }
}

/// What fails in a traced branch may be what is not taken: op by op it will show.
fn op_by_op(error: Error) -> Error {
    match error.code() {
        Code::LimitExceeded | Code::NotTraced => error,
        _ => not_traced(&format!("a branch or a loop cannot be traced ({error})")),
    }
}

/// The truth of a condition of any dtype, if it is known.
fn truth(x: &Tensor) -> Result<Option<bool>> {
    if x.is_traced() {
        return Ok(None);
    }
    let array = x.array()?;
    if array.shape().rank() > 0 {
        return Ok(Some(array.elements() > 0));
    }
    Ok(Some(match array.dtype() {
        DType::Str => array.strings()?.iter().any(|s| !s.is_empty()),
        _ => array.cast(DType::Bool)?.item::<bool>()?,
    }))
}

/// `If` and `StatelessIf`.
pub(crate) fn branch(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (then, otherwise) = (call.function("then_branch")?, call.function("else_branch")?);
    let condition = call.x(0)?;
    let arguments = call.inputs.split_off(1);
    match truth(&condition)? {
        Some(true) => call.run.call(&then, arguments),
        Some(false) => call.run.call(&otherwise, arguments),
        None => {
            let condition = condition.cast(DType::Bool).reshape([]);
            let branches = Branches { run: call.run, arguments, kinds: RefCell::default() };
            let found = cond(&condition, || branches.call(&then), || branches.call(&otherwise)).map_err(op_by_op)?;
            branches.values(&found)
        }
    }
}

/// `Case` and `StatelessCase`.
pub(crate) fn case(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let Attr::List(list) = call.attr("branches") else { fail!(Corrupt, "expected branches, found none") };
    let functions = list.functions.clone();
    let index = call.x(0)?;
    let arguments = call.inputs.split_off(1);
    let last = functions.len().checked_sub(1).ok_or_else(|| err!(Corrupt, "expected branches, found none"))?;
    if !index.is_traced() {
        let index = index.cast(DType::I64).reshape([]).item::<i64>()?;
        let taken = usize::try_from(index).unwrap_or(last).min(last);
        return call.run.call(&functions[taken], arguments);
    }
    // TensorFlow takes the last branch for an index that none has.
    let index = index.less(0).where_(last, &index);
    let branches = Branches { run: call.run, arguments, kinds: RefCell::default() };
    let calls: Vec<_> = functions.iter().map(|f| || branches.call(f)).collect();
    let calls: Vec<&dyn Fn() -> Result<Vec<Tensor>>> = calls.iter().map(|c| c as _).collect();
    let found = switch(&index, &calls).map_err(op_by_op)?;
    branches.values(&found)
}

/// Branches traced side by side.
struct Branches<'a, 'r> {
    run: &'a Run<'r>,
    arguments: Vec<Value>,
    kinds: RefCell<Vec<Kind>>,
}

impl Branches<'_, '_> {
    fn call(&self, function: &Function) -> Result<Vec<Tensor>> {
        let values = self.run.call(function, self.arguments.clone())?;
        let kinds = values.iter().map(Kind::of).collect::<Result<Vec<_>>>()?;
        let tensors = kinds.iter().zip(&values).map(|(k, v)| k.tensor(v, None)).collect();
        self.kinds.replace(kinds);
        tensors
    }

    fn values(&self, found: &[Tensor]) -> Result<Vec<Value>> {
        Ok(self.kinds.borrow().iter().zip(found).map(|(kind, tensor)| kind.value(tensor)).collect())
    }
}

/// Part of a graph as a function of some of its nodes.
struct Region<'g> {
    graph: &'g Graph,
    attrs: Attrs,
    arguments: Vec<usize>,
    /// Nodes whose value stays.
    fixed: Vec<(usize, Vec<Value>)>,
    controls: Vec<usize>,
}

impl Region<'_> {
    /// Values of some of the results, from values of some of the arguments.
    fn run(&self, run: &Run<'_>, values: &[Option<Value>], results: &[Edge], whole: bool) -> Result<Vec<Value>> {
        let mut scope = Scope::new(self.graph, self.attrs.clone());
        for (node, values) in &self.fixed {
            scope.set(*node, values.clone());
        }
        for (&node, value) in self.arguments.iter().zip(values) {
            if let Some(value) = value {
                scope.set(node, vec![value.clone(), Value::Tensor(Array::scalar(1_i32).into())]);
            }
        }
        run.within(|| run.evaluate(&mut scope, results, if whole { &self.controls } else { &[] }))
    }

    /// The argument that an output of the graph hands on as it is.
    fn handed_on(&self, edge: Edge) -> Option<usize> {
        let mut edge = self.graph.source(edge);
        let node = &self.graph.nodes[edge.node];
        // In a loop of TensorFlow 1 variables come to the body through switches.
        if node.op.ends_with("Switch") && edge.port == 1 {
            edge = self.graph.source(*node.inputs.first()?);
        }
        self.arguments.iter().position(|&a| a == edge.node && edge.port == 0)
    }
}

/// A loop: its variables are the arguments of both regions.
struct Loop<'g> {
    test: Region<'g>,
    condition: Edge,
    body: Region<'g>,
    /// The next value of each variable.
    next: Vec<Edge>,
}

/// `While` and `StatelessWhile`.
pub(crate) fn repeat(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (test, body) = (call.function("cond")?, call.function("body")?);
    let region = |function: &Function| -> Result<_> {
        let graph = call.run.function(&function.name)?;
        if graph.arguments.len() != call.inputs.len() {
            fail!(Corrupt, "function {}: expected {} arguments", graph.name, call.inputs.len());
        }
        let (arguments, controls) = (graph.arguments.clone(), graph.controls.clone());
        Ok(Region { graph, attrs: function.attrs.clone(), arguments, fixed: Vec::new(), controls })
    };
    let (test, body) = (region(&test)?, region(&body)?);
    let condition = *test.graph.results.first().ok_or_else(|| err!(Corrupt, "expected a condition, found none"))?;
    let next = body.graph.results.clone();
    if next.len() != call.inputs.len() {
        fail!(Corrupt, "loop: expected {} next values, found {}", call.inputs.len(), next.len());
    }
    let inputs = std::mem::take(&mut call.inputs);
    Loop { test, condition, body, next }.run(call.run, inputs)
}

/// The value with which a variable leaves a loop of TensorFlow 1.
pub(crate) fn exit(run: &Run<'_>, scope: &mut Scope<'_>, at: usize) -> Result<Value> {
    let graph = scope.graph;
    let f = *graph.frame_of.get(&at).ok_or_else(|| err!(Unsupported, "an exit of no loop"))?;
    let frame = &graph.frames[f];
    if !scope.loops.contains_key(&f) {
        let input = |node: usize| {
            let edge = graph.nodes[node].inputs.first().copied();
            edge.ok_or_else(|| err!(Corrupt, "node '{}': expected an input", graph.nodes[node].name))
        };
        let inits = frame.variables.iter().map(|v| scope.value(input(v.enter)?)).collect::<Result<Vec<_>>>()?;
        let fixed = frame.constants.iter().map(|&c| Ok((c, vec![scope.value(input(c)?)?])));
        let fixed = fixed.collect::<Result<Vec<_>>>()?;
        let is_dead = |v: &Value| matches!(v, Value::Dead);
        let found = if inits.iter().any(is_dead) || fixed.iter().any(|(_, v)| v.iter().any(is_dead)) {
            vec![Value::Dead; inits.len()]
        } else {
            let condition = frame.condition.ok_or_else(|| err!(Unsupported, "a loop without a condition"))?;
            let arguments: Vec<usize> = frame.variables.iter().map(|v| v.merge).collect();
            let attrs = Attrs::default();
            let region = |fixed| Region {
                graph,
                attrs: attrs.clone(),
                arguments: arguments.clone(),
                fixed,
                controls: Vec::new(),
            };
            let mut goes_on = fixed.clone();
            goes_on.push((condition, vec![Value::Tensor(Array::scalar(true).into())]));
            let next = frame.variables.iter().map(|v| input(v.next)).collect::<Result<_>>()?;
            Loop { test: region(fixed), condition: input(condition)?, body: region(goes_on), next }.run(run, inits)?
        };
        scope.loops.insert(f, found);
    }
    let place = frame.variables.iter().position(|v| v.exit == Some(at));
    let found = place.and_then(|p| scope.loops.get(&f)?.get(p).cloned());
    found.ok_or_else(|| err!(Internal, "a loop without this result"))
}

/// What is known of a loop's steps before it runs.
struct Ahead {
    steps: usize,
    /// The variables whose value is the number of the step.
    counters: BTreeSet<usize>,
}

impl Loop<'_> {
    fn run(&self, run: &Run<'_>, mut values: Vec<Value>) -> Result<Vec<Value>> {
        if !is_tracing() {
            while self.goes_on(run, &values)?.ok_or_else(|| not_traced("a condition is not known"))? {
                values = self.step(run, &values)?;
            }
            return Ok(values);
        }
        let ahead = self.look_ahead(run, &values)?;
        if let Some(ahead) = ahead.as_ref().filter(|a| a.steps <= UNROLL) {
            for _ in 0..ahead.steps {
                values = self.step(run, &values)?;
            }
            return Ok(values);
        }
        self.traced(run, values, ahead).map_err(op_by_op)
    }

    fn goes_on(&self, run: &Run<'_>, values: &[Value]) -> Result<Option<bool>> {
        truth(&self.test(run, values)?)
    }

    fn test(&self, run: &Run<'_>, values: &[Value]) -> Result<Tensor> {
        let all: Vec<_> = values.iter().cloned().map(Some).collect();
        match self.test.run(run, &all, &[self.condition], true)?.as_slice() {
            [Value::Dead] | [] => Err(err!(Corrupt, "loop: a condition without a value")),
            [condition, ..] => condition.tensor(),
        }
    }

    fn step(&self, run: &Run<'_>, values: &[Value]) -> Result<Vec<Value>> {
        let all: Vec<_> = values.iter().cloned().map(Some).collect();
        self.body.run(run, &all, &self.next, true)
    }

    fn invariant(&self, i: usize) -> bool {
        self.body.handed_on(self.next[i]) == Some(i)
    }

    /// Counts the steps, if the condition depends on known values alone.
    fn look_ahead(&self, run: &Run<'_>, values: &[Value]) -> Result<Option<Ahead>> {
        let mut wanted = self.test.graph.depends_on(self.condition.node, &self.test.arguments);
        loop {
            let more: BTreeSet<usize> = wanted
                .iter()
                .filter(|&&i| !self.invariant(i))
                .flat_map(|&i| self.body.graph.depends_on(self.next[i].node, &self.body.arguments))
                .collect();
            let before = wanted.len();
            wanted.extend(more);
            if wanted.len() == before {
                break;
            }
        }
        if wanted.iter().any(|&i| !values[i].is_known()) {
            return Ok(None);
        }
        let mut now: Vec<Option<Value>> = vec![None; values.len()];
        wanted.iter().for_each(|&i| now[i] = Some(values[i].clone()));
        let moving: Vec<usize> = wanted.iter().copied().filter(|&i| !self.invariant(i)).collect();
        let edges: Vec<Edge> = moving.iter().map(|&i| self.next[i]).collect();
        let mut counters: BTreeSet<usize> = moving.iter().copied().collect();
        for step in 0..COUNT {
            let number = |i: usize| match &now[i] {
                Some(Value::Tensor(t)) => t.array().ok()?.item::<i32>().ok(),
                _ => None,
            };
            counters.retain(|&i| number(i) == Some(step as i32));
            let tried = self.test.run(run, &now, &[self.condition], false);
            let Some(goes_on) = known(tried)?.and_then(|v| truth(&v.first()?.tensor().ok()?).ok()?) else {
                return Ok(None);
            };
            if !goes_on {
                return Ok(Some(Ahead { steps: step, counters }));
            }
            let Some(next) = known(self.body.run(run, &now, &edges, false))? else { return Ok(None) };
            moving.iter().zip(next).for_each(|(&i, value)| now[i] = Some(value));
        }
        Ok(None)
    }

    /// The loop as one node of the graph being traced.
    fn traced(&self, run: &Run<'_>, mut values: Vec<Value>, ahead: Option<Ahead>) -> Result<Vec<Value>> {
        let written = ahead.as_ref().map_or_else(Vec::new, |a| self.written_in_order(&values, a));
        let carried: Vec<usize> =
            (0..values.len()).filter(|&i| !self.invariant(i) && !written.iter().any(|w| w.0 == i)).collect();
        let kinds = carried.iter().map(|&i| Kind::of(&values[i])).collect::<Result<Vec<_>>>()?;
        let hints = self.element_shapes(run, &values, &carried, &kinds)?;
        let init: Vec<Tensor> = carried
            .iter()
            .zip(kinds.iter().zip(&hints))
            .map(|(&i, (kind, hint))| kind.tensor(&values[i], hint.as_deref()))
            .collect::<Result<_>>()?;
        let types: Vec<Type> = init.iter().map(Tensor::ty).collect::<Result<_>>()?;
        let at = |x: &[Tensor]| {
            let mut now = values.clone();
            carried.iter().zip(kinds.iter().zip(x)).for_each(|(&i, (kind, x))| now[i] = kind.value(x));
            now
        };
        let edges: Vec<Edge> = carried.iter().map(|&i| self.next[i]).chain(written.iter().map(|w| w.1)).collect();
        let step = |x: &[Tensor]| -> Result<Vec<Tensor>> {
            let now: Vec<_> = at(x).into_iter().map(Some).collect();
            let next = self.body.run(run, &now, &edges, true)?;
            let mut tensors = Vec::with_capacity(next.len());
            for (i, value) in next.iter().enumerate() {
                let Some((kind, ty)) = kinds.get(i).zip(types.get(i)) else {
                    tensors.push(value.tensor()?);
                    continue;
                };
                let tensor = kind.tensor(value, hints[i].as_deref())?;
                if tensor.ty()? != *ty {
                    return Err(not_traced(&format!("a loop's variable changes from {ty} to {}", tensor.ty()?)));
                }
                tensors.push(tensor);
            }
            Ok(tensors)
        };
        let (last, stacked) = match &ahead {
            Some(ahead) => {
                let options = ScanOptions { length: Some(ahead.steps), ..ScanOptions::default() };
                let body = |x: &[Tensor], _: &[Tensor]| {
                    let mut next = step(x)?;
                    let written = next.split_off(carried.len());
                    Ok((next, written))
                };
                scan(body, &init, &[], options)?
            }
            None => (while_loop(|x| self.test(run, &at(x)), step, &init, None)?, Vec::new()),
        };
        carried.iter().zip(kinds.iter().zip(&last)).for_each(|(&i, (kind, x))| values[i] = kind.value(x));
        for ((i, _), stack) in written.iter().zip(stacked) {
            let list = values[*i].list()?;
            let (dtype, shape) = (list.dtype, list.shape.clone());
            values[*i] = List { dtype, shape, items: Items::Stacked(stack) }.into();
        }
        Ok(values)
    }

    /// The lists into which each step writes one element, at its own number, and which it does not read; with the
    /// element.
    fn written_in_order(&self, values: &[Value], ahead: &Ahead) -> Vec<(usize, Edge)> {
        let graph = self.body.graph;
        let find = |i: usize| {
            let Value::List(list) = values.get(i)? else { return None };
            let edge = graph.source(self.next[i]);
            let node = &graph.nodes[edge.node];
            let (from, index, item) = match node.op.as_str() {
                "TensorListSetItem" => (0, 1, 2),
                "TensorArrayWriteV3" => (3, 1, 2),
                _ => return None,
            };
            let of = |input: usize| self.body.handed_on(*node.inputs.get(input)?);
            let uses = graph.nodes.iter().filter(|n| {
                !matches!(n.op.as_str(), "Identity" | "Switch" | "Merge" | "NextIteration" | "Exit")
                    && n.inputs.iter().any(|&e| self.body.handed_on(e) == Some(i))
            });
            let in_order = of(from)? == i
                && ahead.counters.contains(&of(index)?)
                && list.len().ok()? == ahead.steps
                && uses.count() == 1;
            in_order.then(|| node.inputs.get(item).map(|&e| (i, e))).flatten()
        };
        (0..values.len()).filter_map(find).collect()
    }

    /// The shapes of the elements of lists that are carried: what the first step writes.
    fn element_shapes(
        &self,
        run: &Run<'_>,
        values: &[Value],
        carried: &[usize],
        kinds: &[Kind],
    ) -> Result<Vec<Option<Vec<i64>>>> {
        let open = |i: usize| values[i].list().is_ok_and(|list| list.element(None).is_err());
        if !carried.iter().any(|&i| open(i)) {
            return Ok(vec![None; carried.len()]);
        }
        let edges: Vec<Edge> = carried.iter().map(|&i| self.next[i]).collect();
        let all: Vec<_> = values.iter().cloned().map(Some).collect();
        let next = self.body.run(run, &all, &edges, false)?;
        kinds
            .iter()
            .zip(&next)
            .map(|(kind, value)| match kind {
                Kind::Tensor => Ok(None),
                Kind::List(..) => Ok(Some(value.list()?.element(None)?.shape.iter().map(|&s| s as i64).collect())),
            })
            .collect()
    }
}

/// The result of a step taken ahead; none where something is not known.
fn known(tried: Result<Vec<Value>>) -> Result<Option<Vec<Value>>> {
    match tried {
        Ok(values) if values.iter().all(Value::is_known) => Ok(Some(values)),
        Ok(_) => Ok(None),
        Err(e) if e.code() == Code::LimitExceeded => Err(e),
        Err(_) => Ok(None),
    }
}
