"""Samplers: images. Random layers are compared where they are not random: in inference, with a factor whose bounds are
equal, or as one of the outcomes that Keras has; else by shape, dtype, range and moments."""

import keras
import numpy as np

from _samples import Case, samples

TOLERANCE = 1e-4


def image(r, batch=2, height=8, width=7, channels=3, first=False, high=255.0):
    x = r.uniform(0, high, batch, height, width, channels)
    return np.ascontiguousarray(np.moveaxis(x, -1, 1)) if first else x


def smooth(batch, height, width, channels, high=255.0):
    """An image without jumps, so that a position that differs by rounding changes little."""
    y, x = np.mgrid[0:height, 0:width].astype("float32")
    planes = [np.sin(0.3 * x + c) * np.cos(0.2 * y - c) * 0.5 + 0.5 for c in range(channels)]
    return np.stack([np.stack(planes, -1) * high] * batch).astype("float32")


def one_of(expected, found):
    """Every image found is one that Keras gives for the same input, which is the same for the whole batch."""
    (e,), (f,) = expected, found
    if e.shape != f.shape or e.dtype != f.dtype:
        return f"expected {e.dtype}{e.shape}, found {f.dtype}{f.shape}"
    scale = max(1e-3, np.abs(e).max())
    for sample in f:
        nearest = min(np.abs(sample.astype("float64") - other).max() for other in e)
        if nearest > 1e-3 * scale:
            return f"an image that Keras does not make: {nearest / scale:.1e} away"
    return None


def statistics(low, high, loose=0.1):
    """Shape, dtype, range, and mean and deviation within a share of the range."""

    def compare(expected, found):
        for e, f in zip(expected, found):
            if e.shape != f.shape or e.dtype != f.dtype:
                return f"expected {e.dtype}{e.shape}, found {f.dtype}{f.shape}"
            if f.size and (f.min() < low - 1e-3 or f.max() > high + 1e-3):
                return f"values from {f.min()} to {f.max()}, expected {low} to {high}"
            for what, of in (("mean", np.mean), ("standard deviation", np.std)):
                if abs(of(e.astype("float64")) - of(f.astype("float64"))) > loose * (high - low):
                    return f"{what}: expected about {of(e):.2f}, found {of(f):.2f}"
        return None

    return compare


@samples("Resizing")
def resizing(r, name):
    kwargs = r.some(interpolation=["nearest", "bicubic", "lanczos3", "lanczos5", "area"], antialias=[True])
    kind = r.one("plain", "plain", "crop", "pad")
    if kind == "crop":
        kwargs["crop_to_aspect_ratio"] = True
    elif kind == "pad":
        kwargs.update(pad_to_aspect_ratio=True, fill_value=2.0)
    first = r.flag(0.25)
    if first:
        kwargs["data_format"] = "channels_first"
    if kwargs.get("interpolation") == "area":
        kwargs["interpolation"] = "bilinear"
    layer = r.make(name, r.int(3, 10), r.int(3, 10), **kwargs)
    return Case(layer, image(r, first=first), tolerance=TOLERANCE, gradients=False)


@samples("CenterCrop")
def center_crop(r, name):
    first = r.flag(0.3)
    kwargs = {"data_format": "channels_first"} if first else {}
    return Case(r.make(name, r.one(4, 5, 10), r.one(3, 6, 9), **kwargs), image(r, first=first), tolerance=TOLERANCE, gradients=False)


@samples("AutoContrast")
def auto_contrast(r, name):
    one = r.flag(0.4)
    return Case(r.make(name, **({"value_range": (0, 1)} if one else {})), image(r, high=0.8 if one else 200.0), tolerance=TOLERANCE,
                gradients=False, training=r.flag())


@samples("Equalization")
def equalization(r, name):
    one = r.flag(0.4)
    kwargs = {"value_range": (0, 1)} if one else {}
    kwargs.update(r.some(bins=[64]))
    return Case(r.make(name, **kwargs), image(r, high=0.9 if one else 200.0), tolerance=TOLERANCE, gradients=False, training=True)


