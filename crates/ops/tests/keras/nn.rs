//! Convolutions, pools, losses.

use cornet_ops::Tensor;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use cornet_ops::nn::{AttentionOptions, BATCH_EPSILON, ConvOptions, CtcDecoder, EPSILON, PoolOptions};
use cornet_tensor::DType;

use crate::support::{close, close_with_gradients, ramp};

const TIGHT: f64 = 2e-6;

fn conv(strides: &[usize], padding: Padding, dilation: usize) -> ConvOptions {
    ConvOptions { strides: strides.to_vec(), padding, dilation_rate: vec![dilation], ..ConvOptions::default() }
}

fn pool(size: &[usize], strides: Option<&[usize]>, padding: Padding) -> PoolOptions {
    PoolOptions { pool_size: size.to_vec(), strides: strides.map(<[usize]>::to_vec), padding, ..PoolOptions::default() }
}

fn images() -> [Tensor; 3] {
    [ramp([2, 9, 4], 1), ramp([2, 7, 8, 4], 1), ramp([1, 5, 4, 6, 2], 1)]
}

#[test]
fn convolutions() {
    let [x1, x2, x3] = images();
    let (k1, k2, k3) = (ramp([3, 4, 5], 2), ramp([3, 2, 4, 6], 2), ramp([2, 3, 2, 2, 3], 2));
    let check = |name: &str, x: &Tensor, k: &Tensor, options: ConvOptions| {
        close_with_gradients(name, &[x, k], TIGHT, |x| x[0].conv(x[1], &options));
    };
    check("conv.1d.same", &x1, &k1, conv(&[2], Padding::Same, 1));
    check("conv.1d.dilated", &x1, &k1, conv(&[1], Padding::Same, 2));
    check("conv.2d.valid", &x2, &k2, ConvOptions::default());
    check("conv.2d.same.strided", &x2, &k2, conv(&[2, 3], Padding::Same, 1));
    check("conv.3d.same", &x3, &k3, conv(&[2], Padding::Same, 1));
    close("conv.2d.grouped", &x2.conv(&ramp([3, 3, 2, 6], 2), &conv(&[1], Padding::Same, 1)), TIGHT);
    let first = ConvOptions { data_format: DataFormat::ChannelsFirst, ..conv(&[1], Padding::Same, 1) };
    close("conv.2d.first", &x2.transpose(&[0, 3, 1, 2]).conv(&k2, &first), TIGHT);
}

#[test]
fn depthwise_and_separable_convolutions() {
    let [x1, x2, _] = images();
    let kernel = ramp([3, 3, 4, 2], 2);
    let same = conv(&[1], Padding::Same, 1);
    close_with_gradients("depthwise.2d", &[&x2, &kernel], TIGHT, |x| x[0].depthwise_conv(x[1], &same));
    let strided = conv(&[2], Padding::Same, 1);
    close("depthwise.2d.strided", &x2.depthwise_conv(&kernel, &strided), TIGHT);
    close("depthwise.2d.dilated", &x2.depthwise_conv(&kernel, &conv(&[1], Padding::Valid, 2)), TIGHT);
    close("depthwise.1d", &x1.depthwise_conv(&ramp([3, 4, 2], 2), &strided), TIGHT);
    close("separable.2d", &x2.separable_conv(&kernel, &ramp([1, 1, 8, 3], 3), &strided), TIGHT);
}

#[test]
fn transposed_convolutions() {
    let [x1, x2, _] = images();
    for (word, padding) in [("valid", Padding::Valid), ("same", Padding::Same)] {
        for stride in 1..4 {
            for k in 1..5 {
                let y = x1.conv_transpose(&ramp([k, 3, 4], 2), None, &conv(&[stride], padding.clone(), 1));
                close(&format!("conv_transpose.{word}.{stride}.{k}"), &y, TIGHT);
            }
        }
    }
    let kernel = ramp([3, 3, 4], 2);
    let y = x1.conv_transpose(&kernel, Some(&[1]), &conv(&[3], Padding::Same, 1));
    close("conv_transpose.extra.same", &y, TIGHT);
    let y = x1.conv_transpose(&kernel, Some(&[2]), &conv(&[3], Padding::Valid, 1));
    close("conv_transpose.extra.valid", &y, TIGHT);
    let options = conv(&[2], Padding::Same, 1);
    close_with_gradients("conv_transpose.2d", &[&x2, &ramp([3, 3, 5, 4], 2)], TIGHT, |x| {
        x[0].conv_transpose(x[1], None, &options)
    });
}

