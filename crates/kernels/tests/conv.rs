//! Convolutions against sums in `f64`, on every instruction set of this CPU.

mod common;

use common::{Draw, bits, pool};
use cornet_kernels::conv::{self, ConvGeometry, reference};
use cornet_kernels::gemm::Epilogue;
use cornet_kernels::isa::Isa;

fn draw_geometry(draw: &mut Draw) -> ConvGeometry {
    let axes = draw.pick(&[1, 2, 2, 2, 3]);
    let mut g = ConvGeometry::conv3d(draw.pick(&[0, 1, 1, 2, 3, 5, 9, 17]), [1; 3], 1, [1; 3], 1);
    let most = [40, 14, 7][axes - 1];
    for axis in 3 - axes..3 {
        g.input[axis] = if draw.among(0, 30) == 0 { 0 } else { draw.among(1, most) };
        g.kernel[axis] = draw.pick(&[1, 2, 3, 3, 5]);
        g.strides[axis] = draw.pick(&[1, 1, 1, 2, 3]);
        g.dilations[axis] = draw.pick(&[1, 1, 1, 2]);
        g.pads[axis] = [draw.pick(&[0, 0, 1, 2]), draw.pick(&[0, 0, 1, 3])];
    }
    let channels = |draw: &mut Draw| match draw.among(0, 5) {
        0 => draw.among(1, 4),
        1 | 2 => draw.among(1, 40),
        3 => draw.pick(&[8, 16, 32, 64]),
        _ => draw.among(5, 20),
    };
    (g.in_channels, g.out_channels) = (channels(draw), channels(draw));
    match draw.among(0, 5) {
        0 => {
            g.groups = draw.pick(&[2, 3]);
            g.in_channels = g.groups * draw.among(1, 12);
            g.out_channels = g.groups * draw.among(1, 40);
        }
        1 => {
            g.out_channels = g.in_channels;
            g.groups = g.in_channels;
        }
        2 => {
            g.groups = g.in_channels;
            g.out_channels = 2 * g.in_channels;
        }
        _ => {}
    }
    g
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

fn sizes(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x.abs())).collect()
}

/// Each element within `(terms + 2) · ε · Σ|terms|`: the bound on that many multiply-adds in any order, plus the bias.
fn close(got: &[f32], want: &[f64], size: &[f64], terms: usize, what: &str) {
    assert_eq!(got.len(), want.len());
    for (i, ((&got, &want), &size)) in got.iter().zip(want).zip(size).enumerate() {
        let slack = (terms as f64 + 2.0) * f64::from(f32::EPSILON) * size;
        assert!((f64::from(got) - want).abs() <= slack, "{what} [{i}]: {got} is not {want} within {slack:e}");
    }
}

struct Case {
    g: ConvGeometry,
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
}

impl Case {
    fn new(draw: &mut Draw, g: ConvGeometry) -> Case {
        Case { g, x: draw.f32s(g.input_len()), w: draw.f32s(g.filter_len()), dy: draw.f32s(g.output_len()) }
    }

    fn forward(&self, isa: Isa, epilogue: Epilogue<'_, f32>) -> Vec<f32> {
        let mut y = vec![f32::NAN; self.g.output_len()];
        let mut scratch = vec![f32::NAN; conv::forward_scratch_len(&self.g)];
        conv::forward_on(isa, &self.g, &self.x, &self.w, &mut y, epilogue, &mut scratch);
        y
    }

    fn input_gradient(&self, isa: Isa, epilogue: Epilogue<'_, f32>) -> Vec<f32> {
        let mut dx = vec![f32::NAN; self.g.input_len()];
        let mut scratch = vec![f32::NAN; conv::input_gradient_scratch_len(&self.g)];
        conv::input_gradient_on(isa, &self.g, &self.dy, &self.w, &mut dx, epilogue, &mut scratch);
        dx
    }

