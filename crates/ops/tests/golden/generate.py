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


def solid(shape, seed):
    """Well-conditioned matrices."""
    n = shape[-1]
    return ramp(shape, seed) + n * np.eye(n, dtype="float32")


def decompositions():
    a, tall = solid((2, 4, 4), 1), ramp((2, 5, 3), 2) + np.eye(5, 3, dtype="float32")
    s = a + a.transpose(0, 2, 1)
    b = ramp((2, 4, 3), 3)
    with_gradients("cholesky", lambda x: ops.cholesky((x + ops.swapaxes(x, -1, -2)) / 2), s)
    put("cholesky.upper", ops.cholesky(s, upper=True))
    put("cholesky_inverse", ops.cholesky_inverse(ops.cholesky(s)))
    put("cholesky_inverse.upper", ops.cholesky_inverse(ops.cholesky(s, True), True))
    with_gradients("det", ops.det, a)
    with_gradients("inv", ops.inv, a)
    with_gradients("slogdet", lambda x: ops.slogdet(x)[1], -a)
    put("slogdet.sign", ops.slogdet(-a[:, :3, :3])[0])
    put("logdet", ops.logdet(s))
    with_gradients("solve", ops.solve, a, b)
    put("solve.vectors", ops.solve(a, b[..., 0]))
    with_gradients("solve_triangular", lambda x, y: ops.solve_triangular(x, y, lower=True), a, b)
    put("solve_triangular.upper", ops.solve_triangular(a, b))
    put("lu_factor", tf.linalg.lu(ramp((2, 4, 4), 7))[0])
    with_gradients("qr.q", lambda x: ops.qr(x)[0], tall)
    with_gradients("qr.r", lambda x: ops.qr(x)[1], tall)
    put("qr.complete", ops.qr(tall, mode="complete"))
    put("qr.wide", ops.qr(tall.transpose(0, 2, 1)))
    s = s + np.diag(np.arange(4, dtype="float32"))  # No eigenvalue twice.
    with_gradients("eigh.w", lambda x: ops.eigh((x + ops.swapaxes(x, -1, -2)) / 2)[0], s)
    with_gradients("eigh.projector", lambda x: ops.square(ops.eigh((x + ops.swapaxes(x, -1, -2)) / 2)[1]), s)
    with_gradients("svd.s", lambda x: ops.svd(x, full_matrices=False)[1], tall)
    with_gradients("svd.u", lambda x: ops.square(ops.svd(x, full_matrices=False)[0]), tall)
    w = np.linalg.eigvals(ramp((5, 5), 4).astype("float64"))
    put("eig", w[np.lexsort((w.imag, w.real))].astype("complex64"))
    put("pinv", ops.pinv(tall))
    put("pinv.singular", ops.pinv(np.outer([1.0, 2.0, 3.0], [1.0, 1.0]).astype("float32")))
    put("lstsq", ops.lstsq(tall[0], ramp((5, 2), 3)))
    put("lstsq.vector", ops.lstsq(tall[0].T, ramp((3,), 3)))
    put("matrix_rank", ops.matrix_rank(np.stack([np.eye(3), np.ones((3, 3))]).astype("float32")))
    x = ramp((3, 4, 2), 5)
    for ord in (None, 0, 1, 2, 3, np.inf, -np.inf):
        put(f"norm.vector.{ord}", ops.norm(x, ord, axis=1))
    for ord in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        put(f"norm.matrix.{ord}", ops.norm(x, ord, axis=(2, 0)))
    put("norm.all", ops.norm(x[0], keepdims=True))
    put("cross", ops.cross(ramp((4, 3), 1), ramp((4, 3), 2)))
    put("cross.2", np.cross(*(np.pad(ramp((4, 2), s), ((0, 0), (0, 1))) for s in (1, 2)))[:, 2])
    put("cross.mixed", np.cross(np.pad(ramp((4, 2), 1), ((0, 0), (0, 1))), ramp((4, 3), 2)))
    put("trace", np.trace(ramp((3, 4, 5), 1), 1, 0, 2))
    put("vdot", np.vdot(ramp((3, 4), 1) + 1j * ramp((3, 4), 2), ramp((3, 4), 3) + 0j))


