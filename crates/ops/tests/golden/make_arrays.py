"""Results of keras.ops on small fixed arrays; of NumPy where Keras has no such mode, or a fault (vander, rot90).

Run with Keras 3.15.1 and TensorFlow 2.21: `python make_arrays.py > arrays.txt`. One line a result: name, dtype, shape,
values."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
from keras import ops as k

print(f"# keras {keras.__version__}")
i = np.arange(24, dtype="int32").reshape(2, 3, 4)
m = np.array([[3.0, -1.0, 2.5, 2.5], [0.5, 7.0, -4.0, 0.5], [1.0, 1.0, 6.0, -2.0]], "float32")
v = np.array([4, 1, 3, 1, 2], "int32")
w = np.array([0.5, 1.0, 1.5, 2.0, 2.5], "float32")


def show(name, *results):
    for n, r in enumerate(results):
        r = np.asarray(r)
        values = r.astype("int64") if r.dtype.kind in "bui" else r
        text = " ".join(repr(x) for x in values.ravel().tolist())
        print(f"{name}.{n}|{r.dtype}|{','.join(map(str, r.shape))}|{text}")


show("eye", k.eye(3, 4, k=1), k.eye(3, 2, k=-1, dtype="int32"), k.identity(2))
show("arange", k.arange(2, 11, 3), k.arange(5, 0, -2), k.arange(0.0, 1.0, 0.25))
show("linspace", k.linspace(0, 1, 5), k.linspace(2, 3, 4, endpoint=False), k.linspace(0, 10, 4, dtype="int32"))
show("logspace", k.logspace(0, 3, 4), k.logspace(0, 4, 3, base=2), k.geomspace(1, 1000, 4))
show("one_hot", k.one_hot(np.array([0, 2, -1, 3]), 3), k.one_hot(np.array([[0, 1]]), 2, axis=1, dtype="int32"))
show("multi_hot", k.multi_hot(np.array([0, 2, 2]), 4), k.multi_hot(np.array([[0, 2], [1, 1]]), 3))
show("diag", k.diag(w, 0), k.diag(w[:2], 1), k.diag(w[:2], -2), k.diag(m, 1), k.diag(m, -1))
show("diagonal", k.diagonal(i, 1, 0, 2), k.diagonal(i, -1, 1, 2), k.diagflat(m[:2, :2], 1))
show("tri", k.tri(3, 4, 1), k.tril(m, -1), k.triu(i, 1))
show("meshgrid", *k.meshgrid(w[3:], w[:3]), *k.meshgrid(w[3:], w[:3], indexing="ij"))
show("vander", np.vander(w[:3]).astype("float32"), np.vander(w[:3], 2, increasing=True).astype("float32"))
show("pad", k.pad(m, ((1, 2), (0, 1)), constant_values=7), k.pad(m, ((1, 1), (2, 1)), mode="reflect"))
show("pad_symmetric", k.pad(m, ((3, 1), (2, 4)), mode="symmetric"))
show("pad_numpy", np.pad(v, (7, 6), mode="reflect"), np.pad(v, (7, 6), mode="wrap"), np.pad(v, (2, 1), mode="edge"))
show("tile", k.tile(v[:2], (2, 2)), k.tile(m[:2, :2], 2), k.tile(i[:1, :1], (2, 1, 1, 2)))
show("repeat", k.repeat(v, 2), k.repeat(m, 2, axis=0), k.repeat(m[:2, :2], np.array([1, 3]), axis=1))
show("roll", k.roll(v, 2), k.roll(m, -1, axis=1), k.roll(m, 2), k.roll(i, (1, 2), axis=(0, 2)))
show("flip", k.flip(m), k.flip(m, 1), k.fliplr(m) if hasattr(k, "fliplr") else m)
show("rot90", k.rot90(m), np.rot90(m, 2), k.rot90(m, 3), k.rot90(i, 1, axes=(2, 0)))
show("moveaxis", k.moveaxis(i, 0, -1), k.moveaxis(i, (0, 1), (2, 0)), k.swapaxes(i, 0, 2))
show("stack", k.stack([v, v], 1), k.hstack([v, v]), k.vstack([v, v]), k.dstack([m, m]), k.hstack([m, m]))
show("append", k.append(v, w), k.append(m, m, axis=1))
show("split", *k.split(m, 2, axis=1), *k.split(m, [1, 3], axis=1), *k.array_split(v, 3))
show("take", k.take(m, [2, -3], axis=0), k.take(m, [[0, 3], [1, -1]], axis=1), k.take(m, [0, 11, -1]))
show("take_along_axis", k.take_along_axis(m, np.array([[1], [3], [0]]), axis=1), k.take_along_axis(m, k.argsort(m, axis=0), axis=0))
at = np.array([[0, 1], [2, 3], [0, 1]])
up = np.array([5.0, 6.0, 2.0], "float32")
show("scatter", k.scatter(at, up, (3, 4)), k.scatter_update(m, at[:2], up[:2]))
show("scatter_modes", *(k.scatter_update(m, at, up, reduction=r) for r in ["add", "max", "min", "mul"]))
show("slice", k.slice(i, [0, 1, 1], [2, 2, 2]), k.slice_update(m, [1, 2], np.full((2, 2), 9, "float32")))
show("index", i[1:, ::2], i[::-1, 1, ..., None], i[..., -1], i[:, -2:, 3:0:-2], i[1][:, [0, 2, 2]].T)
show("segment", k.segment_sum(w, v, 5), k.segment_sum(m, np.array([1, 0, 1])), k.segment_prod(w, v, 5))
show("segment_extreme", k.segment_max(w[:4], np.array([0, 1, 1, 0])), k.segment_min(v, np.array([1, 0, 1, 0, 1])))
show("nonzero", *k.nonzero(m > 1))
show("sort", k.sort(m), k.sort(m, axis=0), k.argsort(m), k.argsort(m, axis=0))
show("top_k", *k.top_k(m, 2), k.in_top_k(np.array([0, 2, 1]), m, 2))
show("searchsorted", k.searchsorted(w, [0.0, 1.0, 2.2, 9.0]), k.searchsorted(w, [1.0, 2.5], side="right"))
show("digitize", k.digitize(m, np.array([0.0, 1.0, 2.5], "float32")))
show("bincount", k.bincount(v), k.bincount(v, minlength=7), k.bincount(v, weights=w), k.bincount(np.array([[0, 1, 1], [3, 1, 0]])))
show("histogram", *k.histogram(m.ravel(), 4), *k.histogram(m.ravel(), 3, (-2.0, 3.0)))
u = k.unique(v, return_index=True, return_inverse=True, return_counts=True)
show("unique", *u, k.unique(v, size=6), k.unique(np.array([[1, 2], [0, 5], [1, 2]]), axis=0))
show("isin", k.isin(v, [1, 4]), k.isin(v, [1, 4], invert=True))
show("unravel_index", *k.unravel_index(np.array([0, 7, 23, -1]), (2, 3, 4)))
