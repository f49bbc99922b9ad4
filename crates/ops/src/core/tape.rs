//! Reverse-mode differentiation: a tape that records ops and replays their rules backwards.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::panic::Location;
use std::rc::Rc;

use cornet_tensor::{Result, err};
use smallvec::SmallVec;

use super::attrs::Attrs;
use super::grad::{Cotangents, Grad, Gradient};
use super::op::Op;
use super::tensor::{Here, Tensor};
use super::variable::Variable;

thread_local! {
    static TAPES: RefCell<Vec<Rc<State>>> = const { RefCell::new(Vec::new()) };
}

/// Records what happens to watched tensors and variables on this thread, from its making until it is stopped or
/// dropped, and differentiates it. Tapes nest: the derivative taken inside one tape is recorded by the outer ones, so
/// derivatives of any order follow.
///
/// ```
/// use cornet_ops::{GradientTape, Tensor};
/// let x = Tensor::of(3.0_f32);
/// let tape = GradientTape::new();
/// tape.watch(&x);
/// let y = &x * &x;
/// assert_eq!(tape.gradient(&y, &[&x])?[0].item::<f32>()?, 6.0);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
pub struct GradientTape {
    state: Rc<State>,
    persistent: bool,
    used: Cell<bool>,
}

#[derive(Default)]
struct State {
    /// Ids of tensors that depend on something watched.
    tracked: RefCell<HashSet<u64>>,
    records: RefCell<Vec<Rc<Record>>>,
    /// For each variable, the ids of the tensors its reads gave.
    reads: RefCell<HashMap<u64, SmallVec<[u64; 2]>>>,
    paused: Cell<bool>,
}

struct Record {
    rule: Rule,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

enum Rule {
    Op(&'static Op, Box<Attrs>),
    Custom(CustomRule),
}

/// What a gradient is taken with respect to.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A watched tensor, or one computed from watched ones.
    Tensor(&'a Tensor),
    /// A variable that was read while the tape recorded.
    Variable(&'a Variable),
}

impl<'a> From<&'a Tensor> for Source<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Source::Tensor(tensor)
    }
}

impl<'a> From<&'a Variable> for Source<'a> {
    fn from(variable: &'a Variable) -> Self {
        Source::Variable(variable)
    }
}

impl Default for GradientTape {
    fn default() -> Self {
        Self::new()
    }
}

impl GradientTape {
    /// Starts recording; `gradient` may be asked for once.
    pub fn new() -> Self {
        Self::start(false)
    }

    /// Starts recording; `gradient` may be asked for any number of times.
    pub fn persistent() -> Self {
        Self::start(true)
    }

    fn start(persistent: bool) -> Self {
        let state = Rc::<State>::default();
        TAPES.with_borrow_mut(|tapes| tapes.push(state.clone()));
        Self { state, persistent, used: Cell::new(false) }
    }

    /// Differentiates with respect to `tensor` too, which would otherwise count as a constant.
    pub fn watch(&self, tensor: &Tensor) {
        if let Some(id) = tensor.id() {
            self.state.tracked.borrow_mut().insert(id);
        }
    }

    /// Ends recording. What was recorded can still be differentiated.
    pub fn stop(&self) {
        TAPES.with_borrow_mut(|tapes| tapes.retain(|t| !Rc::ptr_eq(t, &self.state)));
    }