    fn filter_gradient(&self, isa: Isa) -> Vec<f32> {
        let mut dw = vec![f32::NAN; self.g.filter_len()];
        let mut scratch = vec![f32::NAN; conv::filter_gradient_scratch_len(&self.g)];
        conv::filter_gradient_on(isa, &self.g, &self.x, &self.dy, &mut dw, &mut scratch);
        dw
    }
}

fn cases(seed: u64, count: usize) -> impl Iterator<Item = Case> {
    let mut draw = Draw::new(seed);
    let special = [
        // More taps than a chunk holds, then more channels than the block of zeros.
        ConvGeometry::conv2d(1, [12, 13], 20, [9, 9], 18).same(),
        ConvGeometry::conv1d(2, 5, 1500, 3, 17).same(),
        ConvGeometry::conv1d(1, 300, 2, 100, 3).same(),
        ConvGeometry::conv2d(3, [28, 28], 1, [3, 3], 32),
        ConvGeometry::conv2d(3, [28, 28], 3, [3, 3], 32).same(),
        ConvGeometry::conv2d(2, [11, 11], 64, [3, 3], 64).same(),
        ConvGeometry::conv2d(2, [9, 9], 33, [1, 1], 70),
        ConvGeometry::conv2d(2, [9, 9], 16, [1, 1], 32).strides([1, 2, 2]),
    ];
    let mut special = special.into_iter();
    (0..count).map(move |_| {
        let g = special.next().unwrap_or_else(|| draw_geometry(&mut draw));
        Case::new(&mut draw, g)
    })
}

#[test]
fn the_forward_pass_is_within_the_bound() {
    let mut draw = Draw::new(9);
    for (i, case) in cases(1, 300).enumerate() {
        let g = &case.g;
        let bias = draw.f32s(g.out_channels);
        let epilogue = [Epilogue::None, Epilogue::Bias(&bias), Epilogue::BiasRelu(&bias), Epilogue::Relu][i % 4];
        let (mut want, mut size) = (vec![0.0; g.output_len()], vec![0.0; g.output_len()]);
        reference::forward(g, &wide(&case.x), &wide(&case.w), &mut want);
        reference::forward(g, &sizes(&case.x), &sizes(&case.w), &mut size);
        for (i, (want, size)) in want.iter_mut().zip(&mut size).enumerate() {
            let bias = epilogue.bias().map_or(0.0, |bias| f64::from(bias[i % g.out_channels]));
            *want = if epilogue.relu() { (*want + bias).max(0.0) } else { *want + bias };
            *size += bias.abs();
        }
        for isa in Isa::all_available() {
            let y = case.forward(isa, epilogue);
            close(&y, &want, &size, g.taps() * g.group_in(), &format!("{isa} {g:?}"));
        }
    }
}

#[test]
fn the_input_gradient_is_within_the_bound() {
    let mut draw = Draw::new(10);
    for (i, case) in cases(2, 300).enumerate() {
        let g = &case.g;
        let bias = draw.f32s(g.in_channels);
        let epilogue = [Epilogue::None, Epilogue::None, Epilogue::BiasRelu(&bias)][i % 3];
        let (mut want, mut size) = (vec![0.0; g.input_len()], vec![0.0; g.input_len()]);
        reference::input_gradient(g, &wide(&case.dy), &wide(&case.w), &mut want);
        reference::input_gradient(g, &sizes(&case.dy), &sizes(&case.w), &mut size);
        for (i, (want, size)) in want.iter_mut().zip(&mut size).enumerate() {
            let bias = epilogue.bias().map_or(0.0, |bias| f64::from(bias[i % g.in_channels]));
            *want = if epilogue.relu() { (*want + bias).max(0.0) } else { *want + bias };
            *size += bias.abs();
        }
        for isa in Isa::all_available() {
            let dx = case.input_gradient(isa, epilogue);
            close(&dx, &want, &size, g.taps() * g.group_out(), &format!("{isa} {g:?}"));
        }
    }
}

