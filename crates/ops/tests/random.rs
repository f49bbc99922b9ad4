//! Random draws: the numbers of JAX where they are the same by design, and the moments of each distribution.

use cornet_ops::random::{self, SeedGenerator};
use cornet_ops::{Tensor, trace};
use cornet_tensor::{DType, Result};

/// `keras.random.uniform((5,), seed=42)` and `((3,), -2, 3, seed=7)`, Keras 3.15.1 on JAX 0.10.2.
#[test]
fn uniform_numbers_are_those_of_keras_on_jax() -> Result<()> {
    let x = random::uniform([5], 0.0, 1.0, DType::F32, 42).to_vec::<f32>()?;
    assert_eq!(x, [0.566_729_66, 0.065_548_66, 0.381_672_38, 0.711_963_53, 0.786_144_85]);
    let x = random::uniform([3], -2.0, 3.0, DType::F32, 7).to_vec::<f32>()?;
    assert_eq!(x, [-0.346_444_96, -0.611_228_47, 0.984_942_2]);
    Ok(())
}

/// Mean and variance of draws, and whether all are within bounds.
fn moments(x: &Tensor, within: std::ops::RangeInclusive<f64>) -> Result<(f64, f64)> {
    let x = x.cast(DType::F64).to_vec::<f64>()?;
    assert!(x.iter().all(|x| within.contains(x)), "out of {within:?}");
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    Ok((mean, x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64))
}

#[track_caller]
fn near((mean, variance): (f64, f64), expected: (f64, f64)) {
    // Four standard errors of 40,000 draws, roughly.
    let slack = 0.02 * (1.0 + expected.1.sqrt());
    assert!((mean - expected.0).abs() < slack, "mean {mean}, expected {}", expected.0);
    assert!((variance - expected.1).abs() < 0.04 * (0.1 + expected.1), "variance {variance}, expected {}", expected.1);
}

#[test]
fn distributions_have_their_moments() -> Result<()> {
    let n = [200, 200];
    let floats = [DType::F32, DType::F64, DType::F16, DType::BF16];
    for (seed, dtype) in floats.into_iter().enumerate() {
        let seed = seed as i32;
        near(moments(&random::uniform(n, -1.0, 2.0, dtype, seed), -1.0..=2.0)?, (0.5, 0.75));
        near(moments(&random::normal(n, 1.0, 2.0, dtype, seed), -20.0..=20.0)?, (1.0, 4.0));
        near(moments(&random::truncated_normal(n, 0.0, 1.0, dtype, seed), -2.0..=2.0)?, (0.0, 0.7737));
    }
    near(moments(&random::gamma(n, 2.5, DType::F32, 1), 0.0..=100.0)?, (2.5, 2.5));
    near(moments(&random::gamma(n, 0.4, DType::F64, 1), 0.0..=100.0)?, (0.4, 0.4));
    near(moments(&random::beta(n, 2.0, 3.0, DType::F32, 2), 0.0..=1.0)?, (0.4, 0.04));
    near(moments(&random::binomial(n, 8.0, 0.3, DType::F32, 3), 0.0..=8.0)?, (2.4, 1.68));
    near(moments(&random::binomial(n, 100.0, 0.7, DType::F32, 3), 0.0..=100.0)?, (70.0, 21.0));
    near(moments(&random::bernoulli(n, 0.3, 4), 0.0..=1.0)?, (0.3, 0.21));
    near(moments(&random::randint(n, -3, 4, DType::I8, 5), -3.0..=3.0)?, (0.0, 4.0));
    let logits = Tensor::of([[0.1_f32, 0.7, 0.2]]).log();
    near(moments(&random::categorical(&logits, 40_000, DType::I32, 6), 0.0..=2.0)?, (1.1, 0.29));
    Ok(())
}

