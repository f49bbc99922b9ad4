use super::*;
use cornet_error::Code;

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.below(256) as u8).collect()
    }
}

/// Offsets of every element of a shape, in row-major order.
fn offsets(shape: &[usize], strides: &[isize]) -> Vec<isize> {
    let n: usize = shape.iter().product();
    (0..n)
        .map(|mut flat| {
            (0..shape.len()).rev().fold(0, |offset, axis| {
                let index = flat % shape[axis];
                flat /= shape[axis];
                offset + index as isize * strides[axis]
            })
        })
        .collect()
}

fn check(size: usize, shape: &[usize], to: &[isize], from: &[isize], random: &mut Random) {
    let (t, f) = (offsets(shape, to), offsets(shape, from));
    let low = f.iter().copied().min().unwrap_or(0).min(0).unsigned_abs();
    let top = |x: &[isize], start: usize| (x.iter().copied().max().unwrap_or(0) + start as isize + 1) as usize * size;
    let source = random.bytes(top(&f, low));
    let mut got = random.bytes(top(&t, 2));
    let mut want = got.clone();
    for (t, f) in t.iter().zip(&f) {
        let (t, f) = ((t + 2) as usize * size, (f + low as isize) as usize * size);
        want[t..t + size].copy_from_slice(&source[f..f + size]);
    }
    StridedCopy::new(size, shape, to, from).expect("valid").run(&source, low, &mut got, 2).expect("fits");
    assert_eq!(got, want, "size {size}, shape {shape:?}, to {to:?}, from {from:?}");
}

#[test]
fn every_permutation_broadcast_and_gap_copies_exactly_its_elements() {
    let mut random = Random(11);
    for case in 0..400 {
        let size = [1, 2, 4, 8, 16][random.below(5)];
        let rank = random.below(5);
        let shape: Vec<usize> = (0..rank).map(|_| [1, 2, 3, 7, 32, 33, 40, 70][random.below(8)]).collect();
        if shape.iter().product::<usize>() > 300_000 {
            continue;
        }
        let mut layout = |destination: bool| {
            let mut order: Vec<usize> = (0..rank).collect();
            (0..rank).for_each(|i| order.swap(i, random.below(rank)));
            if case % 3 == 0 {
                order.sort_unstable();
            }
            let (mut strides, mut step) = (vec![0isize; rank], 1 + usize::from(random.below(5) == 0));
            for &axis in order.iter().rev() {
                if destination || random.below(5) > 0 {
                    strides[axis] = step as isize;
                    step = step * shape[axis] + random.below(2);
                    if !destination && random.below(6) == 0 {
                        strides[axis] = -strides[axis];
                    }
                }
            }
            strides
        };
        let (to, from) = (layout(true), layout(false));
        check(size, &shape, &to, &from, &mut random);
    }
}

#[test]
fn large_transposes_run_in_parallel_and_copy_every_element() {
    let mut random = Random(5);
    for (shape, permutation) in [
        (vec![700, 900], vec![1, 0]),
        (vec![8, 300, 200], vec![0, 2, 1]),
        (vec![20, 30, 40, 50], vec![3, 1, 0, 2]),
        (vec![16, 64, 33, 31], vec![0, 2, 3, 1]),
        (vec![3, 1_000_000], vec![1, 0]),
        (vec![2_000_000], vec![0]),
    ] {
        let strides = dense_strides(&shape);
        let result: Vec<usize> = permutation.iter().map(|&a: &usize| shape[a]).collect();
        let from: Vec<isize> = permutation.iter().map(|&a| strides[a]).collect();
        check(4, &result, &dense_strides(&result), &from, &mut random);
        let made = StridedCopy::transpose(4, &shape, &permutation).expect("permutation");
        assert_eq!(made, StridedCopy::new(4, &result, &dense_strides(&result), &from).expect("valid"));
    }
}

