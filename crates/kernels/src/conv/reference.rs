//! The three passes one multiply-add at a time: the oracle of the fast ones.

use super::ConvGeometry;
use std::ops::{Add, Mul};

/// Calls `visit(x, w, y)` with the indices of every product of the convolution.
fn products(g: &ConvGeometry, mut visit: impl FnMut(usize, usize, usize)) {
    let output = g.output();
    let (group_in, group_out) = (g.group_in(), g.group_out());
    let positions = |dims: [usize; 3]| {
        (0..dims[0]).flat_map(move |z| (0..dims[1]).flat_map(move |y| (0..dims[2]).map(move |x| [z, y, x])))
    };
    let index =
        |n: usize, at: [usize; 3], dims: [usize; 3]| ((n * dims[0] + at[0]) * dims[1] + at[1]) * dims[2] + at[2];
    for n in 0..g.batch {
        for o in positions(output) {
            for k in positions(g.kernel) {
                let at: [Option<usize>; 3] = std::array::from_fn(|a| {
                    (o[a] * g.strides[a] + k[a] * g.dilations[a]).checked_sub(g.pads[a][0]).filter(|&i| i < g.input[a])
                });
                let [Some(z), Some(y), Some(x)] = at else { continue };
                let (xi, wi, yi) = (index(n, [z, y, x], g.input), index(0, k, g.kernel), index(n, o, output));
                for c in 0..g.out_channels {
                    let group = c / group_out;
                    for i in 0..group_in {
                        visit(
                            xi * g.in_channels + group * group_in + i,
                            (wi * group_in + i) * g.out_channels + c,
                            yi * g.out_channels + c,
                        );
                    }
                }
            }
        }
    }
}

/// The forward pass; for any type.
pub fn forward<T: Copy + Default + Add<Output = T> + Mul<Output = T>>(g: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
    y.fill(T::default());
    products(g, |xi, wi, yi| y[yi] = y[yi] + x[xi] * w[wi]);
}

/// The gradient with respect to the input; for any type.
pub fn input_gradient<T: Copy + Default + Add<Output = T> + Mul<Output = T>>(
    g: &ConvGeometry,
    dy: &[T],
    w: &[T],
    dx: &mut [T],
) {
    dx.fill(T::default());
    products(g, |xi, wi, yi| dx[xi] = dx[xi] + dy[yi] * w[wi]);
}

/// The gradient with respect to the filter; for any type.
pub fn filter_gradient<T: Copy + Default + Add<Output = T> + Mul<Output = T>>(
    g: &ConvGeometry,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
) {
    dw.fill(T::default());
    products(g, |xi, wi, yi| dw[wi] = dw[wi] + x[xi] * dy[yi]);
}
