//! Training as a user has it: `fit` with shuffling, the loss and the accuracy metric, on random data.
//!
//! Models, batch sizes and step counts are those of the reference workloads: one epoch to warm up, which traces and
//! compiles, then the median of three epochs by their steps.

use std::time::Instant;

use cornet::layers::{Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D};
use cornet::models::{Model, Sequential};
use cornet::training::{FitOptions, Verbose};
use cornet_cpu::{num_threads, with_threads};
use cornet_error::Result;
use cornet_tensor::Array;

use crate::{Line, Sink};

const EPOCHS: usize = 3;

/// A model, its data, and how many steps an epoch has.
pub struct Training {
    name: &'static str,
    model: fn() -> Sequential,
    example: &'static [usize],
    /// 1 for yes or no.
    classes: u64,
    batch: usize,
    steps: usize,
}

pub const MLP_MNIST: Training = Training {
    name: "mlp_mnist",
    model: || {
        Sequential::new()
            .seed(0)
            .add(Input::new([28, 28]))
            .add(Flatten::new())
            .add(Dense::new(128).activation("relu"))
            .add(Dense::new(10).activation("softmax"))
    },
    example: &[28, 28],
    classes: 10,
    batch: 32,
    steps: 400,
};

pub const MLP_FASHION: Training = Training {
    name: "mlp_fashion",
    model: || {
        Sequential::new()
            .seed(0)
            .add(Input::new([28, 28, 1]))
            .add(Flatten::new())
            .add(Dense::new(128).activation("relu"))
            .add(Dense::new(1000).activation("relu"))
            .add(Dropout::new(0.5))
            .add(Dense::new(10).activation("softmax"))
    },
    example: &[28, 28, 1],
    classes: 10,
    batch: 32,
    steps: 300,
};

pub const CNN_FASHION: Training = Training {
    name: "cnn_fashion",
    model: || small_cnn(&[28, 28, 1]),
    example: &[28, 28, 1],
    classes: 10,
    batch: 32,
    steps: 150,
};

pub const CNN_CIFAR: Training = Training {
    name: "cnn_cifar",
    model: || small_cnn(&[32, 32, 3]),
    example: &[32, 32, 3],
    classes: 10,
    batch: 32,
    steps: 120,
};

pub const CNN_CATSDOGS: Training = Training {
    name: "cnn_catsdogs",
    model: || {
        let mut model = Sequential::new().seed(0).add(Input::new([64, 64, 3]));
        for _ in 0..3 {
            model = model.add(Conv2D::new(64, [3, 3]).activation("relu")).add(MaxPooling2D::new([2, 2]));
        }
        model.add(Flatten::new()).add(Dense::new(128).activation("relu")).add(Dense::new(1).activation("sigmoid"))
    },
    example: &[64, 64, 3],
    classes: 1,
    batch: 128,
    steps: 12,
};

fn small_cnn(example: &[usize]) -> Sequential {
    Sequential::new()
        .seed(0)
        .add(Input::new(example))
        .add(Conv2D::new(32, [3, 3]).activation("relu"))
        .add(MaxPooling2D::new([2, 2]))
        .add(Conv2D::new(64, [3, 3]).activation("relu"))
        .add(MaxPooling2D::new([2, 2]))
        .add(Conv2D::new(64, [3, 3]).activation("relu"))
        .add(Flatten::new())
        .add(Dense::new(64).activation("relu"))
        .add(Dense::new(10).activation("softmax"))
}

pub fn run(training: &Training, threads: &[usize], sink: Sink<'_>) -> Result<()> {
    if threads.is_empty() {
        return sink(&measure(training, num_threads())?);
    }
    for &threads in threads {
        sink(&with_threads(threads, || measure(training, threads))?)?;
    }
    Ok(())
}

fn measure(training: &Training, threads: usize) -> Result<Line> {
    let Training { name, example, classes, batch, steps, .. } = *training;
    let examples = batch * steps;
    let model = (training.model)();
    let loss = if classes == 1 { "binary_crossentropy" } else { "sparse_categorical_crossentropy" };
    model.compile("adam", loss, ["accuracy"])?;
    let mut numbers = Numbers(1);
    let shape: Vec<usize> = [examples].iter().chain(example).copied().collect();
    let x: Vec<f32> = (0..shape.iter().product()).map(|_| numbers.unit()).collect();
    let x = Array::from_vec(x, shape.as_slice())?;
    let y = match classes {
        1 => Array::from_vec((0..examples).map(|_| numbers.below(2) as f32).collect::<Vec<f32>>(), [examples, 1])?,
        _ => Array::from_vec((0..examples).map(|_| numbers.below(classes) as i64).collect::<Vec<i64>>(), [examples])?,
    };
    let epoch = || -> Result<f64> {
        let start = Instant::now();
        model.fit(&x, &y, FitOptions::new().batch_size(batch).verbose(Verbose::Silent))?;
        Ok(start.elapsed().as_secs_f64() / steps as f64)
    };
    epoch()?;
    let mut seconds = (0..EPOCHS).map(|_| epoch()).collect::<Result<Vec<f64>>>()?;
    seconds.sort_by(f64::total_cmp);
    Ok(Line::of_step(name, threads, seconds[EPOCHS / 2], batch))
}

/// Random numbers for data: SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