    /// Runs `f` without recording it.
    pub fn pause<T>(&self, f: impl FnOnce() -> T) -> T {
        struct Resume<'a>(&'a Cell<bool>, bool);
        impl Drop for Resume<'_> {
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }
        let _resume = Resume(&self.state.paused, self.state.paused.replace(true));
        f()
    }

    /// d(sum of `target`)/d(source) for each source; zeros where `target` does not depend on it.
    ///
    /// # Errors
    /// `invalid_state` when a tape that is not persistent is asked twice; `not_differentiable` where the way to a
    /// source leads through an op without derivative; failures that tensors carry.
    #[track_caller]
    pub fn gradient<'a, S: Into<Source<'a>> + Copy>(&self, target: &Tensor, sources: &[S]) -> Result<Vec<Tensor>> {
        self.gradient_with(&[(target, None)], sources)
    }

    /// The same from several targets, each with the cotangent that flows into it (ones by default).
    ///
    /// # Errors
    /// As [`GradientTape::gradient`].
    #[track_caller]
    pub fn gradient_with<'a, S: Into<Source<'a>> + Copy>(
        &self,
        targets: &[(&Tensor, Option<Tensor>)],
        sources: &[S],
    ) -> Result<Vec<Tensor>> {
        let _here = Here::enter(Location::caller());
        if self.used.replace(true) && !self.persistent {
            return Err(err!(InvalidState, "a gradient tape that is not persistent was asked for gradients twice")
                .help("make it with GradientTape::persistent()"));
        }
        if !self.persistent {
            self.stop();
        }
        let sources: Vec<Source<'a>> = sources.iter().map(|&s| s.into()).collect();
        self.pause(|| self.backward(targets, &sources))
    }

    /// The ids of the tensors that stand for a source.
    fn ids(&self, source: Source<'_>) -> SmallVec<[u64; 2]> {
        match source {
            Source::Tensor(t) => t.id().into_iter().collect(),
            Source::Variable(v) => self.state.reads.borrow().get(&v.id()).cloned().unwrap_or_default(),
        }
    }

    fn backward(&self, targets: &[(&Tensor, Option<Tensor>)], sources: &[Source<'_>]) -> Result<Vec<Tensor>> {
        let records = self.state.records.borrow().clone();
        let wanted: HashSet<u64> = sources.iter().flat_map(|&s| self.ids(s)).collect();
        let on_path = downstream(&records, &wanted);
        let mut cotangents: HashMap<u64, Tensor> = HashMap::new();
        for (target, cotangent) in targets {
            let ty = target.ty()?;
            if !ty.dtype.is_inexact() {
                return Err(err!(NotDifferentiable, "a gradient of {} values was asked for", ty.dtype));
            }
            let seed = cotangent.clone().unwrap_or_else(|| Tensor::ones_like(target));
            if let Some(id) = target.id() {
                add(&mut cotangents, id, seed);
            }
        }
        for record in records.iter().rev() {
            let flows = record.outputs.iter().any(|o| o.id().is_some_and(|id| cotangents.contains_key(&id)));
            let matters = |t: &Tensor| t.id().is_some_and(|id| on_path.contains(&id));
            if !flows || !record.inputs.iter().any(matters) {
                continue;
            }
            // A target or an intermediate that is a source keeps its cotangent; others are done with theirs.
            let mut take = |o: &Tensor| {
                let id = o.id()?;
                if wanted.contains(&id) { cotangents.get(&id).cloned() } else { cotangents.remove(&id) }
            };
            let dy: Vec<Option<Tensor>> = record.outputs.iter().map(&mut take).collect();
            let needed: Vec<bool> = record.inputs.iter().map(matters).collect();
            for (input, dx) in record.inputs.iter().zip(record.apply(&dy, &needed)?) {
                if let (Some(id), Some(dx), true) = (input.id(), dx, matters(input)) {
                    if let Some(error) = dx.error() {
                        return Err(error.clone());
                    }
                    add(&mut cotangents, id, dx);
                }
            }
        }
        sources.iter().map(|&source| self.collect(source, &cotangents)).collect()
    }

    /// The cotangent of a source: the sum over the tensors that stand for it, or zeros.
    fn collect(&self, source: Source<'_>, cotangents: &HashMap<u64, Tensor>) -> Result<Tensor> {
        let found = self.ids(source).iter().filter_map(|id| cotangents.get(id).cloned()).reduce(|a, b| a + b);
        let gradient = match (found, source) {
            (Some(gradient), _) => gradient,
            (None, Source::Tensor(t)) => Tensor::zeros_like(t),
            (None, Source::Variable(v)) => Tensor::zeros(v.shape(), v.dtype()),
        };
        gradient.error().map_or(Ok(gradient.clone()), |e| Err(e.clone()))
    }
}

impl Drop for GradientTape {
    fn drop(&mut self) {
        self.stop();
    }
}

fn add(cotangents: &mut HashMap<u64, Tensor>, id: u64, delta: Tensor) {
    let sum = match cotangents.remove(&id) {
        Some(held) => held + delta,
        None => delta,
    };
    cotangents.insert(id, sum);
}

/// The ids that depend on `wanted`, through differentiable or other ops alike.
fn downstream(records: &[Rc<Record>], wanted: &HashSet<u64>) -> HashSet<u64> {
    let mut ids = wanted.clone();
    for record in records {
        if record.inputs.iter().any(|t| t.id().is_some_and(|id| ids.contains(&id))) {
            ids.extend(record.outputs.iter().filter_map(Tensor::id));
        }
    }
    ids
}

impl Record {
    fn apply(&self, dy: &[Option<Tensor>], wanted: &[bool]) -> Result<Cotangents> {
        let (op, attrs) = match &self.rule {
            Rule::Custom(rule) => {
                let dense: Vec<Tensor> = dy
                    .iter()
                    .zip(&self.outputs)
                    .map(|(d, o)| d.clone().unwrap_or_else(|| Tensor::zeros_like(o)))
                    .collect();
                let dx = rule(&dense)?;
                if dx.len() != self.inputs.len() {
                    let (n, found) = (self.inputs.len(), dx.len());
                    return Err(err!(InvalidArgument, "custom gradient: expected {n} cotangents, found {found}"));
                }
                return Ok(dx.into_iter().map(Some).collect());
            }
            Rule::Op(op, attrs) => (*op, &**attrs),
        };
        let grad = Grad { op, attrs, inputs: &self.inputs, outputs: &self.outputs, cotangents: dy, wanted };
        match op.gradient {
            Gradient::Zero => Ok(vec![None; self.inputs.len()]),
            Gradient::None(reason) => Err(err!(NotDifferentiable, "{} is not differentiable: {reason}", op.name)
                .help("wrap its input in stop_gradient if no gradient is meant to flow through it")),
            Gradient::Rule(rule) if op.is_pointwise() => {
                let dx = rule(&grad).into_iter().zip(&self.inputs);
                dx.map(|(dx, x)| dx.map(|dx| x.shape().map(|s| dx.sum_to_shape(&s))).transpose()).collect()
            }
            Gradient::Rule(rule) => Ok(rule(&grad)),
        }
    }
}

