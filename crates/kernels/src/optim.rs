//! Optimizer updates in one pass over a variable, its gradient and its slots, as Keras writes them.
//!
//! Every function takes slices of one length, updates in place, and runs in parallel over fixed ranges.

#![allow(unsafe_code)]

#[cfg(test)]
mod tests;

use crate::isa::Isa;
use crate::lanes::{LANES, Lanes, Task, dispatch};
use crate::shared::{Shared, for_each_task};
use cornet_error::{Code, Error, Result};

/// Elements a task updates.
const CHUNK: usize = 1 << 14;

/// Stochastic gradient descent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f32,
    /// Weight of the velocity; 0 where there is none.
    pub momentum: f32,
    /// Looks ahead along the velocity.
    pub nesterov: bool,
}

/// Adam, with Keras's placement of epsilon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Step size.
    pub learning_rate: f32,
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay (AdamW): `w -= learning_rate * weight_decay * w` before the step; 0 for none.
    pub weight_decay: f32,
}

/// An update of sixteen elements of `N` slots, given those of the gradient.
trait Update<const N: usize>: Copy + Sync {
    fn update<S: Lanes>(self, s: S, g: S::F, slots: [S::F; N]) -> [S::F; N];
}

struct Pass<'a, U, const N: usize> {
    update: U,
    gradient: &'a [f32],
    slots: [&'a mut [f32]; N],
}

impl<U: Update<N>, const N: usize> Task for Pass<'_, U, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(mut self, s: S) {
        let n = self.gradient.len();
        let pointers: [*mut f32; N] = std::array::from_fn(|k| self.slots[k].as_mut_ptr());
        let mut i = 0;
        // SAFETY: every slice has n elements, which `apply` has checked.
        unsafe {
            while i + LANES <= n {
                let g = s.load(self.gradient.as_ptr().add(i));
                let new = self.update.update(s, g, std::array::from_fn(|k| s.load(pointers[k].add(i))));
                (0..N).for_each(|k| s.store(pointers[k].add(i), new[k]));
                i += LANES;
            }
            if i < n {
                let g = s.load_n(self.gradient.as_ptr().add(i), n - i);
                let new = self.update.update(s, g, std::array::from_fn(|k| s.load_n(pointers[k].add(i), n - i)));
                (0..N).for_each(|k| s.store_n(pointers[k].add(i), new[k], n - i));
            }
        }
    }
}

fn apply<U: Update<N>, const N: usize>(isa: Isa, update: U, gradient: &[f32], slots: [&mut [f32]; N]) -> Result<()> {
    let n = gradient.len();
    if let Some(slot) = slots.iter().position(|slot| slot.len() != n) {
        let message = format!("optimizer: slice {slot} has {} elements, the gradient {n}", slots[slot].len());
        return Err(Error::new(Code::ShapeMismatch, message));
    }
    let shared = slots.map(Shared::new);
    for_each_task(n.div_ceil(CHUNK), &|i| {
        let (start, end) = (i * CHUNK, ((i + 1) * CHUNK).min(n));
        // SAFETY: chunks are disjoint.
        let slots = std::array::from_fn(|k| unsafe { shared[k].part(start, end) });
        dispatch(isa, Pass { update, gradient: &gradient[start..end], slots });
    });
    Ok(())
}

#[derive(Clone, Copy)]
struct Plain(f32);

impl Update<1> for Plain {
    #[inline(always)]
    fn update<S: Lanes>(self, s: S, g: S::F, [w]: [S::F; 1]) -> [S::F; 1] {
        [s.sub(w, s.mul(g, s.splat(self.0)))]
    }
}

#[derive(Clone, Copy)]
struct Velocity(Sgd);

impl Update<2> for Velocity {
    #[inline(always)]
    fn update<S: Lanes>(self, s: S, g: S::F, [w, m]: [S::F; 2]) -> [S::F; 2] {
        let (rate, momentum) = (s.splat(self.0.learning_rate), s.splat(self.0.momentum));
        let step = s.mul(g, rate);
        let m = s.sub(s.mul(m, momentum), step);
        let w = if self.0.nesterov { s.sub(s.add(w, s.mul(m, momentum)), step) } else { s.add(w, m) };
        [w, m]
    }
}

