"""Samplers: attention."""

from _samples import Case, samples


@samples("Attention", "AdditiveAttention")
def attention(r, name):
    batch, queries, keys, size = 2, r.int(2, 4), r.int(2, 5), r.int(2, 4)
    if name == "Attention":
        kwargs = r.some(use_scale=[True], score_mode=["concat"], dropout=[0.3], seed=[7])
    else:
        kwargs = r.some(use_scale=[False], dropout=[0.3])
    inputs = [r.floats(batch, queries, size), r.floats(batch, keys, size)]
    if r.flag():
        inputs.append(r.floats(batch, keys, size))
    masks = []
    if r.flag() and not r.policy:
        masks = [r.mask(batch, queries) if r.flag() else None, r.mask(batch, keys)] + [None] * (len(inputs) - 2)
    values = {k: True for k in ("return_attention_scores", "use_causal_mask") if r.flag(0.35)}
    return Case(r.make(name, **kwargs), *inputs, how="list", values=values, masks=masks)


@samples("MultiHeadAttention", "GroupQueryAttention")
def multi_head(r, name):
    batch, queries, keys, size = 2, r.int(2, 4), r.int(2, 5), r.int(2, 5)
    kwargs = r.some(use_bias=[False], dropout=[0.2], use_gate=[True], seed=[3], activity_regularizer=["l2"])
    kwargs.update(r.weights("kernel", "bias"))
    for key in [k for k in kwargs if k.endswith("_constraint") and kwargs[k] == "unit_norm"]:
        kwargs.pop(key)
    axes = None
    if name == "MultiHeadAttention":
        kwargs.update(r.some(value_dim=[2, 5]))
        kind = r.one("plain", "plain", "output_shape", "axes", "window")
        if kind == "output_shape":
            kwargs["output_shape"] = r.one(6, (3,))
        elif kind == "axes":
            axes = kwargs["attention_axes"] = r.one((1, 2), (2,))
        elif kind == "window":
            kwargs["sliding_window"] = 2
            keys = queries
        layer = r.make(name, r.int(1, 3), r.int(2, 4), **kwargs)
    else:
        if r.flag(0.2):
            kwargs["sliding_window"] = 2
            keys = queries
        groups = r.int(1, 2)
        layer = r.make(name, r.int(2, 4), groups * r.int(1, 3), groups, **kwargs)
    if axes:
        inner = (2, 3)
        return Case(layer, r.floats(batch, *inner, size), r.floats(batch, *inner, size), how="args", tolerance=1e-5)
    inputs = [r.floats(batch, queries, size), r.floats(batch, keys, size)]
    if r.flag(0.4):
        inputs.append(r.floats(batch, keys, r.one(size, size + 1)))
    tensors, masks = {}, []
    if r.flag(0.4):
        mask = r.rng.random((batch, queries, keys)) < 0.7
        mask[:, :, 0] = True
        tensors["attention_mask"] = mask
    elif r.flag() and not r.policy:
        masks = [r.mask(batch, queries) if r.flag() else None, r.mask(batch, keys)] + [None] * (len(inputs) - 2)
    values = {k: True for k in ("return_attention_scores", "use_causal_mask") if r.flag(0.35)}
    return Case(layer, *inputs, how="args", tensors=tensors, values=values, masks=masks)
