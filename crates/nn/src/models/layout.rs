//! Places for the boxes of a graph: ranks from top to bottom, few crossings, lines that go around boxes.
//!
//! Source: Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures", 1981.

/// Centres of boxes, bends of edges, and the size of the whole.
pub(super) struct Layout {
    pub boxes: Vec<(f64, f64)>,
    pub edges: Vec<Vec<(f64, f64)>>,
    pub size: (f64, f64),
}

/// How often boxes are sorted by their neighbours, and moved towards them.
const SWEEPS: usize = 12;

/// A box, or the place where an edge passes a rank.
struct Node {
    rank: usize,
    width: f64,
    x: f64,
    above: Vec<usize>,
    below: Vec<usize>,
}

/// Places boxes of these widths and heights, joined by edges that lead to later boxes.
pub(super) fn layout(sizes: &[(f64, f64)], edges: &[(usize, usize)], gaps: (f64, f64)) -> Layout {
    let node = |rank: usize, width: f64| Node { rank, width, x: 0.0, above: Vec::new(), below: Vec::new() };
    let mut nodes: Vec<Node> =
        ranks(sizes.len(), edges).into_iter().zip(sizes).map(|(rank, &(width, _))| node(rank, width)).collect();
    let mut paths = Vec::with_capacity(edges.len());
    for &(from, to) in edges {
        let mut path = vec![from];
        for rank in nodes[from].rank + 1..nodes[to].rank {
            path.push(nodes.len());
            nodes.push(node(rank, 8.0));
        }
        path.push(to);
        for pair in path.windows(2) {
            nodes[pair[0]].below.push(pair[1]);
            nodes[pair[1]].above.push(pair[0]);
        }
        paths.push(path);
    }
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); nodes.iter().map(|n| n.rank + 1).max().unwrap_or(0)];
    for (index, node) in nodes.iter().enumerate() {
        rows[node.rank].push(index);
    }
    sort(&mut rows, &nodes);
    place(&rows, &mut nodes, gaps.0);
    let mut top = 0.0;
    let mut centers = vec![0.0; rows.len()];
    let mut heights = vec![0.0_f64; rows.len()];
    for (rank, row) in rows.iter().enumerate() {
        heights[rank] = row.iter().filter_map(|&n| sizes.get(n)).map(|s| s.1).fold(0.0, f64::max);
        centers[rank] = top + heights[rank] / 2.0;
        top += heights[rank] + gaps.1;
    }
    let left = nodes.iter().map(|n| n.x - n.width / 2.0).fold(f64::MAX, f64::min);
    let right = nodes.iter().map(|n| n.x + n.width / 2.0).fold(f64::MIN, f64::max);
    let boxes = (0..sizes.len()).map(|n| (nodes[n].x - left, centers[nodes[n].rank])).collect();
    let bends = |path: &Vec<usize>| {
        let (first, last) = (path[0], path[path.len() - 1]);
        let mut points = vec![(nodes[first].x - left, centers[nodes[first].rank] + sizes[first].1 / 2.0)];
        for &middle in &path[1..path.len() - 1] {
            let (x, y) = (nodes[middle].x - left, centers[nodes[middle].rank]);
            let half = heights[nodes[middle].rank] / 2.0;
            points.extend([(x, y - half), (x, y + half)]);
        }
        points.push((nodes[last].x - left, centers[nodes[last].rank] - sizes[last].1 / 2.0));
        points
    };
    let edges = paths.iter().map(bends).collect();
    Layout { boxes, edges, size: ((right - left).max(0.0), (top - gaps.1).max(0.0)) }
}

/// The longest way from a beginning to each box.
fn ranks(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut ranks = vec![0_usize; count];
    let mut incoming: Vec<Vec<usize>> = vec![Vec::new(); count];
    for &(from, to) in edges {
        incoming[to].push(from);
    }
    // Edges lead to later boxes but for those of shared models: a few rounds settle these too.
    for _ in 0..4 {
        for node in 0..count {
            let own = incoming[node].iter().filter(|&&from| from < node).map(|&from| ranks[from] + 1).max();
            ranks[node] = ranks[node].max(own.unwrap_or(0));
        }
    }
    ranks
}