def normalization():
    x, v = ramp((2, 3, 4), 1), lambda n, seed: ramp((n,), seed) + 1.5
    with_gradients(
        "batch_normalization",
        lambda x, m, s, b, g: ops.batch_normalization(x, m, s, 1, b, g),
        x, v(3, 2), v(3, 3), v(3, 4), v(3, 5),
    )
    with_gradients("layer_normalization", lambda x, g, b: ops.layer_normalization(x, g, b), x, v(4, 2), v(4, 3))
    put("layer_normalization.axes", ops.layer_normalization(x, ramp((2, 4), 2), None, (0, 2), 1e-3))
    put("layer_normalization.half", ops.layer_normalization(x.astype("float16")))
    with_gradients("rms_normalization", lambda x, g: ops.rms_normalization(x, g), x, v(4, 2))
    with_gradients("normalize", lambda x: ops.normalize(x), x)
    put("normalize.3", ops.normalize(x, axis=1, order=3))
    put("normalize.zero", ops.normalize(np.zeros((2, 3), "float32")))


def attention():
    q, k, v = ramp((2, 5, 4, 3), 1), ramp((2, 6, 4, 3), 2), ramp((2, 6, 4, 3), 3)
    bias, mask = ramp((1, 4, 5, 6), 4), ramp((2, 1, 5, 6), 5) > -0.3
    with_gradients("attention", ops.dot_product_attention, q, k, v)
    put("attention.masked", ops.dot_product_attention(q, k, v, bias=bias, mask=mask, scale=0.3))
    put("attention.causal", ops.dot_product_attention(q, k, v, is_causal=True))
    put("attention.grouped", ops.dot_product_attention(q, k[:, :, :2], v[:, :, :2]))


def transforms():
    re, im, x = ramp((2, 4, 6), 1), ramp((2, 4, 6), 2), ramp((2, 40), 3)
    put("fft", ops.fft((re, im)))
    put("fft2", ops.fft2((re, im)))
    put("ifft2", ops.ifft2((re, im)))
    put("rfft", ops.rfft(re))
    put("rfft.cut", ops.rfft(re, 4))
    put("rfft.filled", ops.rfft(re, 9))
    put("irfft", ops.irfft((re, im)))
    put("irfft.odd", ops.irfft((re, im), 7))
    put("irfft.filled", ops.irfft((re, im), 16))
    with_gradients("rfft.sum", lambda x: ops.rfft(x)[0] + 2.0 * ops.rfft(x)[1], re)
    with_gradients("irfft.sum", lambda a, b: ops.irfft((a, b)), re, im)
    put("stft", ops.stft(x, 8, 4, 10))
    put("stft.hamming", ops.stft(x, 8, 3, 8, window="hamming", center=False))
    put("stft.rectangular", ops.stft(x, 6, 3, 8, window=None))
    with_gradients("stft.sum", lambda x: ops.stft(x, 8, 4, 10)[0] - ops.stft(x, 8, 4, 10)[1], x)
    z = [np.asarray(v) for v in ops.stft(x, 8, 4, 10)]
    put("istft", ops.istft(z, 8, 4, 10))
    put("istft.length", ops.istft(z, 8, 4, 10, length=30))
    z = [np.asarray(v) for v in ops.stft(x, 6, 4, 10, center=False, window="hamming")]
    put("istft.hamming", ops.istft(z, 6, 4, 10, center=False, window="hamming"))