#[test]
fn the_filter_gradient_is_within_the_bound() {
    for case in cases(4, 300) {
        let g = &case.g;
        let (mut want, mut size) = (vec![0.0; g.filter_len()], vec![0.0; g.filter_len()]);
        reference::filter_gradient(g, &wide(&case.x), &wide(&case.dy), &mut want);
        reference::filter_gradient(g, &sizes(&case.x), &sizes(&case.dy), &mut size);
        for isa in Isa::all_available() {
            close(&case.filter_gradient(isa), &want, &size, g.positions(), &format!("{isa} {g:?}"));
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let pools: Vec<_> = (1..=4).map(pool).collect();
    let mut draw = Draw::new(5);
    // Enough positions that the filter's gradient is summed in several parts.
    let many = [
        ConvGeometry::conv2d(8, [28, 28], 1, [3, 3], 32),
        ConvGeometry::conv2d(8, [28, 28], 3, [3, 3], 8).same(),
        ConvGeometry::conv2d(6, [29, 31], 16, [3, 3], 40).same(),
        ConvGeometry::conv1d(3, 3000, 4, 3, 20).groups(2).same(),
    ];
    for case in cases(3, 60).chain(many.map(|g| Case::new(&mut draw, g))) {
        let run = |pool: &rayon::ThreadPool| {
            pool.install(|| {
                let isa = Isa::detect();
                [
                    bits(&case.forward(isa, Epilogue::Relu)),
                    bits(&case.input_gradient(isa, Epilogue::None)),
                    bits(&case.filter_gradient(isa)),
                ]
            })
        };
        let alone = run(&pools[0]);
        for pool in &pools[1..] {
            assert!(run(pool) == alone, "{:?} on {} threads", case.g, pool.current_num_threads());
        }
    }
}

#[test]
fn f64_agrees_with_the_reference() {
    for case in cases(6, 60) {
        let g = &case.g;
        let (x, w, dy) = (wide(&case.x), wide(&case.w), wide(&case.dy));
        let terms = g.positions() + g.taps() * (g.group_in() + g.group_out());
        let check = |got: &[f64], want: &[f64], what: &str| {
            // All operands are below 1 in size.
            let slack = (terms as f64 + 2.0).powi(2) * f64::EPSILON;
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() <= slack, "{what} {g:?}: {got} is not {want}");
            }
        };
        let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
        let mut scratch = vec![f64::NAN; conv::forward_scratch_len(g)];
        for isa in Isa::all_available() {
            let mut want = vec![0.0; dy.len()];
            reference::forward(g, &x, &w, &mut want);
            scratch.resize(conv::forward_scratch_len(g), 0.0);
            conv::forward_on(isa, g, &x, &w, &mut y, Epilogue::None, &mut scratch);
            check(&y, &want, "forward");

            let mut want = vec![0.0; x.len()];
            reference::input_gradient(g, &dy, &w, &mut want);
            scratch.resize(conv::input_gradient_scratch_len(g), 0.0);
            conv::input_gradient_on(isa, g, &dy, &w, &mut dx, Epilogue::None, &mut scratch);
            check(&dx, &want, "input gradient");

            let mut want = vec![0.0; w.len()];
            reference::filter_gradient(g, &x, &dy, &mut want);
            scratch.resize(conv::filter_gradient_scratch_len(g), 0.0);
            conv::filter_gradient_on(isa, g, &x, &dy, &mut dw, &mut scratch);
            check(&dw, &want, "filter gradient");
        }
    }
}

#[test]
#[should_panic(expected = "the filter's length does not fit")]
fn a_short_filter_is_refused() {
    let g = ConvGeometry::conv1d(1, 4, 1, 2, 1);
    conv::forward(&g, &[0.0f32; 4], &[0.0], &mut [0.0; 3], Epilogue::None, &mut []);
}
