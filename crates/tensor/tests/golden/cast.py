"""Writes cast.txt: values in one dtype and what numpy.astype makes of them in each other.

usage: python cast.py > cast.txt

Lines: `FROM TO VALUES RESULT`, both as little-endian hex. Floats that are NaN or outside the range of an
integer dtype are left out: C leaves their conversion undefined, and NumPy's differs between machines.
"""

import ml_dtypes
import numpy as np

NAMES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64".split()
rng = np.random.default_rng(20)


def dtype(name):
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)


def values(d):
    if d == bool:
        return np.array([True, False])
    if d.kind in "iu":
        i = np.iinfo(d)
        edges = [0, 1, 127, 128, 255, 256, 2049, 32768, 65535, 65536, 16777217, 2**31, 2**53 + 1, 2**63, 2**64 - 1, -1, -128, -129]
        edges += [i.min, i.max] + [int(x) for x in rng.integers(i.min, i.max, 6, dtype=d)]
        return np.array([e for e in edges if i.min <= e <= i.max], d)
    edges = [0.0, -0.0, 0.5, -0.5, 1.0, 1.5, 2.5, -1.75, 0.1, 126.5, 255.99, 256.0, 2049.0, 65504.0, 65520.0, 1e-5, 1e-8]
    edges += [6e-8, 1.00390625, 1.01171875, 16777217.0, 2147483647.0, 1e18, 1e19, 3.4e38, 1e300, np.inf, -np.inf, np.nan]
    edges += list(rng.normal(size=6)) + list(2.0 ** rng.uniform(-30, 60, 6))
    with np.errstate(all="ignore"):
        return np.array(edges).astype(d)


print(f"# numpy {np.__version__}, ml_dtypes {ml_dtypes.__version__}, seed 20, cast.py")
for source in map(dtype, NAMES):
    for target in map(dtype, NAMES):
        v = values(source)
        if source.kind not in "iub" and target.kind in "iu":
            wide = np.trunc(v.real.astype(np.float64))
            i = np.iinfo(target)
            # Strictly inside: the largest 64-bit integers are not floats.
            v = v[(wide >= float(i.min)) & (wide < float(i.max) + (i.bits < 64))]
        if source.kind == "c" or target.kind == "c" or target == bool:
            v = v[~np.isnan(v.real)] if v.dtype.kind not in "iub" else v
        with np.errstate(all="ignore"):
            r = (v.real if source.kind == "c" and target.kind != "b" else v).astype(target)
        print(source.name, target.name, v.tobytes().hex(), r.tobytes().hex())
