//! A model around every class of layer.

use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_nn::layers::*;
use cornet_nn::models::{BoxedModel, Functional, Model, Symbolic};
use cornet_tensor::{Array, DType, Shape};

use super::{Random, shared};

/// What a layer is fed.
#[derive(Clone, Copy)]
enum Entry {
    Vector,
    Sequence,
    Image,
    Volume,
    Clip1,
    Clip2,
    Clip3,
    /// Pixels from 0 to 255.
    Photo,
    Signal,
    Waves,
    Whole,
    Wholes,
    Word,
    Words,
}

use Entry::*;

const WORDS: [&str; 6] = ["earth", "wind", "and", "fire", "été", "unknown"];
const BATCH: usize = 3;

impl Entry {
    fn shape(self) -> &'static [usize] {
        match self {
            Vector | Wholes | Words => &[4],
            Sequence => &[5, 3],
            Image => &[6, 6, 2],
            Volume => &[4, 4, 4, 2],
            Clip1 => &[3, 5, 2],
            Clip2 => &[3, 5, 5, 2],
            Clip3 => &[3, 4, 4, 4, 1],
            Photo => &[8, 8, 3],
            Signal => &[200],
            Waves => &[100, 2],
            Whole | Word => &[1],
        }
    }

    fn dtype(self) -> DType {
        match self {
            Whole | Wholes => DType::I32,
            Word | Words => DType::Str,
            _ => DType::F32,
        }
    }

    fn input(self) -> InputLayer {
        Input::new(self.shape().iter().map(|&n| Some(n)).collect::<Vec<_>>()).dtype(self.dtype())
    }

    fn batch(self, r: &mut Random) -> Result<Array> {
        let shape = Shape::from([&[BATCH], self.shape()].concat());
        let count = shape.elements();
        match self {
            Photo => Array::from_vec(r.floats(count).into_iter().map(|v| (v + 1.0) * 127.5).collect(), shape),
            Whole | Wholes => Array::from_vec((0..count).map(|_| r.below(6) as i32).collect(), shape),
            Word | Words => Array::from_strings((0..count).map(|_| r.word(&WORDS).into()).collect(), shape),
            _ => Array::from_vec(r.floats(count), shape),
        }
    }
}

type Made = Arc<dyn Layer>;

/// A class, what it is fed, and a layer with random arguments.
type Row = (&'static str, &'static [Entry], fn(&mut Random) -> Made);

macro_rules! rows {
    ($($class:ident $entries:expr => |$r:ident| $layer:expr;)+) => {
        &[$((stringify!($class), &$entries, |$r| shared($layer)),)+]
    };
}