@samples("ContrastLimitedAdaptiveHistogramEqualization")
def clahe(r, name):
    one = r.flag(0.4)
    kwargs = {"value_range": (0, 1)} if one else {}
    kwargs.update(r.some(clip_limit=[2.0, 8.0], tile_grid_size=[(2, 2), (4, 2)]))
    return Case(r.make(name, **kwargs), image(r, height=16, width=16, high=0.9 if one else 200.0), tolerance=1e-3, gradients=False,
                training=True)


@samples("Solarization")
def solarization(r, name):
    # Keras multiplies the upper ends by 255 and not the lower ones, so that no range but 0 is a single number.
    kwargs = {"addition_factor": 0.0, "threshold_factor": 0.0, **r.some(value_range=[(0, 300)])}
    return Case(r.make(name, **kwargs, **r.some(seed=[3])), image(r), tolerance=TOLERANCE, gradients=False, training=r.flag())


@samples("MaxNumBoundingBoxes")
def max_boxes(r, name):
    # What there is without boxes: Keras's class passes images through.
    return Case(r.make(name, r.int(2, 6), **r.some(fill_value=[-2])), image(r), gradients=False)


FIXED = {
    # class: (arguments under which training is the same for every image of a batch up to a few outcomes, how to compare)
    "RandomBrightness": lambda r: dict(factor=r.one((0.3, 0.3), (-0.2, -0.2)), **r.some(value_range=[(0, 300)])),
    "RandomContrast": lambda r: dict(factor=0.0),
    "RandomSaturation": lambda r: dict(factor=(0.7, 0.7)),
    "RandomHue": lambda r: dict(factor=(0.3, 0.3)),
    "RandomColorDegeneration": lambda r: dict(factor=(0.4, 0.4)),
    "RandomSharpness": lambda r: dict(factor=(0.6, 0.6)),
    "RandomPosterization": lambda r: dict(factor=r.int(2, 6)),
    "RandomInvert": lambda r: dict(factor=r.one((1.0, 1.0), (0.5, 0.5))),
    "RandomGrayscale": lambda r: dict(factor=r.one(1.0, 0.5)),
    # Square: Keras shapes the kernel of others wrongly.
    "RandomGaussianBlur": lambda r: dict(factor=(1.0, 1.0), kernel_size=r.one(3, 5), sigma=(0.8, 0.8)),
    "RandomFlip": lambda r: r.some(mode=["horizontal", "vertical"]),
    "RandomRotation": lambda r: dict(factor=(0.1, 0.1), **r.some(fill_mode=["constant", "nearest", "wrap"], interpolation=["nearest"])),
    "RandomTranslation": lambda r: dict(height_factor=(0.2, 0.2), width_factor=(-0.1, -0.1),
                                        **r.some(fill_mode=["constant", "nearest", "wrap"], fill_value=[3.0])),
    "RandomZoom": lambda r: dict(height_factor=r.one((0.3, 0.3), (-0.3, -0.3)), **r.some(width_factor=[(0.2, 0.2)],
                                                                                     fill_mode=["constant", "nearest", "wrap"])),
    "RandomShear": lambda r: dict(x_factor=(0.3, 0.3), y_factor=(0.1, 0.1), **r.some(fill_mode=["constant", "nearest"])),
    "RandomPerspective": lambda r: dict(factor=0.0),
    "RandomElasticTransform": lambda r: dict(factor=0.0),
    "RandomErasing": lambda r: dict(factor=0.0),
    "RandomColorJitter": lambda r: dict(brightness_factor=(0.2, 0.2), saturation_factor=(0.6, 0.6)),
}
LOOSE = {
    "RandomBrightness": lambda r: dict(factor=0.4),
    "RandomContrast": lambda r: dict(factor=r.one(0.4, (0.2, 0.6))),
    "RandomSaturation": lambda r: dict(factor=(0.2, 0.5)),
    "RandomHue": lambda r: dict(factor=0.5),
    "RandomColorDegeneration": lambda r: dict(factor=0.7),
    "RandomSharpness": lambda r: dict(factor=0.7),
    "RandomPosterization": lambda r: dict(factor=3),
    "RandomInvert": lambda r: dict(factor=0.5),
    "RandomGrayscale": lambda r: dict(factor=0.5),
    "RandomGaussianBlur": lambda r: dict(factor=0.8, sigma=(0.5, 1.0)),
    "RandomFlip": lambda r: {},
    "RandomRotation": lambda r: dict(factor=0.2),
    "RandomTranslation": lambda r: dict(height_factor=0.2, width_factor=(-0.1, 0.3)),
    "RandomZoom": lambda r: dict(height_factor=0.3),
    "RandomShear": lambda r: r.one(dict(x_factor=0.3, y_factor=0.2), dict(x_factor=(0.1, 0.3), y_factor=(0.0, 0.2))),
    "RandomPerspective": lambda r: dict(factor=0.8, scale=0.4),
    "RandomElasticTransform": lambda r: dict(factor=1.0, scale=0.7),
    "RandomErasing": lambda r: dict(factor=1.0, scale=(0.1, 0.3), fill_value=0.0),
    "RandomColorJitter": lambda r: dict(brightness_factor=0.2, contrast_factor=0.2, saturation_factor=(0.4, 0.6), hue_factor=0.1),
    "AugMix": lambda r: {},
    "RandAugment": lambda r: {},
    "CutMix": lambda r: {},
    "MixUp": lambda r: {},
}


