//! Shapes, indices, order: against Keras 3.15.1 (see golden/make_arrays.py).
// Ranges that run backwards are part of what is tested.
#![allow(clippy::reversed_empty_ranges)]

use std::collections::BTreeMap;

use cornet_ops::{NewAxis, PadMode, ScatterMode, Spacing, Tensor, s};
use cornet_tensor::{DType, Result};

/// dtype, shape and values of every golden result.
fn goldens() -> BTreeMap<String, (String, Vec<usize>, Vec<f64>)> {
    let lines = include_str!("golden/arrays.txt").lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|line| {
            let parts: Vec<&str> = line.split('|').collect();
            let shape = parts[2].split(',').filter(|d| !d.is_empty()).map(|d| d.parse().unwrap()).collect();
            let values = parts[3].split_whitespace().map(|v| v.parse().unwrap()).collect();
            (parts[0].to_string(), (parts[1].to_string(), shape, values))
        })
        .collect()
}

struct Found(BTreeMap<String, Tensor>);

impl Found {
    fn show(&mut self, name: &str, results: impl IntoIterator<Item = Tensor>) {
        for (n, result) in results.into_iter().enumerate() {
            self.0.insert(format!("{name}.{n}"), result);
        }
    }
}

fn i() -> Tensor {
    Tensor::range(24).reshape([2, 3, 4])
}

fn m() -> Tensor {
    Tensor::of([[3.0_f32, -1.0, 2.5, 2.5], [0.5, 7.0, -4.0, 0.5], [1.0, 1.0, 6.0, -2.0]])
}

fn v() -> Tensor {
    Tensor::of([4, 1, 3, 1, 2])
}

fn w() -> Tensor {
    Tensor::of([0.5_f32, 1.0, 1.5, 2.0, 2.5])
}

const F: DType = DType::F32;
const I: DType = DType::I32;

fn created(f: &mut Found) -> Result<()> {
    let (m, v, w) = (m(), v(), w());
    f.show("eye", [Tensor::eye(3, 4, 1, F), Tensor::eye(3, 2, -1, I), Tensor::identity(2, F)]);
    let arange = [Tensor::arange(2., 11., 3., I), Tensor::arange(5., 0., -2., I), Tensor::arange(0., 1., 0.25, F)];
    f.show("arange", arange);
    f.show(
        "linspace",
        [
            Tensor::linspace(0.0, 1.0, 5),
            Tensor::linspace_with(2.0, 3.0, Spacing { endpoint: false, ..Spacing::of(4) }),
            Tensor::linspace_with(0.0, 10.0, Spacing { dtype: I, ..Spacing::of(4) }),
        ],
    );
    f.show(
        "logspace",
        [
            Tensor::logspace(0.0, 3.0, 10.0, Spacing::of(4)),
            Tensor::logspace(0.0, 4.0, 2.0, Spacing::of(3)),
            Tensor::geomspace(1.0, 1000.0, Spacing::of(4)),
        ],
    );
    f.show("one_hot", [Tensor::of([0, 2, -1, 3]).one_hot(3, -1, F), Tensor::of([[0, 1]]).one_hot(2, 1, I)]);
    f.show("multi_hot", [Tensor::of([0, 2, 2]).multi_hot(4, -1, F), Tensor::of([[0, 2], [1, 1]]).multi_hot(3, -1, F)]);
    let two = w.index(s![..2]);
    f.show("diag", [w.diag(0), two.diag(1), two.diag(-2), m.diag(1), m.diag(-1)]);
    f.show("diagonal", [i().diagonal(1, 0, 2), i().diagonal(-1, 1, 2), m.index(s![..2, ..2]).diagflat(1)]);
    f.show("tri", [Tensor::tri(3, 4, 1, F), m.tril(-1), i().triu(1)]);
    let (a, b) = (w.index(s![3..]), w.index(s![..3]));
    f.show("meshgrid", Tensor::meshgrid(&[&a, &b], "xy")?.into_iter().chain(Tensor::meshgrid(&[&a, &b], "ij")?));
    f.show("vander", [b.vander(None, false), b.vander(Some(2), true)]);
    let _ = v;
    Ok(())
}