static ROWS: &[Row] = rows! {
    Activation [Vector] => |r| Activation::new(r.activation());
    ActivityRegularization [Vector] => |_r| ActivityRegularization::new().l1(0.1);
    AdaptiveAveragePooling1D [Sequence] => |r| AdaptiveAveragePooling1D::new(r.size(1, 5));
    AdaptiveAveragePooling2D [Image] => |r| AdaptiveAveragePooling2D::new((r.size(1, 4), 2));
    AdaptiveAveragePooling3D [Volume] => |r| AdaptiveAveragePooling3D::new(r.size(1, 3));
    AdaptiveMaxPooling1D [Sequence] => |r| AdaptiveMaxPooling1D::new(r.size(1, 5));
    AdaptiveMaxPooling2D [Image] => |r| AdaptiveMaxPooling2D::new((2, r.size(1, 4)));
    AdaptiveMaxPooling3D [Volume] => |r| AdaptiveMaxPooling3D::new(r.size(1, 3));
    Add [Sequence, Sequence, Sequence] => |_r| Add::new();
    AdditiveAttention [Sequence, Sequence] => |r| AdditiveAttention::new().use_scale(r.flag());
    AlphaDropout [Vector] => |_r| AlphaDropout::new(0.3);
    Attention [Sequence, Sequence] => |r| Attention::new().use_scale(r.flag());
    AugMix [Photo] => |r| AugMix::new().chains(r.size(1, 3), 2);
    AutoContrast [Photo] => |_r| AutoContrast::new();
    Average [Vector, Vector] => |_r| Average::new();
    AveragePooling1D [Sequence] => |r| AveragePooling1D::new(2).strides(r.size(1, 2));
    AveragePooling2D [Image] => |r| AveragePooling2D::new((2, 3)).padding(r.word(&["same", "valid"]));
    AveragePooling3D [Volume] => |r| AveragePooling3D::new(2).padding(r.word(&["same", "valid"]));
    BatchNormalization [Image] => |r| BatchNormalization::new().scale(r.flag()).center(r.flag());
    Bidirectional [Sequence] => |r| Bidirectional::new(GRU::new(3)).merge_mode(r.word(&["sum", "concat", "mul", "ave"]));
    CategoryEncoding [Wholes] => |r| CategoryEncoding::new(6).output_mode(r.word(&["multi_hot", "count"]));
    CenterCrop [Photo] => |r| CenterCrop::new(r.size(3, 10), r.size(3, 10));
    Concatenate [Image, Image] => |r| Concatenate::new().axis(r.size(1, 3) as isize);
    ContrastLimitedAdaptiveHistogramEqualization [Photo] =>
        |_r| ContrastLimitedAdaptiveHistogramEqualization::new().tile_grid_size(2, 2);
    Conv1D [Sequence] => |r| Conv1D::new(r.size(1, 4), 3).padding(r.word(&["causal", "same", "valid"])).activation(r.activation());
    Conv1DTranspose [Sequence] => |r| Conv1DTranspose::new(r.size(1, 4), 3).strides(2).padding(r.word(&["same", "valid"]));
    Conv2D [Image] => |r| Conv2D::new(r.size(1, 3) * 2, (3, 2)).groups(2).dilation_rate(r.size(1, 2));
    Conv2DTranspose [Image] => |r| Conv2DTranspose::new(r.size(1, 4), (3, 2)).strides(2).padding(r.word(&["same", "valid"]));
    Conv3D [Volume] => |r| Conv3D::new(r.size(1, 4), 2).use_bias(r.flag());
    Conv3DTranspose [Volume] => |r| Conv3DTranspose::new(r.size(1, 3), 2).use_bias(r.flag());
    ConvLSTM1D [Clip1] => |r| ConvLSTM1D::new(r.size(1, 3), 2).return_sequences(r.flag());
    ConvLSTM2D [Clip2] => |r| ConvLSTM2D::new(r.size(1, 3), 2).padding(r.word(&["same", "valid"]));
    ConvLSTM3D [Clip3] => |r| ConvLSTM3D::new(r.size(1, 2), 2).go_backwards(r.flag());
    Cropping1D [Sequence] => |r| Cropping1D::new(r.size(1, 2));
    Cropping2D [Image] => |r| Cropping2D::new((r.size(0, 2), 1));
    Cropping3D [Volume] => |r| Cropping3D::new((r.size(0, 1), 1, 1));
    CutMix [Photo] => |_r| CutMix::default();
    Dense [Sequence] => |r| Dense::new(r.size(1, 6)).activation(r.activation()).use_bias(r.flag());
    DepthwiseConv1D [Sequence] => |r| DepthwiseConv1D::new(3).depth_multiplier(r.size(1, 3));
    DepthwiseConv2D [Image] => |r| DepthwiseConv2D::new((2, 3)).depth_multiplier(r.size(1, 3)).strides(r.size(1, 2));
    Discretization [Vector] => |r| Discretization::new(vec![-0.5, 0.1, 0.6]).output_mode(r.word(&["int", "multi_hot", "count"]));
    Dot [Sequence, Sequence] => |r| Dot::new(r.size(1, 2) as isize).normalize(r.flag());
    Dropout [Vector] => |_r| Dropout::new(0.4);
    ELU [Vector] => |_r| ELU::new().alpha(0.5);
    EinsumDense [Sequence] => |r| EinsumDense::new("abc,cd->abd", vec![None, Some(r.size(1, 5))]).bias_axes("d");
    Embedding [Wholes] => |r| Embedding::new(6, r.size(1, 4)).mask_zero(r.flag());
    Equalization [Photo] => |_r| Equalization::new().bins(64);
    Flatten [Image] => |_r| Flatten::new();
    GRU [Sequence] => |r| GRU::new(r.size(1, 4)).reset_after(r.flag()).go_backwards(r.flag());
    GRUCell [Sequence] => |r| RNN::new(GRUCell::new(r.size(1, 4))).return_sequences(r.flag());
    GaussianDropout [Vector] => |_r| GaussianDropout::new(0.2);
    GaussianNoise [Vector] => |_r| GaussianNoise::new(0.2);
    GlobalAveragePooling1D [Sequence] => |r| GlobalAveragePooling1D::new().keepdims(r.flag());
    GlobalAveragePooling2D [Image] => |r| GlobalAveragePooling2D::new().keepdims(r.flag());
    GlobalAveragePooling3D [Volume] => |r| GlobalAveragePooling3D::new().keepdims(r.flag());
    GlobalMaxPooling1D [Sequence] => |r| GlobalMaxPooling1D::new().keepdims(r.flag());
    GlobalMaxPooling2D [Image] => |r| GlobalMaxPooling2D::new().keepdims(r.flag());
    GlobalMaxPooling3D [Volume] => |r| GlobalMaxPooling3D::new().keepdims(r.flag());
    GroupNormalization [Image] => |r| GroupNormalization::new().groups(r.size(1, 2) as isize);
    GroupQueryAttention [Sequence, Sequence] => |r| GroupQueryAttention::new(r.size(2, 4), 4, r.size(1, 2)).use_bias(r.flag());
    HashedCrossing [Word, Whole] => |r| HashedCrossing::new(r.size(3, 20)).output_mode(r.word(&["int", "one_hot"]));
    Hashing [Words] => |r| Hashing::new(r.size(2, 20)).output_mode(r.word(&["int", "multi_hot", "count"]));
    Identity [Sequence] => |_r| Identity::new();
    IntegerLookup [Wholes] => |r| IntegerLookup::new().vocabulary([1i64, 4, 2]).num_oov_indices(r.size(1, 3));
    LSTM [Sequence] => |r| LSTM::new(r.size(1, 4)).return_sequences(r.flag()).unroll(r.flag());
    LSTMCell [Sequence] => |r| RNN::new(LSTMCell::new(r.size(1, 4))).go_backwards(r.flag());
    LayerNormalization [Sequence] => |r| LayerNormalization::new().center(r.flag());
    LeakyReLU [Vector] => |_r| LeakyReLU::new().negative_slope(0.1);
    Masking [Sequence] => |_r| Masking::new().mask_value(-1.0);
    MaxNumBoundingBoxes [Photo] => |r| MaxNumBoundingBoxes::new(r.size(2, 5));
    MaxPooling1D [Sequence] => |r| MaxPooling1D::new(2).strides(r.size(1, 2));
    MaxPooling2D [Image] => |r| MaxPooling2D::new((2, 3)).padding(r.word(&["same", "valid"]));
    MaxPooling3D [Volume] => |r| MaxPooling3D::new(2).padding(r.word(&["same", "valid"]));
    Maximum [Vector, Vector] => |_r| Maximum::new();
    MelSpectrogram [Signal] => |r| MelSpectrogram::new().fft_length(32).sequence_stride(16).sampling_rate(400.0)
        .num_mel_bins(r.size(4, 8)).frequencies(5.0, 200.0);
    Minimum [Vector, Vector] => |_r| Minimum::new();
    MixUp [Photo] => |_r| MixUp::default();
    MultiHeadAttention [Sequence, Sequence] => |r| MultiHeadAttention::new(r.size(1, 3), r.size(2, 4)).use_bias(r.flag());
    Multiply [Vector, Vector] => |_r| Multiply::new();
    Normalization [Vector] => |r| Normalization::new().statistics_each(vec![0.1, 0.2, -0.3, 0.4], vec![1.0, 2.0, 0.5, 0.7])
        .invert(r.flag());
    PReLU [Sequence] => |_r| PReLU::new().shared_axes([1]);
    Permute [Image] => |_r| Permute::new([3, 1, 2]);
    Pipeline [Photo] => |r| Pipeline::new().add(Rescaling::new(1.0 / 255.0)).add(CenterCrop::new(r.size(4, 7), 5));
    RMSNormalization [Sequence] => |_r| RMSNormalization::new();
    RNN [Sequence] => |r| RNN::new(SimpleRNNCell::new(r.size(1, 4))).unroll(r.flag());
    RandAugment [Photo] => |r| RandAugment::new().num_ops(r.size(1, 3));
    RandomBrightness [Photo] => |_r| RandomBrightness::new(0.3);
    RandomColorDegeneration [Photo] => |_r| RandomColorDegeneration::new((0.2, 0.5));
    RandomColorJitter [Photo] => |_r| RandomColorJitter::new().brightness_factor(0.2).hue_factor(0.1);
    RandomContrast [Photo] => |_r| RandomContrast::new(0.3);
    RandomCrop [Photo] => |_r| RandomCrop::new(8, 8);
    RandomElasticTransform [Photo] => |_r| RandomElasticTransform::new(0.5);
    RandomErasing [Photo] => |_r| RandomErasing::new(0.5).scale((0.1, 0.3));
    RandomFlip [Photo] => |r| RandomFlip::new(r.word(&["horizontal", "vertical", "horizontal_and_vertical"]));
    RandomGaussianBlur [Photo] => |_r| RandomGaussianBlur::new().factor(0.5).kernel_size(3, 3);
    RandomGrayscale [Photo] => |_r| RandomGrayscale::new(0.5);
    RandomHue [Photo] => |_r| RandomHue::new(0.3);
    RandomInvert [Photo] => |_r| RandomInvert::new(0.5);
    RandomPerspective [Photo] => |_r| RandomPerspective::new(0.5);
    RandomPosterization [Photo] => |r| RandomPosterization::new(r.size(2, 7) as f64);
    RandomRotation [Photo] => |r| RandomRotation::new(0.2).fill_mode(r.word(&["reflect", "nearest", "wrap"]));
    RandomSaturation [Photo] => |_r| RandomSaturation::new((0.2, 0.6));
    RandomSharpness [Photo] => |_r| RandomSharpness::new(0.5);
    RandomShear [Photo] => |_r| RandomShear::new((0.1, 0.3), (0.0, 0.2));
    RandomTranslation [Photo] => |_r| RandomTranslation::new(0.2, (-0.1, 0.3));
    RandomZoom [Photo] => |_r| RandomZoom::new(0.3);
    ReLU [Vector] => |_r| ReLU::new().max_value(0.7).negative_slope(0.1);
    RepeatVector [Vector] => |r| RepeatVector::new(r.size(1, 4));
    Rescaling [Photo] => |_r| Rescaling::new(1.0 / 127.5).offset(-1.0);
    Reshape [Sequence] => |_r| Reshape::new([3, -1]);
    Resizing [Photo] => |r| Resizing::new(r.size(3, 9), 5).interpolation(r.word(&["bilinear", "nearest", "bicubic", "lanczos3"]));
    ReversibleEmbedding [Wholes] => |r| ReversibleEmbedding::new(6, r.size(1, 4)).tie_weights(r.flag());
    STFTSpectrogram [Waves] => |r| STFTSpectrogram::new().frame_length(16).frame_step(8).fft_length(32).mode(r.word(&["magnitude", "psd", "real"]));
    SeparableConv1D [Sequence] => |r| SeparableConv1D::new(r.size(1, 4), 2).padding(r.word(&["same", "valid", "causal"]));
    SeparableConv2D [Image] => |r| SeparableConv2D::new(r.size(1, 4), 3).depth_multiplier(r.size(1, 2));
    SimpleRNN [Sequence] => |r| SimpleRNN::new(r.size(1, 4)).return_sequences(r.flag());
    SimpleRNNCell [Sequence] => |r| RNN::new(SimpleRNNCell::new(r.size(1, 4)).use_bias(r.flag()));
    Softmax [Sequence] => |r| Softmax::new().axis(r.size(1, 2) as isize);
    Solarization [Photo] => |_r| Solarization::new().addition_factor(0.0).threshold_factor(0.0);
    SpatialDropout1D [Sequence] => |_r| SpatialDropout1D::new(0.3);
    SpatialDropout2D [Image] => |_r| SpatialDropout2D::new(0.3);
    SpatialDropout3D [Volume] => |_r| SpatialDropout3D::new(0.3);
    SpectralNormalization [Vector] => |r| SpectralNormalization::new(Dense::new(r.size(2, 4))).power_iterations(2);
    StackedRNNCells [Sequence] => |r| RNN::new([GRUCell::new(r.size(1, 3)), GRUCell::new(r.size(1, 4))]);
    StringLookup [Words] => |r| StringLookup::new().vocabulary(["wind", "fire", "été"]).num_oov_indices(r.size(1, 3));
    Subtract [Vector, Vector] => |_r| Subtract::new();
    TextVectorization [Word] => |r| TextVectorization::new().vocabulary(["earth", "fire"]).output_sequence_length(r.size(1, 4));
    TimeDistributed [Clip2] => |r| TimeDistributed::new(Conv2D::new(r.size(1, 3), 2));
    UnitNormalization [Sequence] => |r| UnitNormalization::new().axis(r.size(1, 2) as isize);
    UpSampling1D [Sequence] => |r| UpSampling1D::new(r.size(1, 3));
    UpSampling2D [Image] => |r| UpSampling2D::new((1, 2)).interpolation(r.word(&["nearest", "bilinear"]));
    UpSampling3D [Volume] => |r| UpSampling3D::new((1, 2, r.size(1, 2)));
    ZeroPadding1D [Sequence] => |r| ZeroPadding1D::new((0, r.size(1, 2)));
    ZeroPadding2D [Image] => |r| ZeroPadding2D::new((1, r.size(0, 2)));
    ZeroPadding3D [Volume] => |r| ZeroPadding3D::new((1, 0, r.size(0, 2)));
};

/// A model around a layer of the class, and a batch for it.
pub fn around(class: &str, r: &mut Random) -> Result<(BoxedModel, Vec<Array>)> {
    let (_, entries, make) = ROWS
        .iter()
        .find(|row| row.0 == class)
        .ok_or_else(|| err!(NotFound, "src/bin/model_cases/classes.rs: there is no row for {class}"))?;
    let inputs: Vec<_> = entries.iter().map(|entry| entry.input().symbol()).collect();
    let mut y = make(r).on(inputs.clone());
    let shape = y.shape()?.clone();
    let is_plain = y.dtype()?.is_float() && shape.0.iter().skip(1).all(Option::is_some);
    if is_plain && shape.rank() > 2 && r.flag() {
        y = y.then(Flatten::new());
    }
    if is_plain && r.flag() {
        y = y.then(Dense::new(2));
    }
    let batches = entries.iter().map(|entry| entry.batch(r)).collect::<Result<_>>()?;
    Ok((Functional::new(&inputs, &y)?.boxed(), batches))
}
