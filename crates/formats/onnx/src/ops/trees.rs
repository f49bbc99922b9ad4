//! Ensembles of decision trees.

use std::collections::HashMap;

use cornet_error::{Limits, Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::classic::{labels, transformed};
use super::{Entry, many, one};
use crate::call::Call;
use crate::value::Value;

pub(super) const OPS: &[Entry] = &[
    one("TreeEnsemble", ensemble).ml().since(5),
    many("TreeEnsembleClassifier", classifier).ml(),
    one("TreeEnsembleRegressor", regressor).ml(),
];

#[derive(Clone, Copy)]
enum Test {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
    Member,
}

const TESTS: [(&str, Test); 7] = [
    ("BRANCH_LEQ", Test::LessOrEqual),
    ("BRANCH_LT", Test::Less),
    ("BRANCH_GTE", Test::GreaterOrEqual),
    ("BRANCH_GT", Test::Greater),
    ("BRANCH_EQ", Test::Equal),
    ("BRANCH_NEQ", Test::NotEqual),
    ("BRANCH_MEMBER", Test::Member),
];

/// Where a branch leads.
#[derive(Clone, Copy)]
enum To {
    Split(usize),
    Leaf(usize),
}

struct Split {
    feature: usize,
    test: Test,
    value: f64,
    members: Vec<f64>,
    missing_is_true: bool,
    yes: To,
    no: To,
}

struct Trees {
    splits: Vec<Split>,
    roots: Vec<To>,
    /// What each leaf adds to which target.
    leaves: Vec<Vec<(usize, f64)>>,
}

impl Split {
    fn holds(&self, row: &[f64]) -> Result<bool> {
        let x = *row.get(self.feature).ok_or_else(|| err!(OutOfRange, "feature {} of {}", self.feature, row.len()))?;
        if x.is_nan() {
            return Ok(self.missing_is_true);
        }
        Ok(match self.test {
            Test::LessOrEqual => x <= self.value,
            Test::Less => x < self.value,
            Test::GreaterOrEqual => x >= self.value,
            Test::Greater => x > self.value,
            Test::Equal => x == self.value,
            Test::NotEqual => x != self.value,
            Test::Member => self.members.contains(&x),
        })
    }
}

impl Trees {
    /// The leaf of a row.
    fn leaf(&self, root: To, row: &[f64]) -> Result<&[(usize, f64)]> {
        let mut at = root;
        for _ in 0..=self.splits.len() {
            match at {
                To::Leaf(leaf) => {
                    let found = self.leaves.get(leaf);
                    return found.map(Vec::as_slice).ok_or_else(|| err!(OutOfRange, "tree: no leaf {leaf}"));
                }
                To::Split(i) => {
                    let split = self.splits.get(i).ok_or_else(|| err!(OutOfRange, "tree: no node {i}"))?;
                    at = if split.holds(row)? { split.yes } else { split.no };
                }
            }
        }
        fail!(Corrupt, "tree: its nodes form a cycle")
    }

    /// For each row, what the leaves give together.
    fn scores(&self, x: &Array, targets: usize, how: &str, base: &[f64], call: &Call<'_>) -> Result<Array> {
        let [rows, width] = x.shape()[..] else { fail!(RankMismatch, "input: expected 2 axes, found {}", x.shape()) };
        let shape = call.admit(&[rows, targets], DType::F64)?;
        Limits::check("tree: targets", targets as u64, call.context.limits.entries as u64)?;
        // Trees were made for floats of 32 bits, unless the data have 64.
        let narrow = |v: f64| if x.dtype() == DType::F64 { v } else { f64::from(v as f32) };
        let values: Vec<f64> = x.to_f64()?.into_iter().map(narrow).collect();
        let mut results = Vec::with_capacity(shape.elements());
        for i in 0..rows {
            let row = &values[i * width..(i + 1) * width];
            let mut sums: Vec<Option<f64>> = vec![None; targets];
            for &root in &self.roots {
                for &(target, weight) in self.leaf(root, row)? {
                    let slot = sums.get_mut(target).ok_or_else(|| err!(OutOfRange, "tree: no target {target}"))?;
                    *slot = Some(match (how, *slot) {
                        (_, None) => weight,
                        ("MIN", Some(old)) => old.min(weight),
                        ("MAX", Some(old)) => old.max(weight),
                        (_, Some(old)) => old + weight,
                    });
                }
            }
            let parts = if how == "AVERAGE" { self.roots.len().max(1) as f64 } else { 1.0 };
            let total = |(t, s): (usize, &Option<f64>)| s.unwrap_or(0.0) / parts + base.get(t).copied().unwrap_or(0.0);
            results.extend(sums.iter().enumerate().map(total));
        }
        Array::from_f64(if x.dtype() == DType::F64 { DType::F64 } else { DType::F32 }, shape, &results)
    }
}

/// Numbers of an attribute, as a tensor or as floats.
fn numbers(call: &Call<'_>, name: &str) -> Result<Vec<f64>> {
    let both = [name.to_owned(), format!("{name}_as_tensor")];
    for name in &both {
        match call.attribute(name) {
            Some(crate::proto::Attribute::Tensor(constant)) => return constant.array.to_f64(),
            Some(crate::proto::Attribute::Floats(list)) => return Ok(list.iter().map(|&v| f64::from(v)).collect()),
            _ => {}
        }
    }
    Ok(Vec::new())
}

fn ints<'a>(call: &'a Call<'_>, name: &str, count: Option<usize>) -> Result<&'a [i64]> {
    let found = call.ints(name)?.unwrap_or_default();
    match count {
        Some(count) if found.len() != count => fail!(DimMismatch, "{name}: expected {count}, found {}", found.len()),
        _ => Ok(found),
    }
}

fn place(x: i64) -> Result<usize> {
    usize::try_from(x).map_err(|_| err!(OutOfRange, "tree: found {x} where a place was expected"))
}

fn ensemble(call: &Call<'_>) -> Result<Tensor> {
    let features = ints(call, "nodes_featureids", None)?;
    let n = features.len();
    let splits = numbers(call, "nodes_splits")?;
    let modes = numbers(call, "nodes_modes")?;
    let yes = (ints(call, "nodes_truenodeids", Some(n))?, ints(call, "nodes_trueleafs", Some(n))?);
    let no = (ints(call, "nodes_falsenodeids", Some(n))?, ints(call, "nodes_falseleafs", Some(n))?);
    let missing = ints(call, "nodes_missing_value_tracks_true", None)?;
    if splits.len() != n || modes.len() != n {
        fail!(DimMismatch, "nodes_splits and nodes_modes: expected {n}, found {} and {}", splits.len(), modes.len());
    }
    let members = numbers(call, "membership_values")?;
    let mut sets = members.split(|v| v.is_nan());
    let to = |(ids, leaves): (&[i64], &[i64]), i: usize| -> Result<To> {
        let id = place(ids[i])?;
        Ok(if leaves[i] != 0 { To::Leaf(id) } else { To::Split(id) })
    };
    let mut trees = Trees { splits: Vec::with_capacity(n), roots: Vec::new(), leaves: Vec::new() };
    for i in 0..n {
        let mode = TESTS.get(modes[i] as usize).filter(|_| modes[i] >= 0.0);
        let (_, test) = *mode.ok_or_else(|| err!(InvalidArgument, "nodes_modes: found {}", modes[i]))?;
        let set = if matches!(test, Test::Member) { sets.next().unwrap_or_default().to_vec() } else { Vec::new() };
        trees.splits.push(Split {
            feature: place(features[i])?,
            test,
            value: splits[i],
            members: set,
            missing_is_true: missing.get(i).is_some_and(|&m| m != 0),
            yes: to(yes, i)?,
            no: to(no, i)?,
        });
    }
    for &root in ints(call, "tree_roots", None)? {
        let root = place(root)?;
        // A tree of one leaf is a node both of whose branches are that leaf.
        let alone = yes.1.get(root).zip(no.1.get(root)).is_some_and(|(a, b)| *a != 0 && *b != 0)
            && yes.0.get(root) == no.0.get(root);
        trees.roots.push(if alone { To::Leaf(place(yes.0[root])?) } else { To::Split(root) });
    }
    let weights = numbers(call, "leaf_weights")?;
    let targets = ints(call, "leaf_targetids", Some(weights.len()))?;
    for (&target, weight) in targets.iter().zip(weights) {
        trees.leaves.push(vec![(place(target)?, weight)]);
    }
    let how = ["AVERAGE", "SUM", "MIN", "MAX"].get(place(call.int_or("aggregate_function", 1)?)?);
    let how = how.ok_or_else(|| err!(InvalidArgument, "aggregate_function: expected 0 to 3"))?;
    let words = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"];
    let word = words.get(place(call.int_or("post_transform", 0)?)?);
    let word = word.ok_or_else(|| err!(InvalidArgument, "post_transform: expected 0 to 4"))?;
    let scores = trees.scores(&call.known(0)?, place(call.int_or("n_targets", 1)?)?, how, &[], call)?;
    Ok(transformed(&scores.into(), word)?.cast(call.tensor(0)?.dtype()?))
}

/// The trees of the older operators, whose nodes are named by tree and number; `prefix` names the leaves' attributes.
fn named_trees(call: &Call<'_>, prefix: &str, targets: &str) -> Result<Trees> {
    let trees_of = ints(call, "nodes_treeids", None)?;
    let n = trees_of.len();
    let nodes = ints(call, "nodes_nodeids", Some(n))?;
    let features = ints(call, "nodes_featureids", Some(n))?;
    let yes = ints(call, "nodes_truenodeids", Some(n))?;
    let no = ints(call, "nodes_falsenodeids", Some(n))?;
    let missing = ints(call, "nodes_missing_value_tracks_true", None)?;
    let values = numbers(call, "nodes_values")?;
    let modes = call.texts("nodes_modes")?.unwrap_or_default();
    if modes.len() != n || values.len() != n {
        fail!(DimMismatch, "nodes: expected {n} modes and values, found {} and {}", modes.len(), values.len());
    }
    let leaf = |i: usize| modes[i] == b"LEAF";
    let mut places = HashMap::new();
    let mut trees = Trees { splits: Vec::new(), roots: Vec::new(), leaves: Vec::new() };
    let (mut splits, mut leaves) = (0, 0);
    for i in 0..n {
        let to = if leaf(i) { To::Leaf(leaves) } else { To::Split(splits) };
        *(if leaf(i) { &mut leaves } else { &mut splits }) += 1;
        places.insert((trees_of[i], nodes[i]), to);
        // The first node of a tree is its root.
        if i == 0 || trees_of[i] != trees_of[i - 1] {
            trees.roots.push(to);
        }
    }
    trees.leaves = vec![Vec::new(); leaves];
    let find = |tree: i64, node: i64| {
        places.get(&(tree, node)).copied().ok_or_else(|| err!(Corrupt, "tree {tree}: no node {node}"))
    };
    for i in (0..n).filter(|&i| !leaf(i)) {
        let test = TESTS.iter().find(|(word, _)| word.as_bytes() == modes[i]);
        let (_, test) = *test.ok_or_else(|| err!(InvalidArgument, "nodes_modes: found another word"))?;
        trees.splits.push(Split {
            feature: place(features[i])?,
            test,
            value: values[i],
            members: Vec::new(),
            missing_is_true: missing.get(i).is_some_and(|&m| m != 0),
            yes: find(trees_of[i], yes[i])?,
            no: find(trees_of[i], no[i])?,
        });
    }
    let weights = numbers(call, &format!("{prefix}_weights"))?;
    let (tree_ids, node_ids) = (
        ints(call, &format!("{prefix}_treeids"), Some(weights.len()))?,
        ints(call, &format!("{prefix}_nodeids"), Some(weights.len()))?,
    );
    let targets = ints(call, targets, Some(weights.len()))?;
    for (i, weight) in weights.into_iter().enumerate() {
        if let To::Leaf(at) = find(tree_ids[i], node_ids[i])? {
            trees.leaves[at].push((place(targets[i])?, weight));
        }
    }
    Ok(trees)
}

fn regressor(call: &Call<'_>) -> Result<Tensor> {
    let trees = named_trees(call, "target", "target_ids")?;
    let targets = place(call.int_or("n_targets", 1)?)?;
    let base = numbers(call, "base_values")?;
    let how = call.text_or("aggregate_function", "SUM")?;
    let scores = trees.scores(&call.known(0)?, targets, how, &base, call)?;
    transformed(&scores.into(), call.text_or("post_transform", "NONE")?)
}

fn classifier(call: &Call<'_>) -> Result<Vec<Value>> {
    let trees = named_trees(call, "class", "class_ids")?;
    let labels = Tensor::from(labels(call, "classlabels_int64s")?);
    let classes = labels.shape()?.elements();
    let base = numbers(call, "base_values")?;
    let word = call.text_or("post_transform", "NONE")?;
    let ids = ints(call, "class_ids", None)?;
    let binary = classes <= 2 && ids.windows(2).all(|w| w[0] == w[1]);
    let scores = Tensor::from(trees.scores(&call.known(0)?, classes.max(1), "SUM", &base, call)?);
    if !binary {
        let shown = transformed(&scores, word)?.cast(DType::F32);
        return Ok(vec![labels.take(&shown.argmax(Some(-1), false), 0).into(), shown.into()]);
    }
    // One score stands for the second class; the first has the rest.
    let own = ids.first().map_or(Ok(0), |&i| place(i))?;
    let score = scores.slice_axis(-1, own.min(classes.max(1) - 1), 1);
    let weights = numbers(call, "class_weights")?;
    let positive = weights.iter().all(|&w| w >= 0.0);
    let other = if word == "NONE" && positive { score.negative() + 1.0 } else { score.negative() };
    let shown = transformed(&Tensor::concat(&[&other, &score], -1), word)?.cast(DType::F32);
    let best = shown.argmax(Some(-1), false);
    let labels = if classes == 2 { labels.take(&best, 0) } else { best.cast(DType::I64) * labels };
    Ok(vec![labels.into(), shown.into()])
}
