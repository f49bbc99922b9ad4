//! Steps of a model, traced once for each kind of batch and then run.

use std::sync::Arc;

use cornet_error::{Code, Result, err};
use cornet_ops::{Tensor, Type};
use cornet_runtime::Concrete;
use cornet_tensor::{Array, DType};
use smallvec::SmallVec;

use super::Logs;
use super::feed::Layout;
use super::step::{StepData, StepLogs};
use super::trainer::Compiled;
use crate::models::Model;

/// A step that was traced: the compiled function, and the names of the scalars that it reports.
pub(crate) struct Traced {
    /// None for a step that runs op by op.
    pub concrete: Option<Concrete>,
    logs: Vec<String>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Train,
    Test,
    Predict,
}

/// Functions that were run last; looked at before the model's cache, which takes memory to ask.
const RECENT_MAX: usize = 4;

/// Runs the steps of one kind.
pub(crate) struct Runner<'a> {
    model: &'a dyn Model,
    compiled: Option<&'a Compiled>,
    kind: Kind,
    recent: Vec<(Arc<Layout>, Vec<Type>, Arc<Traced>)>,
    /// What the last step gave.
    pub outputs: Vec<Array>,
    names: Vec<String>,
}

impl<'a> Runner<'a> {
    pub fn new(model: &'a dyn Model, compiled: Option<&'a Compiled>, kind: Kind) -> Self {
        Self { model, compiled, kind, recent: Vec::new(), outputs: Vec::new(), names: Vec::new() }
    }

    /// Traces the step for such arguments, if it was not before, so that it fails before it is needed.
    pub fn prepare(&mut self, layout: &Arc<Layout>, arguments: &[Array]) -> Result<()> {
        self.function(layout, arguments).map(|_| ())
    }

    /// Takes a step. Nothing is allocated here once a batch of that kind has been seen.
    pub fn run(&mut self, layout: &Arc<Layout>, arguments: &[Array]) -> Result<()> {
        let function = self.function(layout, arguments)?;
        let Some(concrete) = &function.concrete else { return self.run_eagerly(layout, arguments) };
        let arguments: SmallVec<[&Array; 8]> = arguments.iter().collect();
        concrete.run(&arguments, &mut self.outputs)
    }

    fn function(&mut self, layout: &Arc<Layout>, arguments: &[Array]) -> Result<Arc<Traced>> {
        let fits = |types: &[Type]| {
            types.len() == arguments.len()
                && types.iter().zip(arguments).all(|(t, a)| t.dtype == a.dtype() && t.shape == *a.shape())
        };
        let found =
            self.recent.iter().find(|(known, types, _)| fits(types) && (Arc::ptr_eq(known, layout) || known == layout));
        if let Some((.., function)) = found {
            return Ok(function.clone());
        }
        let types: Vec<Type> = arguments.iter().map(Type::of).collect();
        let function = self.traced(layout, types.clone())?;
        self.names.clone_from(&function.logs);
        self.recent.truncate(RECENT_MAX - 1);
        self.recent.insert(0, (layout.clone(), types, function.clone()));
        Ok(function)
    }

    fn traced(&self, layout: &Arc<Layout>, types: Vec<Type>) -> Result<Arc<Traced>> {
        if self.compiled.is_some_and(|compiled| compiled.options().run_eagerly) {
            return Ok(Arc::new(Traced { concrete: None, logs: Vec::new() }));
        }
        let (cache, name) = match (self.kind, self.compiled) {
            (Kind::Train, Some(compiled)) => (&compiled.train, "train_step"),
            (Kind::Test, Some(compiled)) => (&compiled.test, "test_step"),
            _ => (&self.model.trainer().predict, "predict"),
        };
        cache.get(layout, types, |types| {
            let mut logs = Vec::new();
            let concrete = Concrete::trace(name, types, |arguments| {
                let (outputs, names) = self.step(&StepData::of(layout, arguments))?;
                logs = names;
                Ok(outputs)
            });
            match concrete {
                Ok(concrete) => Ok(Traced { concrete: Some(concrete), logs }),
                // Shapes that values decide, such as that of the longest text of a batch, have no graph.
                Err(error) if error.code() == Code::DataDependentShape => {
                    Ok(Traced { concrete: None, logs: Vec::new() })
                }
                Err(error) => Err(error),
            }
        })
    }

    /// What the step gives, and the names of its scalars.
    fn step(&self, data: &StepData) -> Result<(Vec<Tensor>, Vec<String>)> {
        let StepLogs(logs) = match self.kind {
            Kind::Train => self.model.train_step(data)?,
            Kind::Test => self.model.test_step(data)?,
            Kind::Predict => return Ok((self.model.predict_step(&data.x)?, Vec::new())),
        };
        let (mut names, mut scalars) = (Vec::new(), Vec::new());
        for (name, scalar) in logs {
            let shape = scalar.shape().map_err(|e| e.within(format!("logs of the step, '{name}'")))?;
            if shape.elements() != 1 {
                return Err(err!(ShapeMismatch, "logs of the step, '{name}': expected a scalar, found {shape}")
                    .help("take its mean or sum"));
            }
            names.push(name);
            scalars.push(scalar);
        }
        Ok((scalars, names))
    }

    fn run_eagerly(&mut self, layout: &Arc<Layout>, arguments: &[Array]) -> Result<()> {
        let tensors: Vec<Tensor> = arguments.iter().cloned().map(Tensor::from).collect();
        let (outputs, names) = self.step(&StepData::of(layout, &tensors))?;
        self.outputs = outputs.iter().map(Tensor::array).collect::<Result<_>>()?;
        self.names = names;
        Ok(())
    }

    /// What callbacks and the display are told.
    pub fn report(&self) -> StepReport<'_> {
        StepReport { model: self.model, compiled: self.compiled, names: &self.names, outputs: &self.outputs }
    }
}

/// Losses and metrics since the epoch began, or what the last step reported.
#[derive(Clone, Copy)]
pub(crate) struct StepReport<'a> {
    model: &'a dyn Model,
    compiled: Option<&'a Compiled>,
    names: &'a [String],
    outputs: &'a [Array],
}

impl StepReport<'_> {
    pub fn logs(&self) -> Result<Logs> {
        if !self.names.is_empty() && !self.outputs.is_empty() {
            let scalars = self.names.iter().zip(self.outputs);
            let logs = scalars.map(|(name, value)| Ok((name.clone(), value.cast(DType::F64)?.item::<f64>()?)));
            return Ok(Logs::sorted(logs.collect::<Result<Vec<_>>>()?));
        }
        self.compiled.map_or_else(|| Ok(Logs::default()), |compiled| compiled.logs_of(self.model))
    }

    /// The loss alone.
    pub fn loss(&self) -> Result<f64> {
        match (self.names.is_empty(), self.compiled) {
            (true, Some(compiled)) => compiled.loss_tracker.value(),
            _ => Ok(self.logs()?.loss()),
        }
    }
}