#[test]
fn concatenation_and_padding_are_copies_into_parts() {
    // [[1, 2], [3, 4]] beside [[5], [6]], in a frame of zeros.
    let mut out = vec![9u8; 4 * 5];
    fill(&mut out, &[0]);
    let copy = StridedCopy::new(1, &[2, 2], &[5, 1], &[2, 1]).expect("valid");
    copy.run(&[1, 2, 3, 4], 0, &mut out, 6).expect("fits");
    let copy = StridedCopy::new(1, &[2, 1], &[5, 1], &[1, 1]).expect("valid");
    copy.run(&[5, 6], 0, &mut out, 8).expect("fits");
    assert_eq!(out, [0, 0, 0, 0, 0, 0, 1, 2, 5, 0, 0, 3, 4, 6, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn fills_repeat_whole_elements() {
    let mut x = [9u8; 7];
    fill(&mut x, &[1, 2, 3]);
    assert_eq!(x, [1, 2, 3, 1, 2, 3, 9]);
    fill(&mut x, &[7, 7]);
    assert_eq!(x, [7, 7, 7, 7, 7, 7, 9]);
    fill(&mut x, &[]);
    fill(&mut [], &[1]);
}

#[test]
fn wrong_layouts_are_refused() {
    let code = |r: cornet_error::Result<StridedCopy>| r.expect_err("refused").code();
    assert_eq!(code(StridedCopy::new(4, &[2, 3], &[1], &[3, 1])), Code::RankMismatch);
    assert_eq!(code(StridedCopy::new(3, &[2], &[1], &[1])), Code::InvalidArgument);
    assert_eq!(code(StridedCopy::new(4, &[2, 3], &[2, 1], &[3, 1])), Code::InvalidArgument);
    assert_eq!(code(StridedCopy::new(4, &[2], &[0], &[1])), Code::InvalidArgument);
    assert_eq!(code(StridedCopy::new(4, &[2], &[-1], &[1])), Code::InvalidArgument);
    assert_eq!(code(StridedCopy::new(4, &[usize::MAX, 3], &[3, 1], &[3, 1])), Code::LimitExceeded);
    assert_eq!(code(StridedCopy::transpose(4, &[2, 3], &[0, 0])), Code::InvalidArgument);
    let copy = StridedCopy::new(4, &[2, 3], &[3, 1], &[3, 1]).expect("valid");
    let (from, mut to) = ([0u8; 24], [0u8; 24]);
    copy.run(&from, 0, &mut to, 0).expect("fits");
    assert_eq!(copy.run(&from[..23], 0, &mut to, 0).expect_err("short").code(), Code::OutOfRange);
    assert_eq!(copy.run(&from, 0, &mut to, 1).expect_err("shifted").code(), Code::OutOfRange);
    let back = StridedCopy::new(4, &[3], &[1], &[-1]).expect("valid");
    assert_eq!(back.run(&from, 1, &mut to, 0).expect_err("before the start").code(), Code::OutOfRange);
    StridedCopy::new(4, &[0, 5], &[5, 1], &[5, 1]).expect("empty").run(&[], 0, &mut [], 0).expect("nothing");
}

#[test]
fn rows_are_gathered_and_their_gradients_summed_in_order() {
    let mut random = Random(3);
    let (count, n, m) = (1000, 48, 20_000);
    let table = random.bytes(count * n);
    let indices: Vec<i64> = (0..m).map(|_| random.below(count) as i64).collect();
    let mut out = vec![0u8; m * n];
    gather_rows(&table, n, Indices::I64(&indices), &mut out).expect("fits");
    for (row, &i) in out.chunks_exact(n).zip(&indices) {
        assert_eq!(row, &table[i as usize * n..(i as usize + 1) * n]);
    }
    let rows: Vec<f32> = (0..m * n).map(|_| random.below(1000) as f32 / 7.0).collect();
    let narrow: Vec<i32> = indices.iter().map(|&i| i as i32).collect();
    let run = |threads: usize| {
        let mut sums = vec![1f32; count * n];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        pool.install(|| scatter_add_rows(&mut sums, n, Indices::I32(&narrow), &rows)).expect("fits");
        sums
    };
    let mut want = vec![1f32; count * n];
    for (row, &i) in rows.chunks_exact(n).zip(&indices) {
        want[i as usize * n..(i as usize + 1) * n].iter_mut().zip(row).for_each(|(to, from)| *to += from);
    }
    assert!((1..4).all(|threads| run(threads) == want));
    let wrong = gather_rows(&table, n, Indices::I32(&[-1]), &mut out[..n]).expect_err("negative");
    assert_eq!(wrong.code(), Code::OutOfRange);
    let wrong = scatter_add_rows(&mut want, n, Indices::I32(&[1000]), &rows[..n]).expect_err("too large");
    assert_eq!(wrong.code(), Code::OutOfRange);
    assert_eq!(
        gather_rows(&table, 7, Indices::I32(&[0]), &mut out[..7]).expect_err("rows").code(),
        Code::ShapeMismatch
    );
}