fn shaped(f: &mut Found) -> Result<()> {
    let (i, m, v, w) = (i(), m(), v(), w());
    let pad = |widths: &[(usize, usize)], mode: &str| {
        Ok::<_, cornet_tensor::Error>(m.pad_mode(widths, PadMode::named(mode)?))
    };
    f.show("pad", [m.pad_mode(&[(1, 2), (0, 1)], PadMode::Constant(7.0)), pad(&[(1, 1), (2, 1)], "reflect")?]);
    f.show("pad_symmetric", [pad(&[(3, 1), (2, 4)], "symmetric")?]);
    f.show(
        "pad_numpy",
        [
            v.pad_mode(&[(7, 6)], PadMode::Reflect),
            v.pad_mode(&[(7, 6)], PadMode::Wrap),
            v.pad_mode(&[(2, 1)], PadMode::Edge),
        ],
    );
    let corner = m.index(s![..2, ..2]);
    f.show("tile", [v.index(s![..2]).tile(&[2, 2]), corner.tile(&[2]), i.index(s![..1, ..1]).tile(&[2, 1, 1, 2])]);
    f.show("repeat", [v.repeat(2, None), m.repeat(2, Some(0)), corner.repeat_each(&[1, 3], Some(1))]);
    f.show("roll", [v.roll(2, None), m.roll(-1, Some(1)), m.roll(2, None), i.roll_axes(&[1, 2], &[0, 2])]);
    f.show("flip", [m.flip(&[]), m.flip(&[1]), m.fliplr()]);
    f.show("rot90", [m.rot90(1, (0, 1)), m.rot90(2, (0, 1)), m.rot90(3, (0, 1)), i.rot90(1, (2, 0))]);
    f.show("moveaxis", [i.moveaxis(&[0], &[-1]), i.moveaxis(&[0, 1], &[2, 0]), i.swapaxes(0, 2)]);
    f.show(
        "stack",
        [
            Tensor::stack(&[&v, &v], 1),
            Tensor::hstack(&[&v, &v]),
            Tensor::vstack(&[&v, &v]).reshape([10]),
            Tensor::dstack(&[&m, &m]),
            Tensor::hstack(&[&m, &m]),
        ],
    );
    f.show("append", [v.append(&w, None), m.append(&m, Some(1))]);
    f.show("split", m.split(2, 1)?.into_iter().chain(m.split(&[1, 3], 1)?).chain(v.array_split(3, 0)?));
    Ok(())
}

fn indexed(f: &mut Found) -> Result<()> {
    let (i, m, v, w) = (i(), m(), v(), w());
    let at = Tensor::of([[0, 3], [1, -1]]);
    f.show("take", [m.take(&Tensor::of([2, -3]), 0), m.take(&at, 1), m.take_flat(&Tensor::of([0, 11, -1]))]);
    let along = Tensor::of([[1], [3], [0]]);
    f.show("take_along_axis", [m.take_along_axis(&along, 1), m.take_along_axis(&m.argsort(0), 0)]);
    let (at, up) = (Tensor::of([[0, 1], [2, 3], [0, 1]]), Tensor::of([5.0_f32, 6.0, 2.0]));
    let two = s![..2];
    f.show(
        "scatter",
        [
            Tensor::scatter(&at, &up, [3, 4]),
            m.scatter_update(&at.index(two.clone()), &up.index(two), ScatterMode::Update),
        ],
    );
    let modes = [ScatterMode::Add, ScatterMode::Max, ScatterMode::Min, ScatterMode::Mul];
    f.show("scatter_modes", modes.map(|mode| m.scatter_update(&at, &up, mode)));
    f.show("slice", [i.slice(&[0, 1, 1], &[2, 2, 2]), m.slice_update(&[1, 2], &Tensor::full([2, 2], 9.0, F))]);
    f.show(
        "index",
        [
            i.index(s![1.., ..;2]),
            i.index(s![..;-1, 1, ..., NewAxis]),
            i.index(s![..., -1]),
            i.index(s![.., -2.., 3..0;-2]),
            i.index(s![1, .., &Tensor::of([0, 2, 2])]).transpose(&[]),
        ],
    );
    let ids = Tensor::of([1, 0, 1]);
    f.show("segment", [w.segment_sum(&v, Some(5)), m.segment_sum(&ids, None), w.segment_prod(&v, Some(5))]);
    f.show(
        "segment_extreme",
        [
            w.index(s![..4]).segment_max(&Tensor::of([0, 1, 1, 0]), None),
            v.segment_min(&Tensor::of([1, 0, 1, 0, 1]), None),
        ],
    );
    f.show("nonzero", m.greater(1).nonzero()?);
    Ok(())
}

