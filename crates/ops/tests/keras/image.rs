//! Images.

use cornet_ops::Tensor;
use cornet_ops::image::{Aspect, Edges, FillMode, Interpolation, ResizeOptions, WarpOptions};
use cornet_ops::nn::ConvOptions;
use cornet_ops::nn::geometry::{DataFormat, Padding};
use cornet_tensor::DType;

use crate::support::{close, close_with_gradients, ramp};

const TIGHT: f64 = 5e-6;
const LAST: DataFormat = DataFormat::ChannelsLast;

fn image() -> Tensor {
    ramp([2, 7, 6, 3], 1)
}

fn bytes() -> Tensor {
    ((ramp([2, 7, 6, 3], 2) + 1.0) * 127.0).cast(DType::U8)
}

fn by(interpolation: Interpolation) -> ResizeOptions {
    ResizeOptions { interpolation, ..ResizeOptions::default() }
}

#[test]
fn resize() {
    let (x, u) = (image(), bytes());
    for word in ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"] {
        let options = by(word.parse().unwrap());
        // TensorFlow reads its cubic from a table of 1024 places.
        let tolerance = if word == "bicubic" { 2e-3 } else { TIGHT };
        close(&format!("resize.{word}.up"), &x.resize_images(10, 9, &options), tolerance);
        close(&format!("resize.{word}.down"), &x.resize_images(4, 3, &options), tolerance);
        // A value half-way between integers may round either way.
        close(&format!("resize.{word}.integer"), &u.resize_images(5, 11, &options), 5e-3);
    }
    for word in ["bilinear", "bicubic", "lanczos3"] {
        let options = ResizeOptions { antialias: true, ..by(word.parse().unwrap()) };
        close(&format!("resize.{word}.antialias"), &x.resize_images(3, 4, &options), TIGHT);
    }
    let options = ResizeOptions { aspect: Aspect::Crop, ..ResizeOptions::default() };
    close("resize.crop", &x.resize_images(4, 8, &options), TIGHT);
    let options = ResizeOptions { aspect: Aspect::Pad(0.5), ..ResizeOptions::default() };
    close("resize.pad", &x.resize_images(9, 4, &options), TIGHT);
    let first = x.slice_axis(0, 0, 1).squeeze(&[0]).transpose(&[2, 0, 1]);
    let options = ResizeOptions { data_format: DataFormat::ChannelsFirst, ..ResizeOptions::default() };
    close("resize.first", &first.resize_images(4, 5, &options), TIGHT);
    let plain = ResizeOptions::default();
    close_with_gradients("resize.gradient", &[&x], TIGHT, |x| x[0].resize_images(9, 4, &plain));
    for (word, kernel) in [("linear", Interpolation::Bilinear), ("cubic", Interpolation::Bicubic)] {
        let y = x.scale_and_translate(&[1, 2], &[9, 4], &[1.3, 0.7], &[0.5, -0.4], kernel, true);
        close(&format!("scale_and_translate.{word}"), &y, TIGHT);
    }
}

#[test]
fn colours_and_filters() {
    let x = image();
    let unit = (&x + 1.0) / 2.0;
    close("rgb_to_grayscale", &x.rgb_to_grayscale(LAST), TIGHT);
    close("rgb_to_grayscale.integer", &bytes().rgb_to_grayscale(LAST), 0.0);
    close("rgb_to_hsv", &unit.rgb_to_hsv(LAST), TIGHT);
    close("hsv_to_rgb", &unit.hsv_to_rgb(LAST), TIGHT);
    close("gaussian_blur", &x.gaussian_blur((5, 5), (0.7, 1.6), LAST), TIGHT);
    close("sobel_edges", &x.sobel_edges(LAST), TIGHT);
    let big = ramp([2, 16, 15, 2], 4);
    close("ssim", &big.ssim(&(&big + ramp([2, 16, 15, 2], 5) * 0.2), 2.0, LAST), 5e-5);
    close("psnr", &x.psnr(&(&x + ramp([2, 7, 6, 3], 5) * 0.1), 2.0), TIGHT);
}

