//! The outputs of ops that have more than one, by which edges inside functions name them.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::attr::{Attr, Attrs};

/// An op a line: its name and its outputs in order. Behind a colon stands the attribute that says how many tensors the
/// output is: a number, or a list.
const OUTPUTS: &str = "\
AnonymousRandomSeedGenerator handle deleter
AnonymousSeedGenerator handle deleter
ApproxTopK values indices
CTCBeamSearchDecoder decoded_indices:top_paths decoded_values:top_paths decoded_shape:top_paths log_probability
CTCGreedyDecoder decoded_indices decoded_values decoded_shape log_probability
CTCLoss loss gradient
CTCLossV2 loss gradient
CombinedNonMaxSuppression nmsed_boxes nmsed_scores nmsed_classes valid_detections
DecodeProtoV2 sizes values:output_types
DecodeWav audio sample_rate
DenseCountSparseOutput output_indices output_values output_dense_shape
DenseToDenseSetOperation result_indices result_values result_shape
DenseToSparseSetOperation result_indices result_values result_shape
DeserializeManySparse sparse_indices sparse_values sparse_shape
DeserializeSparse sparse_indices sparse_values sparse_shape
Eig e v
FusedBatchNorm y batch_mean batch_variance reserve_space_1 reserve_space_2
FusedBatchNormV2 y batch_mean batch_variance reserve_space_1 reserve_space_2
FusedBatchNormV3 y batch_mean batch_variance reserve_space_1 reserve_space_2 reserve_space_3
ListDiff out idx
LogMatrixDeterminant sign log_abs_determinant
LookupTableExport keys values
LookupTableExportV2 keys values
Lu lu p
MaxPoolWithArgmax output argmax
Merge output value_index
NearestNeighbors nearest_center_indices nearest_center_distances
NonMaxSuppressionV4 selected_indices valid_outputs
NonMaxSuppressionV5 selected_indices selected_scores valid_outputs
ParseExample sparse_indices:Nsparse sparse_values:sparse_types sparse_shapes:Nsparse dense_values:Tdense
ParseExampleV2 sparse_indices:num_sparse sparse_values:sparse_types sparse_shapes:num_sparse dense_values:Tdense ragged_values:ragged_value_types ragged_row_splits:ragged_split_types
ParseSingleExample sparse_indices:num_sparse sparse_values:sparse_types sparse_shapes:num_sparse dense_values:Tdense
Qr q r
QuantizeDownAndShrinkRange output output_min output_max
QuantizeV2 output output_min output_max
RaggedCountSparseOutput output_indices output_values output_dense_shape
RaggedCross output_values output_row_splits
RaggedFillEmptyRows output_value_rowids output_values empty_row_indicator reverse_index_map
RaggedGather output_nested_splits:OUTPUT_RAGGED_RANK output_dense_values
RaggedRange rt_nested_splits rt_dense_values
RaggedTensorFromVariant output_nested_splits:output_ragged_rank output_dense_values
RaggedTensorToSparse sparse_indices sparse_values sparse_dense_shape
RefMerge output value_index
RefSwitch output_false output_true
SelfAdjointEigV2 e v
SoftmaxCrossEntropyWithLogits loss backprop
SparseAdd sum_indices sum_values sum_shape
SparseConcat output_indices output_values output_shape
SparseCountSparseOutput output_indices output_values output_dense_shape
SparseCross output_indices output_values output_shape
SparseCrossHashed output_indices output_values output_shape
SparseCrossV2 output_indices output_values output_shape
SparseFillEmptyRows output_indices output_values empty_row_indicator reverse_index_map
SparseReduceMaxSparse output_indices output_values output_shape
SparseReduceSumSparse output_indices output_values output_shape
SparseReorder output_indices output_values
SparseReshape output_indices output_shape
SparseSlice output_indices output_values output_shape
SparseSoftmaxCrossEntropyWithLogits loss backprop
SparseSparseMaximum output_indices output_values
SparseSparseMinimum output_indices output_values
SparseSplit output_indices:num_split output_values:num_split output_shape:num_split
SparseToSparseSetOperation result_indices result_values result_shape
StatelessRandomGetKeyCounter key counter
StatelessRandomGetKeyCounterAlg key counter alg
StringNGrams ngrams ngrams_splits
StringSplit indices values shape
StringSplitV2 indices values shape
Svd s u v
Switch output_false output_true
TensorArrayConcat value lengths
TensorArrayConcatV2 value lengths
TensorArrayConcatV3 value lengths
TensorArrayV3 handle flow
TensorListConcat tensor lengths
TensorListConcatV2 tensor lengths
TensorListPopBack output_handle tensor
TopK values indices
TopKUnique topk topk_indices
TopKV2 values indices
TopKWithUnique topk topk_indices
UnicodeDecode row_splits char_values
UnicodeDecodeWithOffsets row_splits char_values char_to_byte_starts
Unique y idx
UniqueV2 y idx
UniqueWithCounts y idx count
UniqueWithCountsV2 y idx count
_FusedBatchNormEx y batch_mean batch_variance reserve_space_1 reserve_space_2 reserve_space_3
";

/// The op's outputs, by op.
static TABLE: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let line = |line: &'static str| {
        let mut words = line.split(' ');
        Some((words.next()?, words.collect()))
    };
    OUTPUTS.lines().filter_map(line).collect()
});

/// The number of the first tensor of an output.
pub(crate) fn first_port(op: &str, output: &str, attrs: &Attrs) -> Option<usize> {
    let Some(outputs) = TABLE.get(op) else { return Some(0) };
    let mut port = 0;
    for entry in outputs {
        let (name, count) = entry.split_once(':').unwrap_or((entry, ""));
        if name == output {
            return Some(port);
        }
        port += match attrs.get(count) {
            _ if count.is_empty() => 1,
            Some(Attr::Int(n)) => usize::try_from(*n).ok()?,
            Some(Attr::List(list)) => list.types.len(),
            _ => 0,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn outputs_are_counted_through_lists() {
        let attrs: Attrs = Arc::new([("num_sparse".to_owned(), Attr::Int(2))].into_iter().collect());
        assert_eq!(first_port("ParseExampleV2", "sparse_values", &attrs), Some(2));
        assert_eq!(first_port("TopKV2", "indices", &attrs), Some(1));
        assert_eq!(first_port("Relu", "activations", &attrs), Some(0));
        assert_eq!(first_port("TopKV2", "nothing", &attrs), None);
    }
}