#[test]
fn pools() {
    let [x1, x2, x3] = images();
    type Pool = fn(&Tensor, &PoolOptions) -> Tensor;
    let kinds: [(&str, Pool); 2] = [("max", Tensor::max_pool), ("average", Tensor::average_pool)];
    for (kind, f) in kinds {
        let check = |name: &str, options: PoolOptions| {
            close_with_gradients(&format!("{kind}_pool.{name}"), &[&x2], TIGHT, |x| f(x[0], &options));
        };
        check("2d.valid", PoolOptions::default());
        check("2d.same", pool(&[3], Some(&[2]), Padding::Same));
        close(&format!("{kind}_pool.1d"), &f(&x1, &pool(&[3], Some(&[1]), Padding::Same)), TIGHT);
        close(&format!("{kind}_pool.3d"), &f(&x3, &pool(&[2, 3, 2], Some(&[1, 2, 3]), Padding::Same)), TIGHT);
        let first = PoolOptions { data_format: DataFormat::ChannelsFirst, ..pool(&[2], Some(&[1]), Padding::Valid) };
        close(&format!("{kind}_pool.first"), &f(&x2.transpose(&[0, 3, 1, 2]), &first), TIGHT);
    }
    let rounded: Vec<f32> = x2.to_vec::<f32>().unwrap().iter().map(|v| v.round_ties_even()).collect();
    let ties = Tensor::from_slice(&rounded, [2, 7, 8, 4]);
    close_with_gradients("max_pool.ties", &[&ties], TIGHT, |x| x[0].max_pool(&pool(&[2], Some(&[1]), Padding::Valid)));
}

/// Logits, soft targets, class numbers.
fn scores() -> (Tensor, Tensor, Tensor) {
    let soft = ramp([6, 5], 2);
    let soft = soft.maximum(-&soft) + 0.01;
    (ramp([6, 5], 1) * 4.0, &soft / soft.sum(&[-1], true), Tensor::of([0_i32, 4, 2, 2, 1, 3]))
}

