//! What models are judged by, apart from training: confusion matrices, reports, curves, scores, and splits of data.
//!
//! ```
//! use cornet_nn::evaluation::ConfusionMatrix;
//! use cornet_tensor::Array;
//! let y_true = Array::from_literal([0, 1, 2, 2, 2])?;
//! let y_pred = Array::from_literal([0, 0, 2, 2, 1])?;
//! let matrix = ConfusionMatrix::new(&y_true, &y_pred)?.names(["cat", "dog", "owl"])?;
//! assert_eq!(matrix.accuracy(), 0.6);
//! println!("{matrix}\n{}", matrix.report());
//! # Ok::<(), cornet_error::Error>(())
//! ```
//!
//! Everything here works on values, in float64, and takes arrays or tensors. Definitions are scikit-learn's.

mod confusion_matrix;
mod curves;
mod inputs;
mod plot;
mod report;
mod scores;
mod splits;

pub use confusion_matrix::{ConfusionMatrix, Normalize};
pub use curves::{
    PrecisionRecallCurve, RocCurve, auc, average_precision, precision_recall_curve, roc_auc, roc_auc_one_vs_rest,
    roc_curve,
};
pub use inputs::class_numbers;
pub(crate) use inputs::one;
pub use report::{ClassificationReport, Scores};
pub use scores::{mean_absolute_error, r2_score, root_mean_squared_error};
pub(crate) use splits::order;
pub use splits::{Fold, KFold, Part, StratifiedKFold, TrainTestSplit, rows};
