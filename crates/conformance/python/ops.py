"""Compares Cornet's ops with keras.ops: the same arrays and arguments to both, results within 1e-5.

Usage: python ops.py OPS_CASES [SEED] [NAME ...] [--rounds N]

OPS_CASES is the program `cargo build -p cornet-conformance --bin ops_cases` makes. Needs Keras 3.15.1 with TensorFlow.
Every op of the program's table must have a case here. Prints what differs and the counts; ends with 1 on failure.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import argparse
import subprocess
import sys
import warnings
import zlib

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from _exchange import Folder, deviation

warnings.filterwarnings("ignore")
tf.get_logger().setLevel("ERROR")
TOLERANCE = 1e-5
LOOSE = {"lstsq": 1e-3, "pinv": 1e-3, "inv": 1e-4, "solve": 1e-4, "det": 1e-4, "cholesky_inverse": 1e-4, "eig": 1e-3, "eigh": 1e-4,
         "svd": 1e-4, "logdet": 1e-4, "slogdet": 1e-4, "erfinv": 1e-4, "qr": 1e-4, "lu_factor": 1e-4, "solve_triangular": 1e-4,
         "stft": 1e-4, "istft": 1e-4, "i0": 1e-4, "psnr": 1e-4, "corrcoef": 1e-4, "ctc_loss": 1e-4}


class Draw:
    def __init__(self, rng):
        self.rng = rng

    def shape(self):
        return tuple(int(n) for n in self.rng.integers(2, 5, self.rng.integers(1, 4)))

    def f(self, *shape, scale=1.0):
        return (self.rng.standard_normal(shape or self.shape()) * scale).astype("float32")

    def u(self, low, high, *shape):
        return self.rng.uniform(low, high, shape or self.shape()).astype("float32")

    def i(self, low, high, *shape):
        return self.rng.integers(low, high, shape or self.shape()).astype("int32")

    def b(self, *shape):
        return self.rng.random(shape or self.shape()) < 0.5

    def one(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def distinct(self, *shape):
        n = int(np.prod(shape))
        return (self.rng.permutation(n) - n / 2).astype("float32").reshape(shape)

    def nans(self, *shape):
        x = self.f(*shape)
        x.flat[1] = np.nan
        return x

    def spd(self, n):
        a = self.f(n, n)
        return (a @ a.T + n * np.eye(n)).astype("float32")

    def pair(self):
        a, b = self.one(((3, 4), (4,)), ((2, 1, 3), (2, 4, 1)), ((4,), (4,)), ((2, 3), (2, 3)))
        return self.f(*a), self.f(*b)

    def axis(self):
        return self.one({}, {"axis": 0}, {"axis": -1}, {"axis": 1, "keepdims": True}, {"axis": (0, 2)})


CASES = {}


def case(names, make):
    for name in names.split():
        CASES[name] = make


case("abs absolute angle arctan arcsinh cbrt ceil conj conjugate cos cosh deg2rad rad2deg erf erfc exp exp2 expm1 fabs floor "
     "hard_sigmoid hard_silu hard_swish hard_tanh isreal log_sigmoid negative real imag relu relu6 selu sigmoid sign signbit silu "
     "swish sin sinc sinh softplus softsign sparse_plus sparse_sigmoid square stop_gradient tan tanh tanh_shrink trunc copy array "
     "convert_to_tensor convert_to_numpy i0", lambda d: ([d.f() * 2], {}))
case("arccos arcsin arctanh erfinv", lambda d: ([d.u(-0.95, 0.95)], {}))
case("arccosh", lambda d: ([d.u(1.1, 5)], {}))
case("log log10 log1p log2 sqrt rsqrt reciprocal", lambda d: ([d.u(0.1, 5)], {}))
case("isfinite isinf isnan isneginf isposinf nan_to_num",
     lambda d: ([np.array([1.0, np.nan, np.inf, -np.inf, 0.0, -2.5], "float32")], {}))
case("logical_not", lambda d: ([d.b()], {}))
case("bitwise_invert bitwise_not", lambda d: ([d.i(-9, 9)], {}))
case("add subtract multiply maximum minimum fmax fmin arctan2 hypot logaddexp logaddexp2 heaviside equal not_equal greater "
     "greater_equal less less_equal nextafter", lambda d: (list(d.pair()), {}))
case("divide true_divide mod fmod floor_divide divide_no_nan",
     lambda d: ((lambda a, b: [a, np.where(np.abs(b) < 0.3, np.float32(0.7), b)])(*d.pair()), {}))
case("power", lambda d: ([d.u(0.2, 3, 3, 4), d.f(4)], {}))
case("polar", lambda d: ([d.u(0.1, 3, 3, 4), d.f(3, 4)], {}))
case("ldexp", lambda d: ([d.f(3, 4), d.i(-3, 4, 3, 4)], {}))
case("bitwise_and bitwise_or bitwise_xor gcd lcm", lambda d: ([d.i(1, 40, 3, 4), d.i(1, 40, 3, 4)], {}))
case("bitwise_left_shift bitwise_right_shift left_shift right_shift", lambda d: ([d.i(0, 40, 3, 4), d.i(0, 4, 3, 4)], {}))
case("logical_and logical_or logical_xor", lambda d: ([d.b(3, 4), d.b(3, 4)], {}))
case("round", lambda d: ([d.f(3, 4) * 3], d.one({}, {"decimals": 1}, {"decimals": 2})))
case("clip", lambda d: ([d.f(3, 4)], {"x_min": -0.5, "x_max": 0.7}))
case("celu elu", lambda d: ([d.f(3, 4)], d.one({}, {"alpha": 0.5})))
case("gelu", lambda d: ([d.f(3, 4)], d.one({}, {"approximate": False})))
case("hard_shrink soft_shrink", lambda d: ([d.f(3, 4)], d.one({}, {"threshold": 0.3})))
case("leaky_relu", lambda d: ([d.f(3, 4)], d.one({}, {"negative_slope": 0.4})))
case("squareplus", lambda d: ([d.f(3, 4)], d.one({}, {"b": 2})))
case("threshold", lambda d: ([d.f(3, 4)], {"threshold": 0.2, "default_value": -1.0}))
case("isclose allclose", lambda d: ((lambda x: [x, x + d.one(0, 1e-7, 0.1) * d.b(3, 4).astype("float32")])(d.f(3, 4)), {}))
case("where", lambda d: ([d.b(3, 4), d.f(3, 4), d.f(4)], {}))
case("cast", lambda d: ([d.f(3, 4) * 5], {"dtype": d.one("int32", "float16", "bool", "float64")}))
case("saturate_cast", lambda d: ([d.f(3, 4) * 300], {"dtype": d.one("int8", "uint8")}))
case("view", lambda d: ([d.f(3, 4)], {"dtype": "int32"}))
case("view_as_real", lambda d: ([(d.f(3, 4) + 1j * d.f(3, 4)).astype("complex64")], {}))
case("view_as_complex", lambda d: ([d.f(3, 2)], {}))
case("digitize", lambda d: ([d.f(3, 4), np.array([-1.0, 0.0, 0.8], "float32")], {}))
case("all any", lambda d: ([d.b(2, 3, 4)], d.axis()))
case("amax amin max min logsumexp mean prod sum std var ptp", lambda d: ([d.f(2, 3, 4)], d.axis()))
case("median", lambda d: ([d.f(2, 3, 4)], d.one({}, {"axis": 1}, {"axis": -1, "keepdims": True})))
case("nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar", lambda d: ([d.nans(3, 4)], d.one({}, {"axis": 0}, {"axis": -1})))
case("argmax argmin", lambda d: ([d.distinct(2, 3, 4)], d.one({}, {"axis": 0}, {"axis": -1}, {"axis": 1, "keepdims": True})))
case("nanargmax nanargmin", lambda d: ([d.nans(3, 4)], d.one({}, {"axis": 0}, {"axis": -1})))
case("cumprod cumsum", lambda d: ([d.f(2, 3, 4)], d.one({}, {"axis": 0}, {"axis": -1})))
case("nancumprod nancumsum", lambda d: ([d.nans(3, 4)], d.one({}, {"axis": 0}, {"axis": -1})))
case("percentile nanpercentile", lambda d: ([d.f(3, 5)], {"q": d.one(30.0, 50.0, 92.0), **d.one({}, {"axis": 0}, {"axis": -1})}))
case("quantile nanquantile", lambda d: ([d.f(3, 5)], {"q": d.one(0.3, 0.5), "method": d.one("linear", "lower", "higher"),
                                                     **d.one({}, {"axis": 0})}))
case("segment_max segment_min segment_prod segment_sum",
     lambda d: ([d.f(6, 2), np.array([0, 0, 1, 2, 2, 2], "int32")], {"num_segments": 3}))
case("argsort sort", lambda d: ([d.distinct(3, 4)], d.one({}, {"axis": 0})))
case("softmax log_softmax", lambda d: ([d.f(2, 3, 4)], d.one({}, {"axis": 1})))
case("sparsemax", lambda d: ([d.f(3, 4)], {}))
case("glu", lambda d: ([d.f(2, 4, 6)], d.one({}, {"axis": 1})))
case("average", lambda d: ([d.f(3, 4)], d.one({}, {"axis": 0})))
case("count_nonzero", lambda d: ([d.i(0, 2, 3, 4)], d.one({}, {"axis": 0})))
case("moments", lambda d: ([d.f(3, 4)], {"axes": d.one((0,), (0, 1)), "keepdims": d.one(True, False)}))
case("bincount", lambda d: ([d.i(0, 6, 9)], d.one({}, {"minlength": 9})))
case("histogram", lambda d: ([d.f(30)], {"bins": d.one(4, 10)}))
case("corrcoef", lambda d: ([d.f(3, 8)], {}))
case("correlate", lambda d: ([d.f(7), d.f(3)], {"mode": d.one("valid", "same", "full")}))
case("diff", lambda d: ([d.f(3, 5)], d.one({}, {"axis": 0}, {"n": 2})))
case("trapezoid", lambda d: ([d.f(3, 5)], d.one({}, {"dx": 0.5}, {"axis": 0})))
case("searchsorted", lambda d: ([np.sort(d.f(6)), d.f(4)], {"side": d.one("left", "right")}))
case("isin", lambda d: ([d.i(0, 9, 3, 4), d.i(0, 9, 4)], d.one({}, {"invert": True})))
case("unique", lambda d: ([d.i(0, 6, 12)], {}))
case("top_k", lambda d: ([d.distinct(3, 6)], {"k": d.one(1, 3)}))
case("in_top_k", lambda d: ([d.i(0, 5, 4), d.distinct(4, 5)], {"k": 2}))
case("argpartition", lambda d: ([d.distinct(3, 2)], {"kth": 1}))
case("fliplr flipud ravel", lambda d: ([d.f(3, 4)], {}))
case("append", lambda d: ([d.f(3, 4), d.f(2, 4)], d.one({}, {"axis": 0})))
case("array_split", lambda d: ([d.f(7, 4)], {"indices_or_sections": 3}))
case("broadcast_to", lambda d: ([d.f(1, 4)], {"shape": (3, 4)}))
case("concatenate", lambda d: ([d.f(2, 4), d.f(3, 4)], {"axis": 0}))
case("stack", lambda d: ([d.f(3, 4), d.f(3, 4)], {"axis": d.one(0, 1, -1)}))
case("hstack vstack dstack", lambda d: ([d.f(3, 4), d.f(3, 4)], {}))
case("split", lambda d: ([d.f(6, 4)], {"indices_or_sections": d.one(3, [1, 4]), "axis": 0}))
case("hsplit", lambda d: ([d.f(3, 4)], {"indices_or_sections": 2}))
case("vsplit", lambda d: ([d.f(4, 3)], {"indices_or_sections": 2}))
case("dsplit", lambda d: ([d.f(2, 3, 4)], {"indices_or_sections": 2}))
case("unstack", lambda d: ([d.f(3, 4)], {"axis": d.one(0, 1)}))
case("expand_dims", lambda d: ([d.f(3, 4)], {"axis": d.one(0, 1, -1)}))
case("squeeze", lambda d: ([d.f(1, 4, 1)], d.one({}, {"axis": 0})))
case("flip", lambda d: ([d.f(3, 4)], d.one({}, {"axis": 1})))
case("moveaxis", lambda d: ([d.f(2, 3, 4)], {"source": 0, "destination": 2}))
case("swapaxes", lambda d: ([d.f(2, 3, 4)], {"axis1": 0, "axis2": 2}))
case("transpose", lambda d: ([d.f(2, 3, 4)], d.one({}, {"axes": (1, 2, 0)})))
case("reshape", lambda d: ([d.f(3, 4)], {"newshape": d.one((2, 6), (-1, 3))}))
case("repeat", lambda d: ([d.f(3, 4)], {"repeats": 2, **d.one({}, {"axis": 0})}))
case("tile", lambda d: ([d.f(3, 4)], {"repeats": (2, 3)}))
case("roll", lambda d: ([d.f(3, 4)], {"shift": 2, **d.one({}, {"axis": 1})}))
# Square: Keras with TensorFlow turns others by 180 degrees wrongly.
case("rot90", lambda d: ([d.f(4, 4)], {"k": d.one(1, 2, 3)}))
case("pad", lambda d: ([d.f(3, 4)], {"pad_width": ((1, 2), (0, 1)), **d.one({}, {"mode": "reflect"}, {"mode": "symmetric"},
                                                                         {"constant_values": 2.0})}))
case("diag diagflat", lambda d: ([d.f(4)], {"k": d.one(0, 1, -1)}))
case("diagonal trace tril triu", lambda d: ([d.f(4, 4)], {}))
case("meshgrid", lambda d: ([d.f(3), d.f(4)], {"indexing": d.one("xy", "ij")}))
case("rearrange", lambda d: ([d.f(2, 3, 4)], {"pattern": "a b c -> a (b c)"}))
case("depth_to_space", lambda d: ([d.f(1, 2, 2, 8)], {"block_size": 2}))
case("space_to_depth", lambda d: ([d.f(1, 4, 4, 2)], {"block_size": 2}))
case("shape ndim size zeros_like ones_like", lambda d: ([d.f(3, 4)], {}))
case("bartlett blackman hamming hanning", lambda d: ([np.int32(d.one(5, 8))], {}))
case("kaiser", lambda d: ([np.int32(7)], {"beta": 3.5}))
case("arange", lambda d: ([], {"start": 1.0, "stop": 4.0, "step": 0.5, "dtype": "float32"}))
case("linspace logspace", lambda d: ([], {"start": 0.5, "stop": 2.0, "num": 7, "endpoint": d.one(True, False)}))
case("geomspace", lambda d: ([], {"start": 0.5, "stop": 8.0, "num": 5}))
case("eye tri", lambda d: ([], {"N": 3, "M": 4, "k": d.one(0, 1, -1), "dtype": "float32"}))
case("identity", lambda d: ([], {"n": 3, "dtype": "float32"}))
case("full", lambda d: ([], {"shape": (2, 3), "fill_value": 1.5, "dtype": "float32"}))
case("full_like", lambda d: ([d.f(3, 4)], {"fill_value": 2.0}))
case("zeros ones", lambda d: ([], {"shape": (2, 3), "dtype": d.one("float32", "int32")}))
case("vander", lambda d: ([d.f(4)], d.one({}, {"N": 3}, {"increasing": True})))
case("take", lambda d: ([d.f(5, 4), d.i(0, 4, 3)], d.one({}, {"axis": 0}, {"axis": 1})))
case("take_along_axis", lambda d: ([d.f(3, 4), d.i(0, 3, 3, 4)], d.one({"axis": 0}, {"axis": 1})))
case("get_item", lambda d: ([d.f(3, 4)], {"key": d.one(0, 2, -1)}))
case("one_hot", lambda d: ([d.i(0, 5, 3, 4)], {"num_classes": 5, "dtype": "float32"}))
case("multi_hot", lambda d: ([d.i(0, 5, 3, 4)], {"num_classes": 5, "dtype": "float32"}))
case("scatter", lambda d: ([np.array([[0], [2], [2]], "int32"), d.f(3)], {"shape": (4,)}))
case("scatter_update", lambda d: ([d.f(4, 3), np.array([[0, 1], [2, 2]], "int32"), d.f(2)],
                                  d.one({}, {"reduction": "add"}, {"reduction": "max"})))
case("slice", lambda d: ([d.f(4, 5)], {"start_indices": [1, 2], "shape": [2, 3]}))
case("slice_update", lambda d: ([d.f(4, 5), d.f(2, 3)], {"start_indices": [1, 2]}))
case("nonzero", lambda d: ([d.i(0, 2, 3, 4)], {}))
case("unravel_index", lambda d: ([d.i(0, 12, 5)], {"shape": (3, 4)}))
case("select", lambda d: ([d.b(3, 4), d.b(3, 4), d.f(3, 4), d.f(3, 4)], {"default": 2.0}))
case("extract_sequences", lambda d: ([d.f(2, 12)], {"sequence_length": 4, "sequence_stride": 3}))
case("det inv logdet slogdet", lambda d: ([d.spd(3)], {}))
case("cholesky", lambda d: ([d.spd(4)], d.one({}, {"upper": True})))
case("cholesky_inverse", lambda d: ([np.linalg.cholesky(d.spd(3)).astype("float32")], {}))
case("eigh eig lu_factor", lambda d: ([d.spd(4)], {}))
case("qr svd", lambda d: ([d.f(4, 3)], {}))
case("lstsq", lambda d: ([d.f(5, 3), d.f(5, 2)], {}))
case("pinv matrix_rank", lambda d: ([d.f(4, 3)], {}))
case("solve", lambda d: ([d.spd(3), d.f(3, 2)], {}))
case("solve_triangular", lambda d: ([np.tril(d.spd(3)), d.f(3, 2)], {"lower": True}))
case("cdist", lambda d: ([d.f(4, 3), d.f(5, 3)], {}))
case("dot matmul", lambda d: ([d.f(3, 4), d.f(4, 2)], {}))
case("inner", lambda d: ([d.f(3, 4), d.f(2, 4)], {}))
case("kron outer", lambda d: ([d.f(2, 3), d.f(3, 2)], {}))
case("vdot", lambda d: ([d.f(3, 4), d.f(3, 4)], {}))
case("cross", lambda d: ([d.f(4, 3), d.f(4, 3)], {}))
case("einsum", lambda d: ([d.f(3, 4), d.f(4, 2)], {"subscripts": "ij,jk->ki"}))
case("tensordot", lambda d: ([d.f(2, 3, 4), d.f(3, 4, 2)], {"axes": 2}))
case("norm", lambda d: ([d.f(3, 4)], d.one({}, {"ord": "fro"}, {"ord": 1, "axis": 0}, {"ord": 2, "axis": -1}, {"ord": "nuc"})))
case("normalize", lambda d: ([d.f(3, 4)], d.one({}, {"axis": 0}, {"order": 1})))
case("fft", lambda d: ([d.f(3, 8), d.f(3, 8)], {}))
case("fft2 ifft2", lambda d: ([d.f(4, 8), d.f(4, 8)], {}))
case("rfft", lambda d: ([d.f(3, 8)], d.one({}, {"fft_length": 16})))
case("irfft", lambda d: ([d.f(3, 5), d.f(3, 5)], {}))
case("stft", lambda d: ([d.f(2, 40)], {"sequence_length": 8, "sequence_stride": 4, "fft_length": 8}))
case("istft", lambda d: ([d.f(2, 9, 5), d.f(2, 9, 5)], {"sequence_length": 8, "sequence_stride": 4, "fft_length": 8}))
case("average_pool max_pool", lambda d: ([d.distinct(2, 6, 5, 3)], {"pool_size": (2, 2), "strides": d.one((1, 1), (2, 2)),
                                                                   "padding": d.one("valid", "same")}))
case("adaptive_average_pool adaptive_max_pool", lambda d: ([d.distinct(2, 6, 5, 3)], {"output_size": (3, 2), "data_format": "channels_last"}))
case("conv", lambda d: ([d.f(2, 6, 5, 3), d.f(2, 3, 3, 4)], {"strides": d.one(1, 2), "padding": d.one("valid", "same")}))
case("conv_transpose", lambda d: ([d.f(2, 4, 3, 3), d.f(2, 2, 4, 3)], {"strides": 2, "padding": d.one("valid", "same")}))
case("depthwise_conv", lambda d: ([d.f(2, 6, 5, 3), d.f(2, 2, 3, 2)], {"strides": d.one(1, 2), "padding": "same"}))
case("separable_conv", lambda d: ([d.f(2, 6, 5, 3), d.f(2, 2, 3, 2), d.f(1, 1, 6, 4)], {"padding": "same"}))
case("batch_normalization", lambda d: ([d.f(3, 4), d.f(4), d.u(0.5, 2, 4)], {"axis": -1}))
case("layer_normalization", lambda d: ([d.f(3, 4), d.f(4), d.f(4)], {"epsilon": 1e-3}))
case("rms_normalization", lambda d: ([d.f(3, 4), d.f(4)], {"epsilon": 1e-6}))
case("binary_crossentropy", lambda d: ([d.b(3, 4).astype("float32"), d.u(0.05, 0.95, 3, 4)], {}))
case("categorical_crossentropy", lambda d: ([np.eye(4, dtype="float32")[:3], d.f(3, 4)], {"from_logits": True}))
case("sparse_categorical_crossentropy", lambda d: ([d.i(0, 4, 3), d.f(3, 4)], {"from_logits": True}))
case("dot_product_attention", lambda d: ([d.f(2, 4, 2, 3), d.f(2, 4, 2, 3), d.f(2, 4, 2, 3)], {"is_causal": d.one(False, True)}))
case("ctc_loss", lambda d: ([d.i(1, 5, 2, 3), d.f(2, 8, 6), np.array([3, 2], "int32"), np.array([8, 7], "int32")], {}))
case("ctc_decode", lambda d: ([d.f(2, 8, 6), np.array([8, 7], "int32")], {}))
case("psnr", lambda d: ([d.u(0, 1, 4, 4), d.u(0, 1, 4, 4)], {"max_val": 1.0}))
case("unfold", lambda d: ([d.f(2, 3, 5, 5)], {"kernel_size": 2, **d.one({}, {"stride": 2}, {"padding": 1})}))
case("fold", lambda d: ([d.f(2, 12, 9)], {"output_size": 4, "kernel_size": 2}))
case("cond switch fori_loop while_loop map vectorized_map scan associative_scan", lambda d: ([d.f(4, 3)], {}))


def truth(x):
    return ops.sum(x) > 0


CALLS = {
    # What Keras takes in another way than arrays first and then arguments by name.
    "concatenate": lambda x, a: ops.concatenate(x, **a), "stack": lambda x, a: ops.stack(x, **a),
    "hstack": lambda x, a: ops.hstack(x), "vstack": lambda x, a: ops.vstack(x), "dstack": lambda x, a: ops.dstack(x),
    "select": lambda x, a: ops.select(x[:2], x[2:], **a), "meshgrid": lambda x, a: ops.meshgrid(*x, **a),
    "einsum": lambda x, a: ops.einsum(a["subscripts"], *x), "fft": lambda x, a: ops.fft((x[0], x[1])),
    "fft2": lambda x, a: ops.fft2((x[0], x[1])), "ifft2": lambda x, a: ops.ifft2((x[0], x[1])),
    "irfft": lambda x, a: ops.irfft((x[0], x[1]), **a), "istft": lambda x, a: ops.istft((x[0], x[1]), **a),
    "eigh": lambda x, a: ops.eigh(x[0])[0], "eig": lambda x, a: ops.sort(ops.real(ops.eig(x[0])[0])),
    "lu_factor": lambda x, a: ops.lu_factor(x[0])[0], "svd": lambda x, a: ops.svd(x[0])[1],
    "qr": lambda x, a: (lambda q, r: (ops.matmul(q, r), ops.abs(r)))(*ops.qr(x[0])), "ctc_decode": lambda x, a: ops.ctc_decode(*x, **a)[0],
    "shape": lambda x, a: np.array(ops.shape(x[0]), "int32"), "get_item": lambda x, a: x[0][a["key"]],
    "slice": lambda x, a: ops.slice(x[0], **a), "slice_update": lambda x, a: ops.slice_update(x[0], a["start_indices"], x[1]),
    "size": lambda x, a: np.array(ops.size(x[0]), "int32"), "ndim": lambda x, a: np.array(ops.ndim(x[0]), "int32"),
    "cond": lambda x, a: ops.cond(truth(x[0]), lambda: x[0] * 2, lambda: x[0] - 1),
    "switch": lambda x, a: ops.switch(1, [lambda v: v, ops.square], x[0]),
    "fori_loop": lambda x, a: ops.fori_loop(0, 4, lambda i, v: v * 1.5 + 1, x[0]),
    "while_loop": lambda x, a: ops.while_loop(lambda v: ops.sum(v) < 50, lambda v: (ops.abs(v) + 1,), (x[0],), maximum_iterations=100)[0],
    "map": lambda x, a: ops.map(ops.square, x[0]), "vectorized_map": lambda x, a: ops.vectorized_map(ops.square, x[0]),
    "scan": lambda x, a: ops.scan(lambda c, v: (c + v, c * 2), ops.zeros_like(x[0][0]), x[0]),
    "associative_scan": lambda x, a: ops.associative_scan(ops.add, x[0]),
    "linspace": lambda x, a: ops.linspace(**a, dtype="float32"), "logspace": lambda x, a: ops.logspace(**a, dtype="float32"),
    "geomspace": lambda x, a: ops.geomspace(**a, dtype="float32"),
}
SORTED = {"eig"}
"""Results without an order."""


def flat(value):
    if isinstance(value, (list, tuple)):
        return [leaf for inner in value for leaf in flat(inner)]
    return [np.asarray(keras.ops.convert_to_numpy(value))]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    seed = int(options.words.pop(0)) if options.words and options.words[0].isdigit() else 0
    there = subprocess.run([options.program, "--names"], check=True, capture_output=True, text=True).stdout.split()
    chosen = options.words or there
    failures = [f"{name}: no case" for name in chosen if name not in CASES]
    failures += [f"{name}: a case, but not in Cornet's table" for name in CASES if name not in there]
    folder, expected = Folder(), {}
    for name in chosen:
        for number in range(options.rounds if name in CASES else 0):
            draw = Draw(np.random.default_rng([seed, zlib.crc32(name.encode()), number]))
            x, named = CASES[name](draw)
            key = f"{name}-{number}"
            try:
                tensors = [tf.constant(v) for v in x]
                call = CALLS.get(name, lambda t, a: getattr(ops, name)(*t, **a))
                expected[key] = flat(call(tensors, named))
            except Exception as error:
                failures.append(f"{key}: Keras cannot compute it: {type(error).__name__}: {str(error)[:200]}")
                continue
            folder.cases.append({"id": key, "op": name, "inputs": [folder.array(v) for v in x], "named": named})
    facts, arrays = folder.run(options.program)
    largest = 0.0
    for key, values in expected.items():
        name = key.rpartition("-")[0]
        if facts[key]["error"]:
            failures.append(f"{key}: {facts[key]['error']}".replace("\n", " "))
            continue
        found = [arrays[key][f"output {i}"] for i in range(len(arrays[key]))]
        if len(found) != len(values):
            failures.append(f"{key}: {len(values)} results expected, {len(found)} found")
            continue
        for i, (own, value) in enumerate(zip(found, values)):
            if name in SORTED:
                own = np.sort(np.real(own))
            off = deviation(own, value)
            largest = max(largest, off if np.isfinite(off) and name not in LOOSE else 0.0)
            if not off <= LOOSE.get(name, TOLERANCE):
                failures.append(f"{key} result {i}: off by {off:.1e}; expected {value.dtype}{value.shape}, found {own.dtype}{own.shape}")
    for line in failures:
        print("FAIL", line)
    print(f"{len({k.rpartition('-')[0] for k in expected})} ops of keras.ops compared in {len(expected)} cases, {len(failures)} failures, "
          f"largest deviation {largest:.1e}")
    sys.exit(1 if failures else 0)


main()