fn ordered(f: &mut Found) -> Result<()> {
    let (m, v, w) = (m(), v(), w());
    f.show("sort", [m.sort(-1), m.sort(0), m.argsort(-1), m.argsort(0)]);
    let (values, indices) = m.top_k(2);
    f.show("top_k", [values, indices, Tensor::in_top_k(&Tensor::of([0, 2, 1]), &m, 2)]);
    let places = [
        w.searchsorted(&Tensor::of([0.0, 1.0, 2.2, 9.0_f32]), false),
        w.searchsorted(&Tensor::of([1.0_f32, 2.5]), true),
    ];
    f.show("searchsorted", places);
    f.show("digitize", [m.digitize(&Tensor::of([0.0_f32, 1.0, 2.5]))]);
    let rows = Tensor::of([[0, 1, 1], [3, 1, 0]]);
    f.show("bincount", [v.bincount(None, 0), v.bincount(None, 7), v.bincount(Some(&w), 0), rows.bincount(None, 0)]);
    let (a, b) = (m.ravel().histogram(4, None)?, m.ravel().histogram(3, Some((-2.0, 3.0)))?);
    f.show("histogram", [a.0, a.1, b.0, b.1]);
    let u = v.unique(None, None)?;
    let rows = Tensor::of([[1_i64, 2], [0, 5], [1, 2]]).unique(Some(0), None)?.values;
    f.show("unique", [u.values, u.index, u.inverse, u.counts, v.unique(None, Some(6))?.values, rows]);
    f.show("isin", [v.isin(&Tensor::of([1, 4]), false), v.isin(&Tensor::of([1, 4]), true)]);
    f.show("unravel_index", Tensor::of([0_i64, 7, 23, -1]).unravel_index(&[2, 3, 4])?);
    Ok(())
}