#[test]
fn binomial_counts_have_their_probabilities() -> Result<()> {
    let x = random::binomial([40_000], 40.0, 0.35, DType::F32, 11).to_vec::<f32>()?;
    let choose = |n: u32, k: u32| (0..k).fold(1.0, |c, i| c * f64::from(n - i) / f64::from(i + 1));
    for k in 8..20 {
        let expected = choose(40, k) * 0.35_f64.powi(k as i32) * 0.65_f64.powi(40 - k as i32);
        let found = x.iter().filter(|&&x| x == k as f32).count() as f64 / x.len() as f64;
        assert!(
            (found - expected).abs() < 4.5 * (expected / x.len() as f64).sqrt(),
            "{k}: {found}, expected {expected}"
        );
    }
    Ok(())
}

#[test]
fn dropout_keeps_scales_and_shares_noise() -> Result<()> {
    let x = Tensor::ones([100, 300], DType::F32);
    let y = random::dropout(&x, 0.25, None, 3);
    let values = y.to_vec::<f32>()?;
    assert!(values.iter().all(|&v| v == 0.0 || v == 1.0 / 0.75));
    assert!((y.mean(&[], false).item::<f32>()? - 1.0).abs() < 0.02);
    let rows = random::dropout(&x, 0.5, Some(&[None, Some(1)]), 3);
    assert_eq!(rows.ptp(&[1], false).to_vec::<f32>()?, [0.0; 100]);
    assert_eq!(random::dropout(&x, 0.0, None, 3).id(), x.id());
    // The places that `keras.random.dropout` keeps on JAX.
    let kept = random::dropout(&Tensor::ones([2, 4], DType::F32), 0.5, None, 3).to_vec::<f32>()?;
    assert_eq!(kept, [0.0, 2.0, 0.0, 0.0, 2.0, 2.0, 0.0, 2.0]);
    assert_eq!(random::dropout(&x, 1.0, None, 3).sum(&[], false).item::<f32>()?, 0.0);
    assert_eq!(random::dropout(&x, 1.5, None, 3).array().unwrap_err().code().word(), "invalid_argument");
    Ok(())
}

#[test]
fn permutations_hold_every_number_once() -> Result<()> {
    let order = random::permutation(1000, 9).to_vec::<i32>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_ne!(order, sorted);
    assert!(sorted.into_iter().eq(0..1000));
    let x = Tensor::of([[1_i32, 2, 3, 4], [5, 6, 7, 8]]);
    let y = random::shuffle(&x, 1, 4);
    assert_eq!((y.slice_axis(0, 1, 1) - y.slice_axis(0, 0, 1)).to_vec::<i32>()?, [4; 4], "columns stay together");
    assert_eq!(y.sort(1).to_vec::<i32>()?, x.to_vec::<i32>()?);
    Ok(())
}

#[test]
fn a_traced_function_draws_anew_at_every_run() -> Result<()> {
    let seeds = SeedGenerator::new(5)?;
    let eager = SeedGenerator::new(5)?;
    let traced = trace("f", &[], |_| Ok(vec![random::uniform([4], 0.0, 1.0, DType::F32, &seeds)]))?;
    for run in 1..4 {
        let drawn = traced.graph.replay(&[])?.remove(0).to_vec::<f32>()?;
        assert_eq!(drawn, random::uniform([4], 0.0, 1.0, DType::F32, &eager).to_vec::<f32>()?);
        assert_eq!(seeds.state().value()?.to_vec::<u32>()?, [5, run]);
    }
    Ok(())
}

#[test]
fn a_wrong_key_is_refused_by_its_type() {
    let error = random::uniform([2], 0.0, 1.0, DType::F32, Tensor::of([1_i32, 2])).array().unwrap_err();
    assert!(error.to_string().contains("key: expected uint32[2], found int32[2]"), "{error}");
    let error = random::randint([2], 3, 3, DType::I32, 1).array().unwrap_err();
    assert_eq!(error.code().word(), "invalid_argument");
}