fn eye() -> Tensor {
    Tensor::of([[1.0_f32, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
}

#[test]
fn softmax() {
    let (logits, _, _) = scores();
    close_with_gradients("softmax", &[&logits], TIGHT, |x| x[0].softmax(-1));
    close("softmax.axes", &ramp([2, 3, 4], 1).softmax_over(&[0, 2]), TIGHT);
    close_with_gradients("log_softmax", &[&logits], TIGHT, |x| x[0].log_softmax(0));
}

#[test]
fn categorical_crossentropy() {
    let (logits, target, _) = scores();
    let p = Tensor::from(logits.softmax(-1).array().unwrap());
    let loss = |from_logits: bool| move |t: &Tensor, x: &Tensor| t.categorical_crossentropy(x, from_logits, -1);
    close_with_gradients("categorical.logits", &[&logits], TIGHT, |x| loss(true)(&target, x[0]));
    close_with_gradients("categorical.p", &[&p], TIGHT, |x| loss(false)(&target, x[0]));
    let wide = Tensor::of([[1e-9_f32, 0.3, 0.7], [0.0, 0.0, 1.0], [0.2, 0.2, 0.2]]);
    close("categorical.clipped", &loss(false)(&eye(), &wide), TIGHT);
    let far = &logits * 30.0;
    close_with_gradients("categorical.softmax", &[&far], TIGHT, |x| loss(false)(&target, &x[0].softmax(-1)));
}

#[test]
fn sparse_categorical_crossentropy() {
    let (logits, _, labels) = scores();
    let p = Tensor::from(logits.softmax(-1).array().unwrap());
    let loss = |from_logits: bool| move |t: &Tensor, x: &Tensor| t.sparse_categorical_crossentropy(x, from_logits);
    close_with_gradients("sparse.logits", &[&logits], TIGHT, |x| loss(true)(&labels, x[0]));
    close_with_gradients("sparse.p", &[&p], TIGHT, |x| loss(false)(&labels, x[0]));
    let wide = Tensor::of([[1e-9_f32, 0.3, 0.7], [0.0, 0.0, 1.0], [0.2, 0.2, 0.2]]);
    close("sparse.clipped", &loss(false)(&Tensor::of([[0_i64], [1], [2]]), &wide), TIGHT);
    let far = &logits * 30.0;
    close_with_gradients("sparse.softmax", &[&far], TIGHT, |x| loss(false)(&labels, &x[0].softmax(-1)));
    let error = loss(true)(&Tensor::of([5_i32; 6]), &logits).to_vec::<f32>().unwrap_err();
    assert_eq!(error.code().word(), "out_of_range");
}

#[test]
fn binary_crossentropy() {
    let (logits, target, _) = scores();
    let soft = ramp([6, 5], 2);
    let soft = soft.maximum(-&soft) + 0.01;
    let p = Tensor::from(logits.softmax(-1).array().unwrap());
    close_with_gradients("binary.logits", &[&logits], TIGHT, |x| soft.binary_crossentropy(x[0], true));
    close_with_gradients("binary.p", &[&p], TIGHT, |x| target.binary_crossentropy(x[0], false));
    let wide = Tensor::of([[0.0_f32, 1.0, 1.0], [0.0, 1.0, 0.0], [1e-9, 0.5, 1.0]]);
    close("binary.clipped", &eye().binary_crossentropy(&wide, false), TIGHT);
}

#[test]
fn adaptive_pools() {
    let [x1, x2, x3] = images();
    for size in [3, 4, 7] {
        close(&format!("adaptive.average.{size}"), &x2.adaptive_average_pool(&[size], DataFormat::ChannelsLast), TIGHT);
        close(&format!("adaptive.max.{size}"), &x2.adaptive_max_pool(&[size], DataFormat::ChannelsLast), TIGHT);
    }
    close("adaptive.average.1d", &x1.adaptive_average_pool(&[5], DataFormat::ChannelsLast), TIGHT);
    close("adaptive.max.3d", &x3.adaptive_max_pool(&[2, 3, 4], DataFormat::ChannelsLast), TIGHT);
}

#[test]
fn normalizations() {
    let (x, v) = (ramp([2, 3, 4], 1), |n: usize, seed: i64| ramp([n], seed) + 1.5);
    let statistics = [&x, &v(3, 2), &v(3, 3), &v(3, 4), &v(3, 5)];
    close_with_gradients("batch_normalization", &statistics, TIGHT, |x| {
        x[0].batch_normalization(x[1], x[2], 1, Some(x[3]), Some(x[4]), BATCH_EPSILON)
    });
    close_with_gradients("layer_normalization", &[&x, &v(4, 2), &v(4, 3)], 1e-5, |x| {
        x[0].layer_normalization(Some(x[1]), Some(x[2]), &[-1], EPSILON)
    });
    let y = x.layer_normalization(Some(&ramp([2, 4], 2)), None, &[0, 2], 1e-3);
    close("layer_normalization.axes", &y, TIGHT);
    close("layer_normalization.half", &x.cast(DType::F16).layer_normalization(None, None, &[-1], EPSILON), 1e-3);
    close_with_gradients("rms_normalization", &[&x, &v(4, 2)], 1e-5, |x| {
        x[0].rms_normalization(Some(x[1]), &[-1], EPSILON)
    });
    close_with_gradients("normalize", &[&x], 1e-5, |x| x[0].normalize(&[-1], 2, EPSILON));
    close("normalize.3", &x.normalize(&[1], 3, EPSILON), 1e-5);
    close("normalize.zero", &Tensor::zeros([2, 3], DType::F32).normalize(&[-1], 2, EPSILON), 0.0);
}

#[test]
fn attention() {
    let (q, k, v) = (ramp([2, 5, 4, 3], 1), ramp([2, 6, 4, 3], 2), ramp([2, 6, 4, 3], 3));
    let plain = AttentionOptions::default();
    close_with_gradients("attention", &[&q, &k, &v], TIGHT, |x| x[0].dot_product_attention(x[1], x[2], &plain));
    let masked = AttentionOptions {
        bias: Some(ramp([1, 4, 5, 6], 4)),
        mask: Some(ramp([2, 1, 5, 6], 5).greater(-0.3)),
        scale: Some(0.3),
        ..plain.clone()
    };
    close("attention.masked", &q.dot_product_attention(&k, &v, &masked), TIGHT);
    let causal = AttentionOptions { is_causal: true, ..plain.clone() };
    close("attention.causal", &q.dot_product_attention(&k, &v, &causal), TIGHT);
    let two = |x: &Tensor| x.slice_axis(2, 0, 2);
    close("attention.grouped", &q.dot_product_attention(&two(&k), &two(&v), &plain), TIGHT);
}

#[test]
fn unaligned_labels() {
    let (logits, lengths) = (ramp([3, 8, 5], 1) * 3.0, Tensor::of([8_i32, 5, 7]));
    let labels = Tensor::of([[1_i32, 2, 2, 0], [3, 0, 0, 0], [4, 1, 4, 3]]);
    let known = Tensor::of([3_i32, 1, 4]);
    close_with_gradients("ctc_loss", &[&logits], 2e-5, |x| labels.ctc_loss(x[0], &known, &lengths, 0));
    let both = |name: &str, (found, scores): (Tensor, Tensor)| {
        close(&format!("ctc_decode.{name}.0"), &found, 0.0);
        close(&format!("ctc_decode.{name}.1"), &scores, 2e-5);
    };
    both("greedy", logits.ctc_decode(&lengths, CtcDecoder::Greedy { merge_repeated: true }, 0));
    both("repeated", logits.ctc_decode(&lengths, CtcDecoder::Greedy { merge_repeated: false }, -1));
    // The two likeliest labellings of the second example differ by 2e-8 in log-probability, which TensorFlow's float32
    // puts the other way round; their scores agree.
    let (found, scores) = logits.ctc_decode(&lengths, CtcDecoder::Beam { width: 50, top_paths: 3 }, 0);
    close("ctc_decode.beam.1", &scores, 2e-5);
    let labels_of = |path: usize, example: usize| found.slice(&[path, example, 0], &[1, 1, 4]).to_vec::<i32>().unwrap();
    assert_eq!([labels_of(0, 0), labels_of(1, 0)], [[2, 1, 3, 1], [2, 1, 3, 2]]);
    assert_eq!([labels_of(0, 2), labels_of(2, 2)], [[1, 3, 1, 4], [2, 3, 1, 4]]);
    let impossible = labels.ctc_loss(&logits, &known, &Tensor::of([2_i32, 5, 7]), 0).to_vec::<f32>().unwrap();
    assert!(impossible[0].is_infinite() && impossible[1].is_finite());
}
