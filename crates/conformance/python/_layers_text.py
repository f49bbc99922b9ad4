"""Samplers: text, structured data and sound."""

import numpy as np

from _samples import Case, samples

WORDS = ["earth", "wind", "and", "fire", "Wind", "été", "naïve", "a", "b", "the", "日本", "x-y", "don't"]
SENTENCES = ["The quick brown fox.", "  jumps over, the LAZY dog! ", "", "été à la plage", "a-b_c d'e (f) [g]", "the the fox fox fox",
             "Tabs\tand\nlines", "don't stop"]


def strings(*items):
    return np.array(items, dtype=object)


def words(r, shape):
    return np.array(r.rng.choice(WORDS, shape), dtype=object)


@samples("StringLookup")
def string_lookup(r, name):
    known = list(r.rng.permutation(WORDS)[: r.int(2, 8)])
    kwargs = r.some(num_oov_indices=[2, 3], mask_token=["", "mask"], oov_token=["<oov>"])
    kind = r.one("int", "int", "one_hot", "multi_hot", "count", "tf_idf", "invert")
    if kind == "invert":
        kwargs.pop("num_oov_indices", None)
        layer = r.make(name, vocabulary=known, invert=True, **kwargs)
        return Case(layer, r.ints(0, len(known), (2, 3), "int64"), compiled=False)
    if kind == "tf_idf":
        kwargs["idf_weights"] = [round(float(w), 3) for w in r.uniform(0.1, 2, len(known))]
    if kind != "int":
        kwargs["output_mode"] = kind
        kwargs.pop("mask_token", None)
        kwargs.update(r.some(max_tokens=[len(known) + 9], pad_to_max_tokens=[True]))
        if kwargs.get("pad_to_max_tokens") and "max_tokens" not in kwargs:
            kwargs.pop("pad_to_max_tokens")
    shape = (3, 1) if kind == "one_hot" else (3, 4)
    return Case(r.make(name, vocabulary=known, **kwargs), words(r, shape), compiled=False)


@samples("IntegerLookup")
def integer_lookup(r, name):
    known = [int(v) for v in r.rng.permutation(60)[: r.int(2, 8)] + 5]
    kwargs = r.some(num_oov_indices=[2, 3], mask_token=[0], oov_token=[-7])
    kind = r.one("int", "int", "one_hot", "multi_hot", "count", "tf_idf", "invert")
    if kind == "invert":
        kwargs.pop("num_oov_indices", None)
        return Case(r.make(name, vocabulary=known, invert=True, **kwargs), r.ints(0, len(known), (2, 3), "int64"), compiled=False)
    if kind == "tf_idf":
        kwargs["idf_weights"] = [round(float(w), 3) for w in r.uniform(0.1, 2, len(known))]
    if kind != "int":
        kwargs["output_mode"] = kind
        kwargs.pop("mask_token", None)
    x = r.rng.choice(known + [1, 2, 3, 77], (3, 1) if kind == "one_hot" else (3, 4)).astype("int64")
    return Case(r.make(name, vocabulary=known, **kwargs), x, compiled=False)


@samples("TextVectorization")
def text_vectorization(r, name):
    known = ["the", "fox", "quick", "brown", "dog", "été", "a", "the fox"][: r.int(3, 8)]
    kwargs = r.some(standardize=["lower", "strip_punctuation", None], split=["character", None], ngrams=[2, (1, 3)])
    kind = r.one("int", "int", "multi_hot", "count", "tf_idf")
    if kind == "int":
        kwargs.update(r.some(output_sequence_length=[3, 9]))
    else:
        kwargs.update(output_mode=kind, **r.some(max_tokens=[20], pad_to_max_tokens=[True]))
        if kwargs.get("pad_to_max_tokens") and "max_tokens" not in kwargs:
            kwargs.pop("pad_to_max_tokens")
        if kind == "tf_idf":
            kwargs["idf_weights"] = [round(float(w), 3) for w in r.uniform(0.1, 2, len(known))]
    chosen = list(r.rng.choice(SENTENCES, r.int(2, 4)))
    x = strings(*chosen) if r.flag() else strings(*chosen).reshape(-1, 1)
    return Case(r.make(name, vocabulary=known, **kwargs), x, compiled=False)


