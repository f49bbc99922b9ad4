"""Samplers: convolutions and pools."""

from _layers_basic import PLAIN, spatial
from _samples import Case, samples


UNLIKE = 10
"""Channels unlike any width: where both are equal, Keras with TensorFlow adds the bias of channels_first to the width."""


def conv_arguments(r, rank, strides=True):
    """Strides and dilation, of which only one may be above 1; padding; format."""
    kwargs = r.some(padding=["same"], activation=PLAIN, use_bias=[False], activity_regularizer=["l2"])
    kind = r.one("strides", "dilation", "none") if strides else r.one("dilation", "none")
    if kind == "strides":
        kwargs["strides"] = r.one(2, tuple(r.int(1, 3) for _ in range(rank)))
    elif kind == "dilation":
        kwargs["dilation_rate"] = r.one(2, (2,) * rank)
    return kwargs


@samples("Conv1D", "Conv2D", "Conv3D")
def conv(r, name):
    rank = int(name[-2])
    kwargs = conv_arguments(r, rank)
    if rank == 1 and r.flag(0.3):
        kwargs["padding"] = "causal"
    filters, channels = r.int(1, 4), r.int(1, 3)
    if r.flag(0.3) and not r.policy:
        kwargs["data_format"], filters = "channels_first", UNLIKE
    if rank < 3 and "dilation_rate" not in kwargs and not r.policy and r.flag(0.3):
        groups = r.int(2, 3)
        kwargs["groups"], filters, channels = groups, filters * groups, channels * groups
    size = r.one(2, 3, tuple(r.int(1, 3) for _ in range(rank)))
    layer = r.make(name, filters, size, **kwargs, **r.weights("kernel", "bias"))
    return Case(layer, r.floats(*spatial(rank, kwargs.get("data_format"), channels=channels, r=r)))


@samples("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def conv_transpose(r, name):
    rank = int(name[4])
    kwargs = r.some(padding=["same"], activation=PLAIN, use_bias=[False], activity_regularizer=["l2"])
    kind = r.one("strides", "strides", "dilation", "none")
    if kind == "strides":
        stride = r.int(2, 3)
        kwargs["strides"] = stride if rank == 1 or r.flag() else tuple(r.int(1, 3) for _ in range(rank))
        if isinstance(kwargs["strides"], int) and r.flag():
            kwargs["output_padding"] = r.int(0, stride - 1)
    elif kind == "dilation" and rank < 3:
        kwargs["dilation_rate"] = 2
    filters = r.int(1, 4)
    if r.flag(0.3) and kind != "dilation":
        kwargs["data_format"], filters = "channels_first", 2 * UNLIKE
    size = r.one(2, 3, tuple(r.int(1, 3) for _ in range(rank)))
    layer = r.make(name, filters, size, **kwargs, **r.weights("kernel", "bias"))
    return Case(layer, r.floats(*spatial(rank, kwargs.get("data_format"), low=3, high=5, r=r)))


@samples("DepthwiseConv1D", "DepthwiseConv2D")
def depthwise(r, name):
    rank = int(name[-2])
    kwargs = r.some(padding=["same"], activation=PLAIN, use_bias=[False], depth_multiplier=[2, 3], activity_regularizer=["l2"])
    kind = r.one("strides", "dilation", "none")
    if kind != "none":
        kwargs["strides" if kind == "strides" else "dilation_rate"] = 2
    channels = 3
    if r.flag(0.3) and not r.policy:
        kwargs["data_format"], channels = "channels_first", UNLIKE
    layer = r.make(name, r.one(2, 3, (2,) * rank), **kwargs, **r.weights("depthwise", "bias"))
    return Case(layer, r.floats(*spatial(rank, kwargs.get("data_format"), channels=channels, r=r)))


@samples("SeparableConv1D", "SeparableConv2D")
def separable(r, name):
    rank = int(name[-2])
    kwargs = r.some(padding=["same"], activation=PLAIN, use_bias=[False], depth_multiplier=[2], activity_regularizer=["l2"])
    kind = r.one("strides", "dilation", "none")
    if kind != "none":
        kwargs["strides" if kind == "strides" else "dilation_rate"] = 2
    filters = r.int(1, 4)
    if r.flag(0.3):
        kwargs["data_format"], filters = "channels_first", UNLIKE
    layer = r.make(name, filters, r.one(2, 3), **kwargs, **r.weights("depthwise", "pointwise", "bias"))
    return Case(layer, r.floats(*spatial(rank, kwargs.get("data_format"), r=r)))


@samples("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D")
def pool(r, name):
    rank = int(name[-2])
    kwargs = r.some(strides=[1, 2, 3], padding=["same"])
    if r.flag(0.3) and not r.policy:
        kwargs["data_format"] = "channels_first"
    size = r.one(2, 3, tuple(r.int(1, 3) for _ in range(rank)))
    return Case(r.make(name, size, **kwargs), r.separate(*spatial(rank, kwargs.get("data_format"), r=r)))


@samples("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
         "GlobalAveragePooling3D")
def global_pool(r, name):
    rank = int(name[-2])
    kwargs = r.some(keepdims=[True], data_format=["channels_first", "channels_last"])
    shape = spatial(rank, kwargs.get("data_format"), r=r)
    masks = []
    if name == "GlobalAveragePooling1D" and kwargs.get("data_format") != "channels_first" and r.flag(0.6):
        masks = [r.mask(*shape[:2])]
    return Case(r.make(name, **kwargs), r.separate(*shape), masks=masks)


@samples("AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D", "AdaptiveAveragePooling1D",
         "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D")
def adaptive_pool(r, name):
    rank = int(name[-2])
    kwargs = r.some(data_format=["channels_first", "channels_last"])
    # TensorFlow stops the program where one axis becomes 1.
    size = r.one(2, 3, tuple(r.int(2, 4) for _ in range(rank)))
    return Case(r.make(name, size, **kwargs), r.separate(*spatial(rank, kwargs.get("data_format"), r=r)))
