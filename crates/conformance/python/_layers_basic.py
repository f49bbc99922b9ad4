"""Samplers: core, activations, merging, reshaping, normalisation, regularisation."""

import keras
import numpy as np

from _samples import Case, samples

ACTIVATIONS = ["relu", "tanh", "sigmoid", "gelu", "softmax", "elu", "selu", "softplus", "silu", "leaky_relu", "mish",
               "hard_sigmoid", "relu6", "exponential", "linear", "softsign", "log_softmax", "celu", "sparsemax",
               "hard_silu", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink", "squareplus", "sparse_plus",
               "log_sigmoid", "sparse_sigmoid"]
PLAIN = ["relu", "tanh", "sigmoid", "gelu", "elu", "softplus", "silu"]


@samples("Dense")
def dense(r, name):
    layer = r.make(name, r.int(1, 6), **r.some(activation=PLAIN + ["softmax"], use_bias=[False], activity_regularizer=["l2", "l1"]),
                   **r.weights("kernel", "bias"))
    return Case(layer, r.floats(*r.one((3, 4), (2, 3, 5), (2, 2, 3, 2))))


@samples("EinsumDense")
def einsum_dense(r, name):
    equation, output, bias, shape = r.one(
        ("ab,bc->ac", (5,), "c", (3, 4)), ("abc,cd->abd", (None, 6), "d", (2, 3, 4)), ("...x,xy->...y", 3, "y", (2, 3, 4)),
        ("abc,cde->abde", (3, 2, 5), "de", (2, 3, 4)), ("abde,dec->abc", (None, 4), None, (2, 3, 2, 5)),
        ("...bc,cd->...bd", (3, 2), "bd", (2, 3, 4)), ("abc,bde->ade", (2, 3), "e", (2, 3, 4)))
    extra = r.some(activation=PLAIN, activity_regularizer=["l2"])
    return Case(r.make(name, equation, output, bias_axes=bias if r.flag(0.7) else None, **extra, **r.weights("kernel", "bias")),
                r.floats(*shape))


@samples("Embedding")
def embedding(r, name):
    n = r.int(3, 9)
    layer = r.make(name, n, r.int(1, 5), **r.some(mask_zero=[True]), **r.weights("embeddings"))
    return Case(layer, r.ints(0, n - 1, r.one((2, 4), (3,), (2, 3, 2)), r.one("int32", "int64", "uint8")))


@samples("ReversibleEmbedding")
def reversible_embedding(r, name):
    n, m, reverse = r.int(3, 9), r.int(1, 5), r.flag()
    layer = r.make(name, n, m, **r.some(tie_weights=[False], mask_zero=[True], logit_soft_cap=[2.0]), **r.weights("embeddings"))
    if reverse:
        layer.build((None, 4))
        return Case(layer, r.floats(2, 3, m), values={"reverse": True})
    return Case(layer, r.ints(0, n - 1, (2, 4)))


@samples("Identity")
def identity(r, name):
    shape = r.one((3, 4), (2, 3, 4))
    return Case(r.make(name), r.floats(*shape), masks=[r.mask(*shape[:2])] if r.flag() else [])


@samples("Masking")
def masking(r, name):
    value = r.one(0.0, -1.0, 2.0)
    x = r.floats(3, 5, 2)
    x[r.rng.random((3, 5)) < 0.4] = value
    return Case(r.make(name, mask_value=value) if value or r.flag() else r.make(name), x)


@samples("Activation", cases=len(ACTIVATIONS))
def activation(r, name):
    return Case(r.make(name, ACTIVATIONS[r.number]), r.nonzero(3, 4) * r.one(0.3, 1.0, 4.0))


@samples("ReLU")
def relu(r, name):
    return Case(r.make(name, **r.some(max_value=[1.5, 6.0], negative_slope=[0.2], threshold=[0.3])), r.separate(4, 5) + 0.01)


@samples("LeakyReLU")
def leaky_relu(r, name):
    return Case(r.make(name, **r.some(negative_slope=[0.1, 0.0, 0.7])), r.nonzero(3, 4))


@samples("ELU")
def elu(r, name):
    return Case(r.make(name, **r.some(alpha=[0.5, 2.0])), r.nonzero(3, 4))


