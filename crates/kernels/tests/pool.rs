//! Pooling against windows written out, on every instruction set of this CPU.

mod common;

use common::{Draw, bits, pool};
use cornet_kernels::isa::Isa;
use cornet_kernels::pool::{self as kernels, Divisor, PoolGeometry};

fn draw_geometry(draw: &mut Draw) -> PoolGeometry {
    let axes = draw.pick(&[1, 2, 2, 3]);
    let mut g = PoolGeometry::pool2d(draw.pick(&[0, 1, 2, 3]), [1, 1], draw.pick(&[0, 1, 3, 8, 31, 70, 130]), [1, 1]);
    for axis in 3 - axes..3 {
        g.input[axis] = draw.among(1, 9);
        g.window[axis] = draw.among(1, 4);
        g.strides[axis] = draw.among(1, 3);
        g.pads[axis] = [draw.among(0, g.window[axis] - 1), draw.among(0, g.window[axis] - 1)];
    }
    g
}

/// For each output element, the indices of the input elements under its window, in order.
fn windows(g: &PoolGeometry) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    let [od, oh, ow] = g.output();
    for n in 0..g.batch {
        for o in 0..od * oh * ow {
            let o = [o / (oh * ow), o / ow % oh, o % ow];
            for c in 0..g.channels {
                let mut under = Vec::new();
                let window: usize = g.window.iter().product();
                for k in 0..window {
                    let k = [k / (g.window[1] * g.window[2]), k / g.window[2] % g.window[1], k % g.window[2]];
                    let at: Vec<usize> = (0..3)
                        .filter_map(|a| {
                            (o[a] * g.strides[a] + k[a]).checked_sub(g.pads[a][0]).filter(|&i| i < g.input[a])
                        })
                        .collect();
                    if let [z, y, x] = at[..] {
                        under.push((((n * g.input[0] + z) * g.input[1] + y) * g.input[2] + x) * g.channels + c);
                    }
                }
                all.push(under);
            }
        }
    }
    all
}

/// Few distinct values, so that ties are common; now and then a NaN.
fn values(draw: &mut Draw, len: usize) -> Vec<f32> {
    (0..len).map(|_| if draw.among(0, 60) == 0 { f32::NAN } else { draw.among(0, 5) as f32 - 2.0 }).collect()
}

fn first_maximum(x: &[f32], under: &[usize]) -> Option<usize> {
    let nan = under.iter().copied().find(|&i| x[i].is_nan());
    nan.or_else(|| under.iter().copied().reduce(|best, i| if x[i] > x[best] { i } else { best }))
}

#[test]
fn maxima_and_their_gradients_are_exact() {
    let mut draw = Draw::new(1);
    for _ in 0..150 {
        let g = draw_geometry(&mut draw);
        let x = values(&mut draw, g.input_len());
        let dy: Vec<f32> = (0..g.output_len()).map(|_| draw.among(1, 9) as f32).collect();
        let under = windows(&g);
        let winners: Vec<Option<usize>> = under.iter().map(|under| first_maximum(&x, under)).collect();
        let mut want_dx = vec![0.0; x.len()];
        for (winner, dy) in winners.iter().zip(&dy) {
            if let Some(winner) = winner {
                want_dx[*winner] += dy;
            }
        }
        for isa in Isa::all_available() {
            let mut y = vec![0.5; g.output_len()];
            kernels::max_forward_on(isa, &g, &x, &mut y, f32::NEG_INFINITY);
            for (y, winner) in y.iter().zip(&winners) {
                let want = winner.map_or(f32::NEG_INFINITY, |i| x[i]);
                assert!(*y == want || (y.is_nan() && want.is_nan()), "{isa} {g:?}: {y} is not {want}");
            }
            let mut dx = vec![f32::NAN; x.len()];
            kernels::max_gradient_on(isa, &g, &x, &dy, &mut dx);
            assert_eq!(dx, want_dx, "{isa} {g:?}");
        }
    }
}

/// Sums of at most 64 numbers of size 3: within `64 · 3 · ε` before and a rounding of the quotient after.
#[test]
fn averages_and_their_gradients_are_within_the_bound() {
    let mut draw = Draw::new(2);
    for round in 0..150 {
        let g = draw_geometry(&mut draw);
        let divisor = [Divisor::Inside, Divisor::Window][round % 2];
        let (x, dy) = (draw.f32s(g.input_len()), draw.f32s(g.output_len()));
        let under = windows(&g);
        let size: usize = g.window.iter().product();
        let count = |under: &[usize]| if divisor == Divisor::Inside { under.len().max(1) } else { size } as f64;
        let mut want_dx = vec![0.0f64; x.len()];
        for (under, dy) in under.iter().zip(&dy) {
            under.iter().for_each(|&i| want_dx[i] += f64::from(*dy) / count(under));
        }
        let slack = 200.0 * f64::from(f32::EPSILON);
        for isa in Isa::all_available() {
            let (mut y, mut dx) = (vec![f32::NAN; g.output_len()], vec![f32::NAN; x.len()]);
            kernels::average_forward_on(isa, &g, &x, &mut y, divisor);
            for (y, under) in y.iter().zip(&under) {
                let want = under.iter().map(|&i| f64::from(x[i])).sum::<f64>() / count(under);
                assert!((f64::from(*y) - want).abs() <= slack, "{isa} {g:?}: {y} is not {want}");
            }
            kernels::average_gradient_on(isa, &g, &dy, &mut dx, divisor);
            for (dx, want) in dx.iter().zip(&want_dx) {
                assert!((f64::from(*dx) - want).abs() <= slack, "{isa} {g:?}: {dx} is not {want}");
            }
        }
    }
}

#[test]
fn integers_pool_too() {
    let g = PoolGeometry::pool2d(1, [2, 4], 1, [2, 2]);
    let (mut y, mut dx) = ([0i32; 2], [9; 8]);
    kernels::max_forward(&g, &[1, 5, -1, -2, 5, 0, -3, -1], &mut y, i32::MIN);
    assert_eq!(y, [5, -1]);
    kernels::max_gradient(&g, &[1, 5, -1, -2, 5, 0, -3, -1], &[10, 20], &mut dx);
    assert_eq!(dx, [0, 10, 20, 0, 0, 0, 0, 0]);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let mut draw = Draw::new(3);
    let pools: Vec<_> = (1..=4).map(pool).collect();
    for _ in 0..30 {
        let g = draw_geometry(&mut draw);
        let (x, dy) = (draw.f32s(g.input_len()), draw.f32s(g.output_len()));
        let run = |pool: &rayon::ThreadPool| {
            let (mut a, mut b) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            pool.install(|| kernels::max_gradient(&g, &x, &dy, &mut a));
            pool.install(|| kernels::average_gradient(&g, &dy, &mut b, Divisor::Inside));
            (bits(&a), bits(&b))
        };
        let alone = run(&pools[0]);
        assert!(pools.iter().all(|pool| run(pool) == alone), "{g:?}");
    }
}
