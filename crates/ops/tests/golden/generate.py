"""Writes keras.npz: what Keras gives for the cases of tests/keras.rs.

Run as `python generate.py` with Keras 3.15.1 and TensorFlow 2.21.
Inputs are computed by `ramp` here and in the test alike, so only results are stored.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import keras
import numpy as np
import tensorflow as tf
from keras import ops

out = {}


def ramp(shape, seed=0, dtype="float32"):
    n = int(np.prod(shape, dtype=np.int64))
    i = np.arange(n, dtype=np.int64)
    return (((i * 7919 + seed * 104729) % 2003) / 1001.5 - 1.0).astype(dtype).reshape(shape)


def put(name, value):
    if isinstance(value, (tuple, list)):
        for i, v in enumerate(value):
            put(f"{name}.{i}", v)
        return
    value = np.asarray(ops.convert_to_numpy(value))
    assert name not in out, name
    out[name] = value


def with_gradients(name, f, *xs):
    xs = [tf.constant(x) for x in xs]
    with tf.GradientTape() as tape:
        for x in xs:
            tape.watch(x)
        y = f(*xs)
        weighted = tf.reduce_sum(y * tf.constant(ramp(y.shape, 9)))
    put(name, y)
    for i, g in enumerate(tape.gradient(weighted, xs)):
        put(f"{name}.grad{i}", g)


def convolutions():
    x1, x2, x3 = ramp((2, 9, 4), 1), ramp((2, 7, 8, 4), 1), ramp((1, 5, 4, 6, 2), 1)
    k1, k2, k3 = ramp((3, 4, 5), 2), ramp((3, 2, 4, 6), 2), ramp((2, 3, 2, 2, 3), 2)
    with_gradients("conv.1d.same", lambda x, k: ops.conv(x, k, 2, "same"), x1, k1)
    with_gradients("conv.1d.dilated", lambda x, k: ops.conv(x, k, 1, "same", dilation_rate=2), x1, k1)
    with_gradients("conv.2d.valid", lambda x, k: ops.conv(x, k), x2, k2)
    with_gradients("conv.2d.same.strided", lambda x, k: ops.conv(x, k, (2, 3), "same"), x2, k2)
    with_gradients("conv.3d.same", lambda x, k: ops.conv(x, k, 2, "same"), x3, k3)
    put("conv.2d.grouped", ops.conv(x2, ramp((3, 3, 2, 6), 2), 1, "same"))
    put("conv.2d.first", ops.conv(x2.transpose(0, 3, 1, 2), k2, 1, "same", data_format="channels_first"))
    depth = ramp((3, 3, 4, 2), 2)
    with_gradients("depthwise.2d", lambda x, k: ops.depthwise_conv(x, k, 1, "same"), x2, depth)
    put("depthwise.2d.strided", ops.depthwise_conv(x2, depth, 2, "same"))
    put("depthwise.2d.dilated", ops.depthwise_conv(x2, depth, 1, "valid", dilation_rate=2))
    put("depthwise.1d", ops.depthwise_conv(x1, ramp((3, 4, 2), 2), 2, "same"))
    put("separable.2d", ops.separable_conv(x2, depth, ramp((1, 1, 8, 3), 3), 2, "same"))
    for pad in ("valid", "same"):
        for stride in (1, 2, 3):
            for k in (1, 2, 3, 4):
                kernel = ramp((k, 3, 4), 2)
                put(f"conv_transpose.{pad}.{stride}.{k}", ops.conv_transpose(x1, kernel, stride, pad))
    put("conv_transpose.extra.same", ops.conv_transpose(x1, ramp((3, 3, 4), 2), 3, "same", output_padding=1))
    put("conv_transpose.extra.valid", ops.conv_transpose(x1, ramp((3, 3, 4), 2), 3, "valid", output_padding=2))
    with_gradients("conv_transpose.2d", lambda x, k: ops.conv_transpose(x, k, 2, "same"), x2, ramp((3, 3, 5, 4), 2))


def pools():
    x1, x2, x3 = ramp((2, 9, 4), 1), ramp((2, 7, 8, 4), 1), ramp((1, 5, 4, 6, 2), 1)
    for name, f in (("max", ops.max_pool), ("average", ops.average_pool)):
        with_gradients(f"{name}_pool.2d.valid", lambda x: f(x, 2), x2)
        with_gradients(f"{name}_pool.2d.same", lambda x: f(x, 3, 2, "same"), x2)
        put(f"{name}_pool.1d", f(x1, 3, 1, "same"))
        put(f"{name}_pool.3d", f(x3, (2, 3, 2), (1, 2, 3), "same"))
        put(f"{name}_pool.first", f(x2.transpose(0, 3, 1, 2), 2, 1, "valid", "channels_first"))
    # Ties: the first maximum takes the gradient.
    with_gradients("max_pool.ties", lambda x: ops.max_pool(x, 2, 1), np.round(x2))
    for size in (3, 4, 7):  # TensorFlow divides by zero at 1.
        put(f"adaptive.average.{size}", ops.adaptive_average_pool(tf.constant(x2), size, data_format="channels_last"))
        put(f"adaptive.max.{size}", ops.adaptive_max_pool(tf.constant(x2), size, data_format="channels_last"))
    put("adaptive.average.1d", ops.adaptive_average_pool(tf.constant(x1), 5, data_format="channels_last"))
    put("adaptive.max.3d", ops.adaptive_max_pool(tf.constant(x3), (2, 3, 4), data_format="channels_last"))


def losses():
    logits, soft = 4 * ramp((6, 5), 1), np.abs(ramp((6, 5), 2)) + 0.01
    p = np.asarray(tf.nn.softmax(logits))
    target = soft / soft.sum(-1, keepdims=True)
    labels = np.array([0, 4, 2, 2, 1, 3], "int32")
    wide = np.array([[1e-9, 0.3, 0.7], [0.0, 0.0, 1.0], [0.2, 0.2, 0.2]], "float32")
    hot = np.eye(3, dtype="float32")
    with_gradients("softmax", lambda x: ops.softmax(x), logits)
    put("softmax.axes", ops.softmax(ramp((2, 3, 4), 1), axis=(0, 2)))
    with_gradients("log_softmax", lambda x: ops.log_softmax(x, axis=0), logits)
    with_gradients("categorical.logits", lambda x: ops.categorical_crossentropy(target, x, True), logits)
    with_gradients("categorical.p", lambda x: ops.categorical_crossentropy(target, x), p)
    put("categorical.clipped", ops.categorical_crossentropy(hot, wide))
    with_gradients("categorical.softmax", lambda x: ops.categorical_crossentropy(target, ops.softmax(x)), 30 * logits)
    with_gradients("sparse.logits", lambda x: ops.sparse_categorical_crossentropy(labels, x, True), logits)
    with_gradients("sparse.p", lambda x: ops.sparse_categorical_crossentropy(labels, x), p)
    put("sparse.clipped", ops.sparse_categorical_crossentropy(np.array([[0], [1], [2]]), wide))
    with_gradients("sparse.softmax", lambda x: ops.sparse_categorical_crossentropy(labels, ops.softmax(x)), 30 * logits)
    with_gradients("binary.logits", lambda x: ops.binary_crossentropy(np.abs(soft), x, True), logits)
    with_gradients("binary.p", lambda x: ops.binary_crossentropy(target, x), p)
    put("binary.clipped", ops.binary_crossentropy(hot, np.array([[0, 1, 1], [0, 1, 0], [1e-9, 0.5, 1]], "float32")))


def products():
    a, b, c = ramp((2, 3, 4), 1), ramp((4, 3, 5), 2), ramp((2, 5), 3)
    for i, equation in enumerate(EINSUM_PAIRS):
        with_gradients(f"einsum.{i}", lambda x, y: ops.einsum(equation, x, y), a, b)
    q = ramp((2, 3, 2, 4), 1)
    with_gradients("einsum.attention", lambda x, y: ops.einsum("BTNH,BSNH->BNTS", x, y), q, ramp((2, 5, 2, 4), 2))
    put("einsum.three", ops.einsum("abc,cbd,ad->b", a, b, c))
    put("einsum.ellipsis", ops.einsum("...bc,cbd->...d", a, b))
    put("einsum.broadcast", np.einsum("...ab,...bc->...ac", ramp((3, 1, 2, 4), 1), ramp((5, 4, 2), 2)))
    put("einsum.trace", np.einsum("ijij->j", ramp((3, 4, 3, 4), 1)))
    put("einsum.implicit", ops.einsum("cab,bad", np.ascontiguousarray(a.transpose(2, 1, 0)), ramp((2, 3, 3), 2)))
    put("tensordot.2", ops.tensordot(a, ramp((3, 4, 2), 2), 2))
    put("tensordot.axes", ops.tensordot(a, b, [[2, 1], [0, 1]]))
    put("dot", ops.dot(a, ramp((2, 4, 3), 2)))
    put("dot.vectors", ops.dot(ramp(5, 1), ramp(5, 2)))
    put("inner", ops.inner(a, ramp((5, 4), 2)))
    put("outer", ops.outer(ramp((2, 3), 1), ramp((4,), 2)))
    put("kron", ops.kron(ramp((2, 3), 1), ramp((2, 2, 2), 2)))


EINSUM_PAIRS = ["abc,cbd->ad", "abc,cbd->abd", "abc,cbd->dba", "abc,cbd->", "abc,cbd->acbd", "abc,cxy->xaby", "abc,cbd"]

convolutions()
pools()
losses()
products()
np.savez_compressed(os.path.join(os.path.dirname(__file__), "keras.npz"), **out)
print(len(out), "arrays;", keras.__version__, tf.__version__)