#[test]
fn results_are_those_of_keras() -> Result<()> {
    let mut found = Found(BTreeMap::new());
    created(&mut found)?;
    shaped(&mut found)?;
    indexed(&mut found)?;
    ordered(&mut found)?;
    let goldens = goldens();
    let names: Vec<_> = goldens.keys().filter(|k| !found.0.contains_key(*k)).collect();
    assert!(names.is_empty() && goldens.len() > 100, "not computed: {names:?} of {}", goldens.len());
    let mut wrong = Vec::new();
    for (name, (dtype, shape, values)) in &goldens {
        let array = match found.0[name].array() {
            Ok(array) => array,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * b.abs();
        let same = array.dtype().to_string() == *dtype
            && array.shape().as_slice() == shape
            && array.to_f64()?.iter().zip(values).all(close);
        if !same {
            wrong.push(format!("{name}: expected {dtype}{shape:?} {values:?}, found {}", found.0[name]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn what_does_not_fit_says_what_does() {
    let text = |t: Tensor| t.array().map(|a| a.describe().to_string()).unwrap_or_else(|e| e.to_string());
    let holds = |t: Tensor, words: &str| {
        let found = text(t);
        assert!(found.contains(words), "expected {words:?} in {found}");
    };
    let (m, v) = (m(), v());
    holds(m.take(&Tensor::of([3]), 0), "take: index on axis 0: expected -3 to 2, found 3 [out_of_range]");
    holds(m.take(&Tensor::of([0.5_f32]), 0), "indices: expected an integer, found float32 [dtype_mismatch]");
    holds(m.index(s![3]), "index on axis 0: expected -3 to 2, found 3 [out_of_range]");
    holds(m.index(s![0, 0, 0]), "index: 3 axes indexed of [3, 4], which has 2 [rank_mismatch]");
    holds(m.index(s![..;0]), "the step of a range is 0 [invalid_argument]");
    holds(m.gather_nd(&Tensor::of([[0, 4]])), "index on axis 1: expected -4 to 3, found 4 [out_of_range]");
    holds(m.slice(&[1, 0], &[3, 1]), "axis 0: expected elements 0 to 2, found 1 to 3 [out_of_range]");
    holds(m.dynamic_slice(&Tensor::of([0, 3]), &[1, 2]), "start of axis 1: expected 0 to 2, found 3 [out_of_range]");
    holds(Tensor::concat(&[&m, &m.index(s![.., ..3])], 0), "input 1: expected [3, 4] but for axis 0, found [3, 3]");
    holds(Tensor::stack(&[], 0), "expected at least one tensor, found none [invalid_argument]");
    holds(m.squeeze(&[0]), "squeeze: axis 0: expected size 1, found 3 of [3, 4] [dim_mismatch]");
    holds(m.top_k(5).1, "k: expected at most 4, the size of the last axis, found 5 [out_of_range]");
    holds(Tensor::zeros([0], DType::F32).pad_mode(&[(1, 0)], PadMode::Edge), "has no element to repeat");
    holds(Tensor::arange(0.0, 1.0, 0.0, F), "arange: no sequence from 0 to 1 by 0 [invalid_argument]");
    holds(v.bincount(Some(&m), 0), "bincount: weights: expected [5], found [3, 4] [shape_mismatch]");
    holds(Tensor::of([-1]).bincount(None, 0), "bincount: expected integers from 0 on, found -1 [out_of_range]");
    holds(m.rearrange("a (b c) -> a b c", &[]), "the sizes of [\"b\", \"c\"] are not known");
    holds(m.rearrange("a b -> a", &[]), "expected each name once on both sides");
    holds(m.rearrange("a (b c -> a b c", &[]), "a parenthesis is not closed");
    assert!(m.split(3, 1).is_err_and(|e| e.help_text().is_some_and(|h| h.contains("array_split"))));
}

#[test]
fn indexing_writes_what_it_reads() -> Result<()> {
    let x = i();
    let picks = Tensor::of([1, -1, 1]);
    let rows = Tensor::of([[true, false, true], [false, true, false]]);
    for part in
        [s![1], s![.., 1.., ..2], s![..;-1, ..;2], s![..., -1], s![.., NewAxis, &picks], s![&rows], s![0, &picks, 1..3]]
    {
        let before = x.index(part.clone());
        assert!(before.error().is_none(), "{before}");
        let marked = x.index_update(part.clone(), &Tensor::of(-1));
        assert!(marked.index(part.clone()).to_vec::<i32>()?.iter().all(|&v| v == -1));
        let touched = marked.to_vec::<i32>()?.iter().filter(|&&v| v == -1).count();
        let named = before.unique(None, None)?.values.shape()?.elements();
        assert_eq!(touched, named, "elements that the index does not name stay");
        // Adding sees each element as often as the index names it.
        let added = x.index_add(part, &Tensor::of(100)).sum(&[], false).item::<i32>()?;
        assert_eq!(added - x.sum(&[], false).item::<i32>()?, 100 * before.shape()?.elements() as i32);
    }
    Ok(())
}

#[test]
fn results_of_unknown_size_need_one_in_a_trace() -> Result<()> {
    let types = [("x", cornet_ops::Type::new(DType::I32, [5]))];
    let run = |f: &dyn Fn(&Tensor) -> Result<Vec<Tensor>>| cornet_ops::trace("f", &types, |x| f(&x[0]));
    let refused = |f: &dyn Fn(&Tensor) -> Result<Vec<Tensor>>| run(f).err().map(|e| e.code().word());
    assert_eq!(refused(&|x| x.nonzero()), Some("data_dependent_shape"));
    assert_eq!(refused(&|x| Ok(vec![x.unique(None, None)?.values])), Some("data_dependent_shape"));
    assert_eq!(refused(&|x| Ok(vec![x.boolean_mask(&x.greater(1))])), Some("data_dependent_shape"));
    assert_eq!(refused(&|x| Ok(vec![x.bincount(None, 0)])), Some("data_dependent_shape"));
    let sized = run(&|x| {
        let mask = x.greater(1);
        Ok(vec![x.unique(None, Some(3))?.values, x.boolean_mask_sized(&mask, 4), x.bincount_sized(None, 3)])
    })?;
    let found = sized.graph.replay(&[v()])?;
    assert_eq!(found[0].to_vec::<i32>()?, [1, 2, 3]);
    assert_eq!(found[1].to_vec::<i32>()?, [4, 3, 2, 0]);
    assert_eq!(found[2].to_vec::<i32>()?, [0, 2, 1]);
    Ok(())
}

#[test]
fn extremes_share_the_gradient() -> Result<()> {
    let x = Tensor::of([1.0_f64, 5.0, 2.0]);
    let updates = Tensor::of([3.0_f64, 3.0, 5.0]);
    let at = Tensor::of([[0], [0], [1]]);
    let tape = cornet_ops::GradientTape::new();
    tape.watch(&x);
    tape.watch(&updates);
    let y = x.scatter_update(&at, &updates, ScatterMode::Max) * Tensor::of([1.0_f64, 10.0, 100.0]);
    let g = tape.gradient(&y, &[&x, &updates])?;
    assert_eq!(g[0].to_vec::<f64>()?, [0.0, 5.0, 100.0]);
    assert_eq!(g[1].to_vec::<f64>()?, [0.5, 0.5, 5.0]);
    // A product with zeros: each factor's derivative is the product of the others.
    let factors = Tensor::of([2.0_f64, 0.0, 3.0, 0.0, 0.0]);
    let tape = cornet_ops::GradientTape::new();
    tape.watch(&factors);
    let y = factors.segment_prod(&Tensor::of([0, 0, 0, 1, 1]), Some(2));
    assert_eq!(tape.gradient(&y, &[&factors])?[0].to_vec::<f64>()?, [0.0, 6.0, 0.0, 0.0, 0.0]);
    Ok(())
}
