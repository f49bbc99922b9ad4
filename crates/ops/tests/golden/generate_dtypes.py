"""Writes dtypes.txt: the dtype that Keras gives for each op and dtypes of its inputs ("-" where it refuses): a line of
results for each op, for ops of two inputs one for each dtype of the first.

Run as `python generate_dtypes.py` with Keras 3.15.1 and TensorFlow 2.21.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
from keras import ops

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 float16 bfloat16 float32 float64".split()
UNARY = (
    "absolute sign floor ceil round trunc sqrt rsqrt reciprocal exp exp2 expm1 log log1p log2 log10 sin arctan sinh "
    "square sigmoid silu relu gelu softplus erf isnan isfinite signbit sinc logical_not negative nan_to_num deg2rad "
    "sum prod mean max min var std any all argmax count_nonzero cumsum cumprod median logsumexp ptp "
    "nansum nanprod nanmean nanmax nanvar nanargmax average"
).split()
BINARY = (
    "add subtract multiply divide floor_divide mod power maximum minimum arctan2 logaddexp hypot equal logical_and "
    "divide_no_nan fmax heaviside isclose"
).split()
CODES = dict(zip(DTYPES, "b i1 i2 i4 i8 u1 u2 u4 f2 bf f4 f8".split()))
lines = []


def result(f):
    try:
        return CODES[keras.backend.standardize_dtype(f().dtype)]
    except Exception:
        return "-"


for name in UNARY:
    f = getattr(ops, name)
    found = [result(lambda: f(ops.cast(np.array([1, 0, 1]), d))) for d in DTYPES]
    lines.append(" ".join([name, *found]))
for name in BINARY:
    f = getattr(ops, name)
    for a in DTYPES:
        x, y = ops.cast(np.array([1, 0, 1]), a), np.array([1, 1, 1])
        found = [result(lambda: f(x, ops.cast(y, b))) for b in DTYPES]
        lines.append(" ".join([name, CODES[a], *found]))
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dtypes.txt")
open(path, "w").write("\n".join(lines) + "\n")
print(len(lines), os.path.getsize(path))
