//! The order of units.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use cornet_ops::{Graph, ValueId};

use super::units::Units;

/// An order in which the units can run. Writers of variables are put after the readers of the old value where that
/// closes no circle, so that they can write in place.
pub(super) fn order(graph: &Graph, units: &mut Units) -> Vec<usize> {
    let mut before: Vec<HashSet<usize>> = (0..units.units.len()).map(|u| predecessors(graph, units, u)).collect();
    let mut readers: HashMap<ValueId, Vec<usize>> = HashMap::new();
    for unit in (0..units.units.len()).filter(|&u| units.is_real(u)) {
        for (root, _) in units.reads(graph, unit) {
            readers.entry(root).or_default().push(unit);
        }
    }
    for (update, &root) in graph.updates.iter().zip(&units.updates) {
        let old = graph.inputs.iter().find(|i| i.variable.as_ref() == Some(&update.variable));
        let (Some(old), Some(writer)) = (old, units.producer[root.index()]) else { continue };
        let others: Vec<usize> =
            readers.get(&old.value).into_iter().flatten().copied().filter(|&r| r != writer).collect();
        if others.iter().all(|&reader| !reaches(&before, reader, writer)) {
            before[writer].extend(others);
        }
    }
    sort(units, &before)
}

fn predecessors(graph: &Graph, units: &Units, unit: usize) -> HashSet<usize> {
    if !units.is_real(unit) {
        return HashSet::new();
    }
    units
        .reads(graph, unit)
        .iter()
        .filter_map(|(root, _)| units.producer[root.index()])
        .filter(|&p| p != unit)
        .collect()
}

/// Whether `from` comes, directly or not, after `target`.
fn reaches(before: &[HashSet<usize>], from: usize, target: usize) -> bool {
    let (mut stack, mut seen) = (vec![from], HashSet::from([from]));
    while let Some(unit) = stack.pop() {
        if unit == target {
            return true;
        }
        stack.extend(before[unit].iter().copied().filter(|&p| seen.insert(p)));
    }
    false
}

/// A topological order that keeps close to the order of the graph's nodes.
fn sort(units: &Units, before: &[HashSet<usize>]) -> Vec<usize> {
    let rank = |u: usize| (units.units[u].nodes.last().copied().unwrap_or(0), u);
    let mut missing: Vec<usize> = before.iter().map(HashSet::len).collect();
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); before.len()];
    before.iter().enumerate().for_each(|(u, set)| set.iter().for_each(|&p| after[p].push(u)));
    let real = |u: &usize| units.is_real(*u);
    let mut ready: BinaryHeap<Reverse<(usize, usize)>> =
        (0..before.len()).filter(real).filter(|&u| missing[u] == 0).map(|u| Reverse(rank(u))).collect();
    let mut order = Vec::with_capacity(before.len());
    while let Some(Reverse((_, unit))) = ready.pop() {
        order.push(unit);
        for &next in &after[unit] {
            missing[next] -= 1;
            if missing[next] == 0 {
                ready.push(Reverse(rank(next)));
            }
        }
    }
    order
}
