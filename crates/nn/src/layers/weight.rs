//! Weights of layers, and how they are made.

use std::cell::Cell;

use cornet_error::Result;
use cornet_ops::random::SeedGenerator;
use cornet_ops::{Tensor, Type, Variable};
use cornet_tensor::{DType, Shape};

use crate::constraints::Constraint;
use crate::dtype_policy::DTypePolicy;
use crate::initializers::Initializer;
use crate::layers::Adapter;
use crate::random::Seeds;
use crate::regularizers::Regularizer;

/// A weight of a layer: a variable whose name is its path, such as `sequential/dense/kernel`.
#[derive(Clone, Debug)]
pub struct Weight {
    /// The value.
    pub variable: Variable,
    /// The name within the layer, such as `kernel`.
    pub name: &'static str,
    /// Penalty that training adds to the loss.
    pub regularizer: Option<Regularizer>,
    /// Bound that each step brings the value back to.
    pub constraint: Option<Constraint>,
}

impl Weight {
    /// The path, such as `sequential/dense/kernel`.
    pub fn path(&self) -> &str {
        self.variable.name()
    }

    /// The number of parameters.
    pub fn count(&self) -> usize {
        self.variable.shape().elements()
    }
}

/// A weight that a layer asks for in its build.
#[derive(Clone, Debug)]
pub struct WeightSpec {
    name: &'static str,
    shape: Shape,
    initializer: Initializer,
    regularizer: Option<Regularizer>,
    constraint: Option<Constraint>,
    trainable: bool,
    dtype: Option<DType>,
}

impl WeightSpec {
    /// A trainable weight of the layer's dtype.
    pub fn new(name: &'static str, shape: impl Into<Shape>, initializer: &Initializer) -> Self {
        let (shape, initializer) = (shape.into(), initializer.clone());
        Self { name, shape, initializer, regularizer: None, constraint: None, trainable: true, dtype: None }
    }

    /// With a penalty.
    #[must_use]
    pub fn regularizer(mut self, regularizer: Option<Regularizer>) -> Self {
        self.regularizer = regularizer;
        self
    }

    /// With a bound.
    #[must_use]
    pub fn constraint(mut self, constraint: Option<Constraint>) -> Self {
        self.constraint = constraint;
        self
    }

    /// Not trained, such as a moving average.
    #[must_use]
    pub fn non_trainable(mut self) -> Self {
        self.trainable = false;
        self
    }

    /// Of a dtype of its own.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }
}

thread_local! {
    static WITHOUT_VALUES: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`, in which weights are made without values: a file gives them, and one that does not has taken no memory.
pub(crate) fn without_values<T>(f: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            WITHOUT_VALUES.set(self.0);
        }
    }
    let _restore = Restore(WITHOUT_VALUES.replace(true));
    f()
}

impl WeightSpec {
    /// The weight of a layer at `path`, in `dtype` if it has none of its own.
    pub(crate) fn make(self, path: &str, dtype: DType, seeds: &Seeds) -> Result<Weight> {
        let dtype = self.dtype.unwrap_or(dtype);
        Shape::checked(&self.shape, dtype.size())?;
        let path = format!("{path}/{}", self.name);
        let variable = Variable::uninitialized(path, Type { dtype, shape: self.shape.clone() }, self.trainable);
        if !WITHOUT_VALUES.get() {
            let value = self.initializer.make(&self.shape, dtype, || seeds.draw()).map_err(|e| e.within(self.name))?;
            variable.set(value)?;
        }
        let Self { name, regularizer, constraint, .. } = self;
        Ok(Weight { variable, name, regularizer, constraint })
    }
}

/// The weights of a layer that is being built.
pub struct Weights<'a> {
    path: String,
    policy: &'a DTypePolicy,
    seeds: &'a Seeds,
    pub(crate) made: Vec<Weight>,
    pub(crate) generators: Vec<SeedGenerator>,
    pub(crate) adapter: Option<Adapter>,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(path: String, policy: &'a DTypePolicy, seeds: &'a Seeds) -> Self {
        Self { path, policy, seeds, made: Vec::new(), generators: Vec::new(), adapter: None }
    }

    /// The path of the layer.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where seeds are drawn from.
    pub fn seeds(&self) -> &Seeds {
        self.seeds
    }

    /// Makes a weight. Layers read it by its place in the order of making.
    ///
    /// # Errors
    /// `limit_exceeded` for a shape beyond memory; what the initializer refuses.
    pub fn add(&mut self, spec: WeightSpec) -> Result<()> {
        self.made.push(spec.make(&self.path, self.policy.variable_dtype(), self.seeds)?);
        Ok(())
    }

    /// Makes a weight that begins with a function of what its initializer gives.
    pub(crate) fn add_mapped(&mut self, spec: WeightSpec, map: impl Fn(&Tensor) -> Tensor) -> Result<()> {
        self.add(spec)?;
        match self.made.last() {
            Some(made) if made.variable.is_initialized() => {
                made.variable.set(map(&made.variable.value()?.into()).array()?)
            }
            _ => Ok(()),
        }
    }

    /// Makes a random generator for the layer.
    ///
    /// # Errors
    /// None that an input can cause.
    pub fn add_generator(&mut self, seed: Option<u64>) -> Result<()> {
        let seed = seed.unwrap_or_else(|| self.seeds.draw());
        self.generators.push(SeedGenerator::new(seed as i64)?);
        Ok(())
    }
}