@samples(*LOOSE)
def random_image(r, name):
    kind = ("inference", "fixed", "loose")[r.number % 3]
    seed = r.some(seed=[3])
    if kind == "inference":
        return Case(r.make(name, **LOOSE[name](r), **seed), image(r), gradients=False, tolerance=TOLERANCE)
    if kind == "fixed" and name in FIXED:
        same = smooth(10, 12, 14, 3, 200.0)
        return Case(r.make(name, **FIXED[name](r), **seed), same, training=True, compare=one_of)
    return Case(r.make(name, **LOOSE[name](r), **seed), image(r, batch=40, height=14, width=12), training=True,
                # These choose their changes once for a batch: only the range can be compared.
                compare=statistics(0, 255, 1.0 if name in ("AugMix", "RandAugment") else 0.12))


@samples("RandomCrop")
def random_crop(r, name):
    kind, x = r.number % 3, image(r)
    if kind == 0:
        # Outside of training Keras leaves images as they are, whatever shape it states.
        return Case(r.make(name, *x.shape[1:3]), x, gradients=False, tolerance=TOLERANCE)
    if kind == 1:
        return Case(r.make(name, 10, 9), x, training=True, gradients=False, tolerance=TOLERANCE)

    def a_crop(expected, found):
        (e,), (f,) = expected, found
        if e.shape != f.shape or e.dtype != f.dtype:
            return f"expected {e.dtype}{e.shape}, found {f.dtype}{f.shape}"
        crops = [x[:, i:i + 5, j:j + 4] for i in range(4) for j in range(4)]
        return None if any(np.allclose(f, c) for c in crops) else "no crop of the images"

    return Case(r.make(name, 5, 4, **r.some(seed=[3])), x, training=True, compare=a_crop)


@samples("Pipeline")
def pipeline(r, name):
    parts = [keras.layers.Rescaling(1 / 255), keras.layers.CenterCrop(5, 5), keras.layers.Resizing(6, 6),
             keras.layers.AutoContrast(value_range=(0, 1))]
    chosen = [part for part in parts if r.flag(0.7)] or parts[:1]
    return Case(keras.layers.Pipeline(chosen), image(r), gradients=False, tolerance=TOLERANCE)