@samples("PReLU")
def prelu(r, name):
    shape, shared = r.one(((3, 4), None), ((2, 3, 4), [1]), ((2, 3, 4, 2), [1, 2]), ((2, 3, 4), [2]))
    return Case(r.make(name, shared_axes=shared, **r.weights("alpha")), r.nonzero(*shape))


@samples("Softmax")
def softmax(r, name):
    axis, shape = r.one((-1, (3, 4)), (1, (2, 3, 4)), ((1, 2), (2, 3, 4)), (-1, (2, 2, 2, 5)))
    given = {"mask": (r.rng.random(shape) < 0.7)} if r.flag(0.3) else {}
    return Case(r.make(name, axis=axis), r.floats(*shape), tensors=given)


@samples("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
def elementwise(r, name):
    count = 2 if name == "Subtract" else r.int(2, 4)
    shapes = r.one([(3, 4)] * count, [(2, 3, 4)] * count, [(3, 1, 4), (3, 2, 1)] + [(3, 2, 4)] * (count - 2))
    x = r.separate(count, *np.broadcast_shapes(*shapes))
    inputs = [x[i][tuple(slice(0, n) for n in shape)] for i, shape in enumerate(shapes)]
    masks = [r.mask(*shapes[0][:2]) for _ in inputs] if shapes[0] == (2, 3, 4) and r.flag() else []
    return Case(r.make(name), *inputs, how="list", masks=masks)


@samples("Concatenate")
def concatenate(r, name):
    axis = r.one(-1, 1, 2, -2)
    shapes = [[2, 3, 4] for _ in range(r.int(2, 4))]
    for shape in shapes:
        shape[axis] = r.int(1, 4)
    masks = []
    if axis == 1 and r.flag(0.7):
        masks = [r.mask(*shape[:2]) for shape in shapes]
    elif axis == -1 and r.flag():
        masks = [r.mask(*shape[:2]) for shape in shapes]
    return Case(r.make(name, **({} if axis == -1 and r.flag() else {"axis": axis})), *[r.floats(*s) for s in shapes], how="list",
                masks=masks)


@samples("Dot")
def dot(r, name):
    axes, a, b = r.one((1, (3, 4), (3, 4)), (-1, (2, 3, 4), (2, 5, 4)), ((2, 1), (2, 3, 4), (2, 4, 5)),
                       ((1, 1), (2, 3, 4), (2, 3, 2)), (2, (2, 3, 4), (2, 2, 4)), ((1, 2), (2, 3, 4), (2, 5, 3)))
    return Case(r.make(name, axes=axes, **r.some(normalize=[True])), r.floats(*a), r.floats(*b), how="list")


@samples("Flatten")
def flatten(r, name):
    return Case(r.make(name, **r.some(data_format=["channels_first", "channels_last"])),
                r.floats(*r.one((3, 4), (2, 3, 4), (2, 3, 2, 2), (4,))))


@samples("Permute")
def permute(r, name):
    dims, shape = r.one(((2, 1), (2, 3, 4)), ((3, 1, 2), (2, 3, 4, 2)), ((1, 3, 2), (2, 3, 4, 2)), ((2, 3, 1), (2, 2, 3, 4)))
    return Case(r.make(name, dims), r.floats(*shape))


@samples("Reshape")
def reshape(r, name):
    target, shape = r.one(((6, 2), (3, 12)), ((-1, 3), (2, 4, 3)), ((2, -1), (3, 4)), ((12,), (2, 3, 4)), ((-1,), (2, 3, 2)))
    return Case(r.make(name, target), r.floats(*shape))


@samples("RepeatVector")
def repeat_vector(r, name):
    return Case(r.make(name, r.int(1, 5)), r.floats(3, r.int(1, 4)))


def spatial(rank, format_, batch=2, low=5, high=8, channels=3, r=None):
    sizes = [r.int(low, high if rank < 3 else low + 1) for _ in range(rank)]
    return (batch, channels, *sizes) if format_ == "channels_first" else (batch, *sizes, channels)



@samples("Cropping1D", "Cropping2D", "Cropping3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def border(r, name):
    rank = int(name[-2])
    by = "cropping" if name.startswith("Crop") else "padding"
    if rank == 1:
        size = r.one(1, 2, (1, 2), (0, 1))
    else:
        size = r.one(1, 2, tuple(r.int(0, 2) for _ in range(rank)), tuple((r.int(0, 2), r.int(0, 2)) for _ in range(rank)))
    format_ = r.one(None, "channels_last", "channels_first") if rank > 1 or by == "padding" else None
    kwargs = {by: size} if r.flag(0.85) else {}
    if format_:
        kwargs["data_format"] = format_
    return Case(r.make(name, **kwargs), r.floats(*spatial(rank, format_, r=r)))


@samples("UpSampling1D")
def up_sampling1d(r, name):
    return Case(r.make(name, **r.some(size=[1, 3, 4])), r.floats(2, 4, 3))


@samples("UpSampling2D")
def up_sampling2d(r, name):
    kwargs = r.some(size=[3, (1, 2), (2, 3)], interpolation=["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"],
                    data_format=["channels_first", "channels_last"])
    return Case(r.make(name, **kwargs), r.floats(*spatial(2, kwargs.get("data_format"), low=3, high=5, r=r)))


@samples("UpSampling3D")
def up_sampling3d(r, name):
    kwargs = r.some(size=[3, (1, 2, 2), (2, 1, 3)], data_format=["channels_first", "channels_last"])
    return Case(r.make(name, **kwargs), r.floats(*spatial(3, kwargs.get("data_format"), low=2, high=3, r=r)))


@samples("BatchNormalization")
def batch_normalization(r, name):
    shape, axis = r.one(((6, 4), -1), ((4, 3, 5), -1), ((4, 3, 5), 1), ((3, 4, 4, 2), -1), ((3, 2, 4, 4), 1))
    kwargs = r.some(center=[False], scale=[False], epsilon=[1e-2], momentum=[0.7, 0.5], trainable=[False])
    if r.flag(0.3):
        kwargs.update(renorm=True, renorm_momentum=0.8)
        if r.flag():
            kwargs["renorm_clipping"] = {"rmax": 2.0, "rmin": 0.5, "dmax": 1.0}
    masks = [r.mask(*shape[:2])] if len(shape) == 3 and axis == -1 and r.flag(0.6) else []
    return Case(r.make(name, axis=axis, **kwargs, **r.weights("beta", "gamma")), r.floats(*shape), training=r.flag(0.6),
                masks=masks, tolerance=1e-4)


@samples("LayerNormalization")
def layer_normalization(r, name):
    shape, axis = r.one(((3, 4), -1), ((2, 3, 4), -1), ((2, 3, 4), [1, 2]), ((2, 3, 4, 2), [-2, -1]), ((2, 3, 4), 1))
    kwargs = r.some(epsilon=[1e-2, 1e-6], center=[False], scale=[False])
    masks = [r.mask(*shape[:2])] if len(shape) == 3 and r.flag() else []
    return Case(r.make(name, axis=axis, **kwargs, **r.weights("beta", "gamma")), r.floats(*shape), tolerance=1e-4, masks=masks)


@samples("GroupNormalization")
def group_normalization(r, name):
    shape, axis = r.one(((3, 8), -1), ((2, 3, 8), -1), ((2, 4, 4, 8), -1), ((2, 8, 3, 3), 1))
    kwargs = r.some(epsilon=[1e-2], center=[False], scale=[False])
    return Case(r.make(name, groups=r.one(1, 2, 4, 8, -1), axis=axis, **kwargs, **r.weights("beta", "gamma")), r.floats(*shape),
                tolerance=1e-4)


@samples("RMSNormalization")
def rms_normalization(r, name):
    shape, axis = r.one(((3, 4), -1), ((2, 3, 4), -1), ((2, 3, 4), [1, 2]))
    return Case(r.make(name, axis=axis, **r.some(epsilon=[1e-2])), r.floats(*shape), tolerance=1e-4)


@samples("UnitNormalization")
def unit_normalization(r, name):
    shape, axis = r.one(((3, 4), -1), ((2, 3, 4), -1), ((2, 3, 4), [1, 2]), ((2, 3, 4), 1))
    return Case(r.make(name, axis=axis), r.floats(*shape), tolerance=1e-4)


@samples("SpectralNormalization")
def spectral_normalization(r, name):
    inner, shape = r.one((keras.layers.Dense(4), (3, 5)), (keras.layers.Conv2D(3, 2), (2, 5, 5, 2)),
                         (keras.layers.Dense(2, activation="relu", use_bias=False), (3, 4)),
                         (keras.layers.Embedding(6, 3), None))
    x = r.ints(0, 5, (2, 4)) if shape is None else r.floats(*shape)
    # Keras takes no derivative through the iterations; training assigns the kernel itself.
    return Case(r.make(name, inner, **r.some(power_iterations=[2, 3])), x, training=r.flag(), tolerance=1e-4)


@samples("ActivityRegularization")
def activity_regularization(r, name):
    return Case(r.make(name, **r.some(l1=[0.1, 0.02], l2=[0.3, 0.01])), r.floats(*r.one((3, 4), (2, 3, 2))))


def dropped(rate, kept):
    """Whether what was dropped and what was kept look as they should."""

    def compare(expected, found):
        (e,), (f,) = expected, found
        if f.shape != e.shape or f.dtype != e.dtype:
            return f"expected {e.dtype}{e.shape}, found {f.dtype}{f.shape}"
        return kept(rate, e, f)

    return compare


def zeroed(rate, expected, found):
    """x is all ones: what is left is 0 or 1 / (1 - rate)."""
    values = np.unique(np.round(found, 4))
    wanted = {0.0, round(1 / (1 - rate), 4)}
    if not set(values.tolist()) <= {np.float32(v).item() for v in np.round(np.array(list(wanted), "float32"), 4)}:
        return f"values {values[:5]}, expected {wanted}"
    share = (found == 0).mean()
    return None if abs(share - rate) < 0.12 else f"dropped {share:.3f}, expected {rate}"


def moments(rate, expected, found):
    for what, of in (("mean", np.mean), ("standard deviation", np.std)):
        if abs(of(expected) - of(found)) > 0.12 * max(1.0, abs(of(expected))):
            return f"{what}: expected about {of(expected):.3f}, found {of(found):.3f}"
    return None


@samples("Dropout")
def dropout(r, name):
    rate = r.one(0.2, 0.5, 0.7, 0.0)
    kwargs = r.some(seed=[3, 1337])
    if r.number % 2 == 0 or r.policy:
        return Case(r.make(name, rate, **kwargs), r.floats(3, 4), training=rate == 0.0)
    noise = r.one(None, (None, 1, 20), (200, 30, 1))
    return Case(r.make(name, rate, noise_shape=noise, **kwargs), np.ones((200, 30, 20), "float32"), training=True,
                compare=dropped(rate, zeroed))


@samples("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
def spatial_dropout(r, name):
    rank, rate = int(name[-2]), r.one(0.2, 0.5, 0.7)
    kwargs = r.some(seed=[3])
    if rank > 1:
        kwargs.update(r.some(data_format=["channels_first", "channels_last"]))
    if r.number % 2 == 0:
        return Case(r.make(name, rate, **kwargs), r.floats(*spatial(rank, None, r=r)))
    layer = r.make(name, rate, **kwargs)
    first = kwargs.get("data_format") == "channels_first"

    def channels(expected, found):
        x = found[0]
        axes = tuple(range(2, rank + 2)) if first else tuple(range(1, rank + 1))
        if x.min(axes).tolist() != x.max(axes).tolist():
            return "a channel is dropped in part"
        return zeroed(rate, expected[0], x)

    shape = (60, 40) + (2,) * rank if first else (60,) + (2,) * rank + (40,)
    return Case(layer, np.ones(shape, "float32"), training=True, compare=channels)


@samples("AlphaDropout", "GaussianDropout", "GaussianNoise")
def noise(r, name):
    rate = r.one(0.1, 0.3, 0.5)
    layer = r.make(name, rate, **r.some(seed=[3]))
    if r.number % 2 == 0:
        return Case(layer, r.floats(3, 4))
    return Case(layer, r.floats(100, 80) + 1, training=True, compare=dropped(rate, moments))
