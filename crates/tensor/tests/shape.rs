//! Shapes: broadcasting against a definition by index, element counts at the edge of overflow, axes.

use cornet_tensor::{Array, Code, DType, Dims, Shape, strides_of};

/// All shapes of up to `rank` axes with sizes from `sizes`.
fn shapes(rank: usize, sizes: &[usize]) -> Vec<Shape> {
    let mut all: Vec<Vec<usize>> = vec![vec![]];
    let mut last = all.clone();
    for _ in 0..rank {
        last = last.iter().flat_map(|s| sizes.iter().map(move |&n| [s.as_slice(), &[n]].concat())).collect();
        all.extend(last.clone());
    }
    all.into_iter().map(Shape::from).collect()
}

/// Every index of a shape, row-major.
fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |all, &n| {
        all.iter().flat_map(|i: &Vec<usize>| (0..n).map(move |k| [i.as_slice(), &[k]].concat())).collect()
    })
}

#[test]
fn broadcasting_follows_numpys_rule() {
    for a in &shapes(3, &[0, 1, 2, 3]) {
        for b in &shapes(3, &[0, 1, 2, 3]) {
            let rank = a.rank().max(b.rank());
            let at = |s: &Shape, back: usize| s.rank().checked_sub(back).map_or(1, |i| s[i]);
            // From the last axis: equal, or one of them is 1.
            let expected: Option<Vec<usize>> = (1..=rank)
                .rev()
                .map(|back| match (at(a, back), at(b, back)) {
                    (x, y) if x == y || y == 1 => Some(x),
                    (1, y) => Some(y),
                    _ => None,
                })
                .collect();
            match (a.broadcast(b), expected) {
                (Ok(found), Some(expected)) => {
                    assert_eq!(found.as_slice(), expected, "{a} {b}");
                    assert_eq!(b.broadcast(a).unwrap(), found);
                    assert_eq!(found.broadcast(a).unwrap(), found);
                }
                (Err(e), None) => assert_eq!(e.code(), Code::ShapeMismatch),
                (found, expected) => panic!("{a} {b}: expected {expected:?}, found {found:?}"),
            }
        }
    }
}

#[test]
fn broadcast_strides_read_the_stretched_elements() {
    for a in &shapes(3, &[1, 2, 3]) {
        for b in &shapes(3, &[1, 2, 3]) {
            let Ok(to) = a.broadcast(b) else { continue };
            let strides = a.broadcast_strides(&to);
            for index in indices(&to) {
                let own: Vec<usize> = index[to.rank() - a.rank()..]
                    .iter()
                    .zip(a.iter())
                    .map(|(&i, &n)| if n == 1 { 0 } else { i })
                    .collect();
                let expected: usize = own.iter().zip(a.strides()).map(|(i, s)| i * s).sum();
                let found: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
                assert_eq!(found, expected, "{a} read as {to} at {index:?}");
            }
        }
    }
}

#[test]
fn strides_count_row_major() {
    for shape in shapes(3, &[1, 2, 3]) {
        let positions: Vec<usize> = indices(&shape)
            .iter()
            .map(|index| index.iter().zip(strides_of(&shape)).map(|(i, s)| i * s).sum())
            .collect();
        assert_eq!(positions, (0..shape.elements()).collect::<Vec<_>>(), "{shape}");
    }
}

#[test]
fn shapes_beyond_memory_are_refused_and_counted_without_overflow() {
    let max = usize::MAX;
    for dims in [vec![max, max], vec![max, 2, 0], vec![1 << 32, 1 << 32], vec![isize::MAX as usize / 4 + 1]] {
        assert_eq!(Shape::checked(&dims, 4).unwrap_err().code(), Code::LimitExceeded, "{dims:?}");
        assert_eq!(Array::try_zeros(DType::F32, dims.clone()).unwrap_err().code(), Code::LimitExceeded);
        assert_eq!(Array::from_bytes(DType::F32, dims.clone(), &[0; 3]).unwrap_err().code(), Code::ShapeMismatch);
        assert_eq!(Array::from_f64(DType::F32, dims, &[0.5]).unwrap_err().code(), Code::ShapeMismatch);
    }
    assert_eq!(Array::try_zeros(DType::Str, [1 << 59]).unwrap_err().code(), Code::LimitExceeded);
    assert_eq!(Shape::new(&[max, 3]).elements(), max);
    assert_eq!(Shape::new(&[max, 3, 0]).elements(), 0);
    assert_eq!(Shape::checked(&[isize::MAX as usize / 4], 4).unwrap().elements(), isize::MAX as usize / 4);
    for dtype in DType::ALL {
        assert_eq!(Array::try_zeros(*dtype, [2, 3]).unwrap(), Array::zeros(*dtype, [2, 3]));
    }
}

#[test]
fn axes_count_from_both_ends() {
    let shape = Shape::new(&[4, 5, 6]);
    let found: Vec<usize> = (-3..3).map(|a| shape.axis(a).unwrap()).collect();
    assert_eq!(found, [0, 1, 2, 0, 1, 2]);
    for axis in [-4, 3, isize::MIN, isize::MAX] {
        assert_eq!(shape.axis(axis).unwrap_err().code(), Code::OutOfRange, "{axis}");
        assert_eq!(Shape::scalar().axis(axis).unwrap_err().code(), Code::OutOfRange, "{axis}");
    }
    assert_eq!(shape.axes(&[-1, 0]).unwrap(), Dims::from_slice(&[0, 2]));
    assert_eq!(shape.axes(&[]).unwrap(), Dims::from_slice(&[0, 1, 2]));
    assert_eq!(shape.axes(&[2, -1]).unwrap_err().code(), Code::InvalidArgument);
}