def images():
    im = ops.image
    x, u = ramp((2, 7, 6, 3), 1), ((ramp((2, 7, 6, 3), 2) + 1) * 127).astype("uint8")
    for method in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"):
        put(f"resize.{method}.up", im.resize(x, (10, 9), method))
        put(f"resize.{method}.down", im.resize(x, (4, 3), method))
        put(f"resize.{method}.integer", im.resize(u, (5, 11), method))
    for method in ("bilinear", "bicubic", "lanczos3"):
        put(f"resize.{method}.antialias", im.resize(x, (3, 4), method, antialias=True))
    put("resize.crop", im.resize(x, (4, 8), crop_to_aspect_ratio=True))
    put("resize.pad", im.resize(x, (9, 4), pad_to_aspect_ratio=True, fill_value=0.5))
    put("resize.first", im.resize(x[0].transpose(2, 0, 1), (4, 5), data_format="channels_first"))
    with_gradients("resize.gradient", lambda x: tf.image.resize(x, (9, 4)), x)
    for method in ("linear", "cubic"):
        put(f"scale_and_translate.{method}", im.scale_and_translate(
            x, (2, 9, 4, 3), np.array([1.3, 0.7], "float32"), np.array([0.5, -0.4], "float32"), (1, 2), method))
    unit = (x + 1) / 2
    put("rgb_to_grayscale", im.rgb_to_grayscale(x))
    put("rgb_to_grayscale.integer", im.rgb_to_grayscale(u))
    put("rgb_to_hsv", im.rgb_to_hsv(unit))
    put("hsv_to_rgb", im.hsv_to_rgb(unit))
    put("gaussian_blur", im.gaussian_blur(x, (5, 5), (0.7, 1.6)))
    put("sobel_edges", im.sobel_edges(x))
    big = ramp((2, 16, 15, 2), 4)
    put("ssim", im.ssim(big, big + 0.2 * ramp(big.shape, 5), 2.0))
    put("psnr", ops.psnr(x, x + 0.1 * ramp(x.shape, 5), 2.0))
    put("extract_patches", im.extract_patches(x, (3, 2)))
    put("extract_patches.same", im.extract_patches(x, (3, 2), (2, 2), 1, "same"))
    put("extract_patches.dilated", im.extract_patches(x, (2, 2), (1, 1), 2))
    put("extract_patches_3d", im.extract_patches_3d(ramp((1, 4, 5, 6, 2), 3), (2, 2, 3)))
    put("unfold", ops.unfold(x.transpose(0, 3, 1, 2), (3, 2), (1, 2), (1, 0), (2, 1)))
    columns = ramp((2, 18, 16), 6)
    put("fold", ops.fold(columns, (7, 6), (3, 2), (1, 2), (1, 0), (2, 1)))
    put("pad_images", im.pad_images(x, top_padding=2, left_padding=1, target_height=10, target_width=9))
    put("crop_images", im.crop_images(x, top_cropping=2, left_cropping=1, target_height=3, target_width=4))
    put("depth_to_space", ops.depth_to_space(ramp((2, 3, 4, 8), 1), 2))
    put("space_to_depth", ops.space_to_depth(ramp((2, 4, 6, 3), 1), 2))
    at = np.stack([3 + 8 * ramp((4, 5), 7), 3 + 7 * ramp((4, 5), 8)])
    import scipy.ndimage
    for mode in ("constant", "nearest", "mirror", "reflect"):
        for order in (0, 1):
            value = scipy.ndimage.map_coordinates(x[0, ..., 0], at, order=order, cval=0.3,
                                                  mode="grid-constant" if mode == "constant" else mode)
            put(f"map_coordinates.{mode}.{order}", value)
    turn = np.array([[0.9, 0.3, -0.5, -0.2, 1.1, 0.7, 0.0, 0.0], [1.2, 0.1, 1.5, 0.4, 0.8, -2.0, 0.01, 0.02]], "float32")
    for mode in ("constant", "nearest", "wrap", "reflect"):
        for kind in ("nearest", "bilinear"):
            put(f"affine.{mode}.{kind}", im.affine_transform(x, turn, kind, mode, 0.3))
    with_gradients("affine.gradient", lambda x: im.affine_transform(x, turn), x)
    start = np.array([[0, 0], [5, 0], [0, 6], [5, 6]], "float32")
    put("perspective", im.perspective_transform(x, start, start + 0.8 * ramp((4, 2), 9)))


def ctc():
    logits = 3 * ramp((3, 8, 5), 1)
    labels = np.array([[1, 2, 2, 0], [3, 0, 0, 0], [4, 1, 4, 3]], "int32")
    with_gradients("ctc_loss", lambda x: ops.ctc_loss(
        labels, x, np.array([3, 1, 4], "int32"), np.array([8, 5, 7], "int32")), logits)
    lengths = np.array([8, 5, 7], "int32")
    put("ctc_decode.greedy", ops.ctc_decode(logits, lengths))
    put("ctc_decode.repeated", ops.ctc_decode(logits, lengths, merge_repeated=False, mask_index=-1))
    put("ctc_decode.beam", ops.ctc_decode(logits, lengths, "beam_search", beam_width=50, top_paths=3))


EINSUM_PAIRS = ["abc,cbd->ad", "abc,cbd->abd", "abc,cbd->dba", "abc,cbd->", "abc,cbd->acbd", "abc,cxy->xaby", "abc,cbd"]

convolutions()
pools()
losses()
products()
decompositions()
normalization()
attention()
transforms()
images()
ctc()
np.savez_compressed(os.path.join(os.path.dirname(__file__), "keras.npz"), **out)
print(len(out), "arrays;", keras.__version__, tf.__version__)