#[test]
fn patches() {
    let x = image();
    let plain = ConvOptions::default();
    close("extract_patches", &x.extract_patches(&[3, 2], None, &plain), 0.0);
    let same = ConvOptions { padding: Padding::Same, ..plain.clone() };
    close("extract_patches.same", &x.extract_patches(&[3, 2], Some(&[2, 2]), &same), 0.0);
    let dilated = ConvOptions { dilation_rate: vec![2], ..plain.clone() };
    close("extract_patches.dilated", &x.extract_patches(&[2, 2], Some(&[1, 1]), &dilated), 0.0);
    let volumes = ramp([1, 4, 5, 6, 2], 3);
    close("extract_patches_3d", &volumes.extract_patches_3d(&[2, 2, 3], None, &plain), 0.0);
    let first = x.transpose(&[0, 3, 1, 2]);
    close("unfold", &first.unfold((3, 2), (1, 2), (1, 0), (2, 1)), 0.0);
    close("fold", &ramp([2, 18, 16], 6).fold((7, 6), (3, 2), (1, 2), (1, 0), (2, 1)), TIGHT);
    let target = |height: usize, width: usize| Edges {
        top: Some(2),
        left: Some(1),
        target_height: Some(height),
        target_width: Some(width),
        ..Edges::default()
    };
    close("pad_images", &x.pad_images(&target(10, 9), LAST), 0.0);
    close("crop_images", &x.crop_images(&target(3, 4), LAST), 0.0);
    assert!(x.crop_images(&target(8, 4), LAST).array().is_err());
    close("depth_to_space", &ramp([2, 3, 4, 8], 1).depth_to_space(2, LAST), 0.0);
    close("space_to_depth", &ramp([2, 4, 6, 3], 1).space_to_depth(2, LAST), 0.0);
}

#[test]
fn coordinates() {
    let x = image().slice(&[0, 0, 0, 0], &[1, 7, 6, 1]).reshape([7, 6]);
    let at = Tensor::stack(&[&(ramp([4, 5], 7) * 8.0 + 3.0), &(ramp([4, 5], 8) * 7.0 + 3.0)], 0);
    for (word, mode) in [
        ("constant", FillMode::Constant(0.3)),
        ("nearest", FillMode::Nearest),
        ("mirror", FillMode::Mirror),
        ("reflect", FillMode::Reflect),
    ] {
        for order in [0, 1] {
            close(&format!("map_coordinates.{word}.{order}"), &x.map_coordinates(&at, order, mode), TIGHT);
        }
    }
}

#[test]
fn transformations() {
    let x = image();
    let turn =
        Tensor::of([[0.9_f32, 0.3, -0.5, -0.2, 1.1, 0.7, 0.0, 0.0], [1.2, 0.1, 1.5, 0.4, 0.8, -2.0, 0.01, 0.02]]);
    for (word, fill_mode) in [
        ("constant", FillMode::Constant(0.3)),
        ("nearest", FillMode::Nearest),
        ("wrap", FillMode::Wrap),
        ("reflect", FillMode::Reflect),
    ] {
        for (kind, bilinear) in [("nearest", false), ("bilinear", true)] {
            let options = WarpOptions { bilinear, fill_mode, ..WarpOptions::default() };
            close(&format!("affine.{word}.{kind}"), &x.affine_transform(&turn, &options), 2e-5);
        }
    }
    let plain = WarpOptions::default();
    // TensorFlow's gradient of a projective transform resamples the cotangent by the inverse transform, which is not the
    // derivative of the bilinear sampling; only the values are compared.
    close("affine.gradient", &x.affine_transform(&turn, &plain), 2e-5);
    let start = Tensor::of([[0.0_f32, 0.0], [5.0, 0.0], [0.0, 6.0], [5.0, 6.0]]);
    close("perspective", &x.perspective_transform(&start, &(&start + ramp([4, 2], 9) * 0.8), &plain), 2e-5);
    let still = x.elastic_transform(&Tensor::zeros([2, 2, 7, 6], DType::F32), 20.0, 5.0, &plain);
    assert_eq!(still.to_vec::<f32>().unwrap(), x.to_vec::<f32>().unwrap());
}