impl Sgd {
    /// `w -= learning_rate g`, ignoring the momentum.
    ///
    /// # Errors
    /// `shape_mismatch` when the lengths differ.
    pub fn step(&self, gradient: &[f32], w: &mut [f32]) -> Result<()> {
        apply(Isa::detect(), Plain(self.learning_rate), gradient, [w])
    }

    /// `m = momentum m - learning_rate g; w += m`, or with Nesterov's method `w += momentum m - learning_rate g`.
    ///
    /// # Errors
    /// `shape_mismatch` when the lengths differ.
    pub fn step_momentum(&self, gradient: &[f32], w: &mut [f32], m: &mut [f32]) -> Result<()> {
        apply(Isa::detect(), Velocity(*self), gradient, [w, m])
    }
}

#[derive(Clone, Copy)]
struct Moments {
    adam: Adam,
    alpha: f32,
}

impl Moments {
    /// New weights and moments, and the denominator's root argument is the new second moment.
    #[inline(always)]
    fn moments<S: Lanes>(self, s: S, g: S::F, m: S::F, v: S::F) -> (S::F, S::F) {
        let m = s.fma(s.sub(g, m), s.splat(1.0 - self.adam.beta_1), m);
        let v = s.fma(s.sub(s.mul(g, g), v), s.splat(1.0 - self.adam.beta_2), v);
        (m, v)
    }

    #[inline(always)]
    fn weights<S: Lanes>(self, s: S, w: S::F, m: S::F, v: S::F) -> S::F {
        let decay = s.splat(self.adam.learning_rate * self.adam.weight_decay);
        let w = s.fnma(w, decay, w);
        let denominator = s.add(s.sqrt(v), s.splat(self.adam.epsilon));
        s.sub(w, s.div(s.mul(m, s.splat(self.alpha)), denominator))
    }
}

impl Update<3> for Moments {
    #[inline(always)]
    fn update<S: Lanes>(self, s: S, g: S::F, [w, m, v]: [S::F; 3]) -> [S::F; 3] {
        let (m, v) = self.moments(s, g, m, v);
        [self.weights(s, w, m, v), m, v]
    }
}

impl Update<4> for Moments {
    #[inline(always)]
    fn update<S: Lanes>(self, s: S, g: S::F, [w, m, v, largest]: [S::F; 4]) -> [S::F; 4] {
        let (m, v) = self.moments(s, g, m, v);
        let largest = s.max(v, largest);
        [self.weights(s, w, m, largest), m, v, largest]
    }
}

impl Adam {
    /// `learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)`, where `t` counts steps from 1.
    fn alpha(&self, t: u64) -> f32 {
        let power = |beta: f32| libm::pow(f64::from(beta), t as f64);
        (f64::from(self.learning_rate) * (1.0 - power(self.beta_2)).sqrt() / (1.0 - power(self.beta_1))) as f32
    }

    /// `m += (g - m)(1 - beta_1); v += (g² - v)(1 - beta_2); w -= alpha m / (sqrt(v) + epsilon)`, with
    /// `alpha = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)`, at step `t >= 1`.
    ///
    /// # Errors
    /// `shape_mismatch` when the lengths differ.
    pub fn step(&self, t: u64, gradient: &[f32], w: &mut [f32], m: &mut [f32], v: &mut [f32]) -> Result<()> {
        let update = Moments { adam: *self, alpha: self.alpha(t) };
        apply(Isa::detect(), update, gradient, [w, m, v])
    }

    /// [`step`](Adam::step) with the largest second moment so far, `largest = max(largest, v)`, as the denominator's.
    ///
    /// # Errors
    /// `shape_mismatch` when the lengths differ.
    pub fn step_amsgrad(
        &self,
        t: u64,
        gradient: &[f32],
        w: &mut [f32],
        m: &mut [f32],
        v: &mut [f32],
        largest: &mut [f32],
    ) -> Result<()> {
        let update = Moments { adam: *self, alpha: self.alpha(t) };
        apply(Isa::detect(), update, gradient, [w, m, v, largest])
    }
}