/// Sorts each rank by where the neighbours in the next one are, from above and from below in turn.
fn sort(rows: &mut [Vec<usize>], nodes: &[Node]) {
    let mut position = vec![0.0_f64; nodes.len()];
    let note = |row: &[usize], position: &mut [f64]| {
        for (i, &node) in row.iter().enumerate() {
            position[node] = i as f64;
        }
    };
    rows.iter().for_each(|row| note(row, &mut position));
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let order: Vec<usize> =
            if down { (1..rows.len()).collect() } else { (0..rows.len().saturating_sub(1)).rev().collect() };
        for rank in order {
            let mean = |node: usize| {
                let near = if down { &nodes[node].above } else { &nodes[node].below };
                let sum: f64 = near.iter().map(|&n| position[n]).sum();
                if near.is_empty() { position[node] } else { sum / near.len() as f64 }
            };
            let mut keyed: Vec<(f64, usize)> = rows[rank].iter().map(|&node| (mean(node), node)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            rows[rank] = keyed.into_iter().map(|(_, node)| node).collect();
            note(&rows[rank], &mut position);
        }
    }
}

/// Moves boxes towards their neighbours as far as the order and the gaps allow.
fn place(rows: &[Vec<usize>], nodes: &mut [Node], gap: f64) {
    for row in rows {
        let mut x = 0.0;
        for &node in row {
            nodes[node].x = x + nodes[node].width / 2.0;
            x += nodes[node].width + gap;
        }
    }
    for sweep in 0..2 * SWEEPS {
        for rank in 0..rows.len() {
            let row = if sweep % 2 == 0 { &rows[rank] } else { &rows[rows.len() - 1 - rank] };
            let wanted: Vec<f64> = row.iter().map(|&node| wanted(nodes, node)).collect();
            let least = |a: usize, b: usize| (nodes[a].width + nodes[b].width) / 2.0 + gap;
            // From the left each stands where it wants or behind the one before; from the right likewise; then the mean.
            let mut from_left = wanted.clone();
            for i in 1..row.len() {
                from_left[i] = from_left[i].max(from_left[i - 1] + least(row[i - 1], row[i]));
            }
            let mut from_right = wanted.clone();
            for i in (0..row.len().saturating_sub(1)).rev() {
                from_right[i] = from_right[i].min(from_right[i + 1] - least(row[i], row[i + 1]));
            }
            for (i, &node) in row.iter().enumerate() {
                nodes[node].x = (from_left[i] + from_right[i]) / 2.0;
            }
        }
    }
}

/// The mean of the neighbours' places.
fn wanted(nodes: &[Node], node: usize) -> f64 {
    let near = nodes[node].above.iter().chain(&nodes[node].below);
    let (sum, count) = near.fold((0.0, 0), |(sum, count), &n| (sum + nodes[n].x, count + 1));
    if count == 0 { nodes[node].x } else { sum / f64::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_do_not_overlap_and_edges_lead_down() {
        let sizes: Vec<(f64, f64)> = (0..9).map(|i| (40.0 + 10.0 * f64::from(i % 3), 20.0)).collect();
        let edges = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 5), (4, 6), (5, 6), (0, 6), (6, 7), (2, 8)];
        let laid = layout(&sizes, &edges, (10.0, 20.0));
        for a in 0..9 {
            for b in 0..a {
                let (p, q) = (laid.boxes[a], laid.boxes[b]);
                let apart_x = (p.0 - q.0).abs() + 1e-9 >= (sizes[a].0 + sizes[b].0) / 2.0;
                assert!(apart_x || (p.1 - q.1).abs() >= 20.0, "boxes {a} and {b} overlap: {p:?} {q:?}");
            }
            assert!(
                laid.boxes[a].0 - sizes[a].0 / 2.0 >= -1e-9 && laid.boxes[a].0 + sizes[a].0 / 2.0 <= laid.size.0 + 1e-9
            );
        }
        for ((from, to), edge) in edges.iter().zip(&laid.edges) {
            assert!(edge.windows(2).all(|pair| pair[0].1 <= pair[1].1), "edge {from} to {to}: {edge:?}");
        }
    }

    #[test]
    fn a_chain_is_a_straight_line() {
        let laid = layout(&[(50.0, 20.0), (90.0, 20.0), (30.0, 20.0)], &[(0, 1), (1, 2)], (10.0, 20.0));
        // Boxes come nearer to their places in each round.
        assert!(laid.boxes.iter().all(|b| (b.0 - 45.0).abs() < 0.01), "{:?}", laid.boxes);
        assert!((laid.size.0 - 90.0).abs() < 0.01 && laid.size.1 == 100.0, "{:?}", laid.size);
    }
}