@samples("Hashing")
def hashing(r, name):
    text = r.flag()
    x = words(r, (3, 4)) if text else r.ints(-50, 50, (3, 4), "int64")
    kwargs = r.some(salt=[133, [7, 9]])
    if r.flag(0.4):
        kwargs["mask_value"] = WORDS[0] if text else 3
    if r.flag(0.4):
        kwargs["output_mode"] = r.one("one_hot", "multi_hot", "count")
        x = x[:, :1] if kwargs["output_mode"] == "one_hot" else x
    return Case(r.make(name, r.int(2, 20), **kwargs), x, compiled=not text)


@samples("HashedCrossing")
def hashed_crossing(r, name):
    shape = r.one((4,), (4, 1))
    kwargs = r.some(output_mode=["one_hot"])
    a = words(r, shape) if r.flag() else r.ints(0, 9, shape, "int64")
    return Case(r.make(name, r.int(3, 20), **kwargs), a, r.ints(0, 9, shape, "int64"), how="list", compiled=False)


@samples("CategoryEncoding")
def category_encoding(r, name):
    n, mode = r.int(3, 8), r.one("one_hot", "multi_hot", "count", "count")
    x = r.ints(0, n - 1, (3, 1) if mode == "one_hot" else (3, 4), r.one("int32", "int64"))
    tensors = {"count_weights": r.floats(*x.shape)} if mode == "count" and r.flag() else {}
    kwargs = {} if mode == "multi_hot" and r.flag() else {"output_mode": mode}
    return Case(r.make(name, n, **kwargs), x, tensors=tensors)


@samples("Discretization")
def discretization(r, name):
    kwargs = r.some(output_mode=["one_hot", "multi_hot", "count"])
    x = r.floats(3, 1 if kwargs.get("output_mode") == "one_hot" else 4) * 2
    if r.flag(0.3):
        layer = r.make(name, num_bins=r.int(2, 5), **kwargs)
        layer.adapt(r.floats(50, 1))
    else:
        layer = r.make(name, bin_boundaries=sorted(round(float(v), 2) for v in r.floats(r.int(1, 4))), **kwargs)
    return Case(layer, x, gradients=False)


@samples("Normalization")
def normalization(r, name):
    axis, shape, stat = r.one((-1, (3, 4), (4,)), (None, (3, 4), ()), (1, (3, 4, 2), (4,)), ((1, 2), (3, 4, 2), (4, 2)))
    kwargs = r.some(invert=[True])
    if r.flag():
        mean, variance = r.floats(*stat), 0.5 + r.uniform(0, 1, *stat)
        as_list = (lambda v: v.tolist()) if stat else float
        return Case(r.make(name, axis=axis, mean=as_list(mean), variance=as_list(variance), **kwargs), r.floats(*shape))
    layer = r.make(name, axis=axis, **kwargs)
    layer.adapt(r.floats(20, *shape[1:]) * 2 + 1)
    return Case(layer, r.floats(*shape), weights=lambda layer, rng: None)


@samples("Rescaling")
def rescaling(r, name):
    x = r.floats(2, 3, 3, 2) if r.flag() or r.policy else r.ints(0, 255, (2, 3, 3, 2), "uint8")
    return Case(r.make(name, r.one(1 / 255, 2.0, [1.0, 0.5]), **r.some(offset=[-1.0, [0.1, 0.2]])), x)


@samples("MelSpectrogram")
def mel_spectrogram(r, name):
    kwargs = dict(fft_length=r.one(32, 64), sequence_stride=r.one(8, 16), sampling_rate=r.one(400, 800), num_mel_bins=r.int(4, 8))
    kwargs.update(r.some(power_to_db=[False], mag_exp=[1.0], min_freq=[5.0], window=["hamming", None], top_db=[30.0],
                         sequence_length=[24], ref_power=[0.5]))
    return Case(r.make(name, **kwargs), r.floats(*r.one((2, 200), (160,))), tolerance=1e-4, gradients=False)


@samples("STFTSpectrogram")
def stft_spectrogram(r, name):
    mode = r.one("log", "magnitude", "psd", "real", "imag", "angle", "stft")
    kwargs = dict(mode=mode, frame_length=r.one(16, 32))
    kwargs.update(r.some(frame_step=[8, 5], fft_length=[64], window=["hamming", None], periodic=[True],
                         scaling=["spectrum", None], padding=["same"], expand_dims=[True]))
    # An angle or a logarithm of what is nearly 0 is rounding.
    return Case(r.make(name, **kwargs), r.floats(2, 100, r.int(1, 2)), tolerance=1e-4, gradients=mode in ("real", "imag", "psd"))