/// Records a call whose inputs are tracked by some tape of this thread.
pub(crate) fn record(op: &'static Op, attrs: &Attrs, inputs: &[&Tensor], outputs: &[Tensor]) {
    record_with(inputs, outputs, || Rule::Op(op, Box::new(attrs.clone())));
}

fn record_with(inputs: &[&Tensor], outputs: &[Tensor], rule: impl Fn() -> Rule) {
    TAPES.with_borrow(|tapes| {
        for tape in tapes {
            let mut tracked = tape.tracked.borrow_mut();
            if tape.paused.get() || !inputs.iter().any(|t| t.id().is_some_and(|id| tracked.contains(&id))) {
                continue;
            }
            tracked.extend(outputs.iter().filter_map(Tensor::id));
            let inputs = inputs.iter().map(|&t| t.clone()).collect();
            let record = Record { rule: rule(), inputs, outputs: outputs.to_vec() };
            tape.records.borrow_mut().push(Rc::new(record));
        }
    });
}

/// True when some tape of this thread would record a call on these inputs.
pub fn is_recorded(inputs: &[&Tensor]) -> bool {
    TAPES.with_borrow(|tapes| {
        tapes.iter().any(|tape| {
            let tracked = tape.tracked.borrow();
            !tape.paused.get() && inputs.iter().any(|t| t.id().is_some_and(|id| tracked.contains(&id)))
        })
    })
}

/// True while any tape records on this thread.
pub fn is_recording() -> bool {
    TAPES.with_borrow(|tapes| tapes.iter().any(|tape| !tape.paused.get()))
}

/// Watches what a trainable variable's read gave.
pub(crate) fn note_read(variable: &Variable, tensor: &Tensor) {
    if !variable.dtype().is_inexact() {
        return;
    }
    TAPES.with_borrow(|tapes| {
        for tape in tapes.iter().filter(|t| !t.paused.get()) {
            let Some(id) = tensor.id() else { continue };
            if variable.trainable() {
                tape.tracked.borrow_mut().insert(id);
            }
            let mut reads = tape.reads.borrow_mut();
            let ids = reads.entry(variable.id()).or_default();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    });
}

/// Runs `f` on `inputs` with a derivative of its own: `f` returns the results and a function from their cotangents to
/// the inputs'. What `f` computes inside is not recorded.
///
/// # Errors
/// What `f` returns.
///
/// ```
/// use cornet_ops::{GradientTape, Tensor, custom_gradient};
/// // The identity, with the gradient clipped to [-1, 1].
/// let x = Tensor::of([2.0_f32]);
/// let tape = GradientTape::new();
/// tape.watch(&x);
/// let y = custom_gradient(&[&x], |x| {
///     Ok((vec![x[0].clone()], Box::new(|dy: &[Tensor]| Ok(vec![dy[0].minimum(1.0).maximum(-1.0)]))))
/// })?;
/// let g = tape.gradient(&(&y[0] * 5.0), &[&x])?;
/// assert_eq!(g[0].to_vec::<f32>()?, [1.0]);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
pub fn custom_gradient(
    inputs: &[&Tensor],
    f: impl FnOnce(&[Tensor]) -> Result<(Vec<Tensor>, CustomRule)>,
) -> Result<Vec<Tensor>> {
    let owned: Vec<Tensor> = inputs.iter().map(|&t| t.clone()).collect();
    let (results, rule) = without_tapes(|| f(&owned))?;
    // Fresh handles: a result may be an input itself, and must not carry that input's identity.
    let outputs: Vec<Tensor> = without_tapes(|| results.iter().map(Tensor::stop_gradient).collect());
    let rule = Rc::new(rule);
    record_with(inputs, &outputs, || {
        let rule = rule.clone();
        Rule::Custom(Box::new(move |dy| rule(dy)))
    });
    Ok(outputs)
}

/// From the results' cotangents to the inputs'.
pub type CustomRule = Box<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>>>;

/// Runs `f` unseen by all tapes of this thread.
pub fn without_tapes<T>(f: impl FnOnce() -> T) -> T {
    struct Restore(Vec<Rc<State>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            TAPES.with_borrow_mut(|tapes| tapes.append(&mut self.0));
        }
    }
    let _restore = Restore(TAPES.with_borrow_mut(std::mem::take));
    f()
}
