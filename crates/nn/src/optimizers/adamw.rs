use cornet_error::Result;
use cornet_ops::Tensor;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::adam::{AdamRule, adam_arguments, adam_optimizer};
use super::arguments::{beta_arguments, common_arguments, default_from_new};
use super::{Optimizer, OptimizerBase, Rate, SlotGroup, Step};
use crate::layers::Weight;
use crate::saving::config::Config;

/// [`Adam`](super::Adam) with weight decay: each step takes `0.004 · rate · w` away from the weights w.
///
/// # Source
/// Keras 3 `keras.optimizers.AdamW`; Loshchilov and Hutter, "Decoupled weight decay regularization" (2017).
pub struct AdamW {
    base: OptimizerBase,
    rule: AdamRule,
}

default_from_new!(AdamW);

impl AdamW {
    /// The optimizer with Keras's arguments: learning rate 0.001, weight decay 0.004, β₁ 0.9, β₂ 0.999, ε 1e-7.
    pub fn new() -> Self {
        let mut base = OptimizerBase::new("AdamW", 0.001);
        base.set_weight_decay(Some(0.004));
        Self { base, rule: AdamRule::default() }
    }

    common_arguments!();
    adam_arguments!();

    pub(super) fn from_config(config: &Config<'_>) -> Result<Self> {
        let mut base = OptimizerBase::from_config(config, "AdamW", 0.001)?;
        base.set_weight_decay(base.get_weight_decay().or(Some(0.004)));
        Ok(Self { base, rule: AdamRule::from_config(config)? })
    }
}

impl Optimizer for AdamW {
    fn class_name(&self) -> &'static str {
        "AdamW"
    }

    adam_optimizer!();
}
