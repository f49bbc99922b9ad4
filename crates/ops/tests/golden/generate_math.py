"""Writes math.npz: what Keras gives for the cases of tests/keras_math.rs.

Run as `python generate_math.py` with Keras 3.15.1 and JAX 0.10.2.
Inputs are computed here and in the test alike, so only results are stored.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
import jax
import keras
import numpy as np
from keras import ops

out = {}


def ramp(shape, seed=0, dtype="float32"):
    n = int(np.prod(shape, dtype=np.int64))
    i = np.arange(n, dtype=np.int64)
    return (((i * 7919 + seed * 104729) % 2003) / 1001.5 - 1.0).astype(dtype).reshape(shape)


def put(name, value):
    value = np.asarray(ops.convert_to_numpy(value))
    assert name not in out, name
    out[name] = value


INF, NAN = float("inf"), float("nan")
SPECIAL = np.array([-INF, -3, -2.5, -1.5, -1, -0.5, -0.0, 0, 0.5, 1, 1.5, 2.5, 3, INF, NAN], "float32")
WIDE = 4 * ramp((4, 6), 1)
ABOVE = np.abs(WIDE) + np.float32(0.0625)
UNIT = np.float32(0.9375) * ramp((4, 6), 2)
OTHER = 3 * ramp((6,), 3)
INTS = np.array([-7, -3, -2, -1, 0, 1, 2, 3, 5, 12], "int32")
DIVISORS = np.array([3, -3, 2, -2, 5, -5, 4, 7, -4, 8], "int32")
HOLES = np.array([[1, NAN, 3, -2], [NAN, NAN, NAN, NAN], [4, 0.5, NAN, -1]], "float32")
TIES = np.array([[1, 3, 3, 2], [5, 5, 5, 5], [-1, 0, -1, 0]], "float32")


def unary(name, x, *args, special=True, **kwargs):
    f = getattr(ops, name)
    run = lambda v: f(v, *args, **kwargs)
    put(name, run(x))
    put(f"{name}.grad", jax.grad(lambda v: (run(v) * ramp(v.shape, 9)).sum())(x))
    if special:
        put(f"{name}.special", run(SPECIAL))


def binary(name, a, b, grad=True):
    f = getattr(ops, name)
    put(name, f(a, b))
    if grad:
        g = jax.grad(lambda a, b: (f(a, b) * ramp((4, 6), 9)).sum(), (0, 1))(a, b)
        put(f"{name}.grad0", g[0])
        put(f"{name}.grad1", g[1])
    put(f"{name}.special", f(SPECIAL[:, None], SPECIAL[None, :]))


def functions():
    for name in ("absolute sign sin cos tan arctan sinh cosh tanh arcsinh expm1 exp exp2 erf erfc sigmoid silu softplus "
                 "softsign relu relu6 selu log_sigmoid hard_sigmoid hard_silu hard_tanh tanh_shrink soft_shrink "
                 "hard_shrink sparse_plus sparse_sigmoid sinc square deg2rad rad2deg elu celu leaky_relu squareplus i0 "
                 "cbrt reciprocal").split():
        unary(name, WIDE)
    for name in "log log2 log10 log1p sqrt rsqrt".split():
        unary(name, ABOVE)
    for name in "arcsin arccos arctanh erfinv".split():
        unary(name, UNIT)
    unary("arccosh", ABOVE + 1)
    put("gelu.tanh", ops.gelu(WIDE))
    put("gelu.erf", ops.gelu(WIDE, approximate=False))
    put("threshold", ops.threshold(WIDE, 0.5, -3.0))
    put("glu", ops.glu(WIDE, 0))
    put("mish", keras.activations.mish(WIDE))
    put("lgamma", jax.scipy.special.gammaln(WIDE))
    put("digamma", jax.scipy.special.digamma(ABOVE))
    for name in "floor ceil round trunc isnan isinf isfinite isposinf isneginf signbit nan_to_num".split():
        put(f"{name}.special", getattr(ops, name)(SPECIAL))
    put("round.2", ops.round(WIDE, 2))
    put("nan_to_num.some", ops.nan_to_num(SPECIAL, nan=7.0, posinf=8.0, neginf=-9.0))
    for name in "floor sqrt exp sinc log2 absolute sign square round trunc isnan".split():
        put(f"{name}.ints", getattr(ops, name)(INTS))


def pairs():
    for name in "add subtract multiply divide maximum minimum arctan2 logaddexp logaddexp2 hypot".split():
        binary(name, WIDE, OTHER)
    binary("power", ABOVE, OTHER)
    binary("mod", WIDE, OTHER)
    binary("fmod", WIDE, OTHER)
    for name in "divide_no_nan fmax fmin heaviside nextafter".split():
        put(f"{name}.special", getattr(ops, name)(SPECIAL[:, None], SPECIAL[None, :]))
    for name in "equal less greater_equal not_equal isclose logical_and logical_or logical_xor".split():
        put(f"{name}.special", getattr(ops, name)(SPECIAL[:, None], SPECIAL[None, :]))
    put("isclose.nan", ops.isclose(SPECIAL[:, None], SPECIAL[None, :], 0.2, 0.3, True))
    for name in "floor_divide mod fmod gcd lcm bitwise_and bitwise_or bitwise_xor divide maximum".split():
        put(f"{name}.ints", getattr(ops, name)(INTS, DIVISORS))
    put("power.ints", ops.power(INTS, np.abs(DIVISORS)))
    put("left_shift.ints", ops.left_shift(INTS, np.abs(DIVISORS)))
    put("right_shift.ints", ops.right_shift(INTS, np.abs(DIVISORS)))
    put("bitwise_not.ints", ops.bitwise_not(INTS))
    put("ldexp", ops.ldexp(WIDE, np.array([-20, 3, 0, 1, 40, -3], "int32")))
    put("clip", ops.clip(WIDE, -1.5, OTHER))
    put("where", ops.where(WIDE > 0, WIDE, OTHER))
    put("select", ops.select([WIDE > 2, WIDE > 0], [WIDE, -WIDE], 0.5))
    put("vander", ops.vander(OTHER, 4))
    put("vander.increasing", ops.vander(INTS, 3, increasing=True))
    z = jax.lax.complex(WIDE, WIDE[::-1])
    for name in "absolute angle real imag conj isreal view_as_real".split():
        put(f"{name}.complex", getattr(ops, name)(z))
    put("angle.special", ops.angle(SPECIAL))
    put("polar", ops.polar(ABOVE, OTHER + 0 * ABOVE))


def reductions():
    x = WIDE.reshape(2, 3, 4)
    for name in "sum prod mean max min var std logsumexp median ptp all any amax amin".split():
        f = getattr(ops, name)
        put(name, f(x, axis=(0, 2)))
        put(f"{name}.all", f(x))
        put(f"{name}.keep", f(x, axis=-2, keepdims=True))
        put(f"{name}.nan", f(HOLES, axis=1))
    for name in "sum prod mean max min var std logsumexp".split():
        put(f"{name}.grad", jax.grad(lambda v: (getattr(ops, name)(v, axis=1) * ramp((3,), 9)).sum())(TIES))
    for name in "nansum nanprod nanmean nanmax nanmin nanvar nanstd nanmedian".split():
        put(name, getattr(ops, name)(HOLES, axis=1))
        put(f"{name}.all", getattr(ops, name)(HOLES))
    for name in "nanargmax nanargmin argmax argmin".split():
        put(name, getattr(ops, name)(HOLES, axis=1))
        put(f"{name}.keep", getattr(ops, name)(TIES, axis=0, keepdims=True))
        put(f"{name}.all", getattr(ops, name)(TIES, keepdims=True))
    for name in "cumsum cumprod nancumsum nancumprod".split():
        put(name, getattr(ops, name)(HOLES, axis=1))
        put(f"{name}.flat", getattr(ops, name)(TIES))
    for name in "sum prod mean max var cumsum any".split():
        put(f"{name}.ints", getattr(ops, name)(INTS.astype("int8")))
    for method in "linear lower higher midpoint nearest".split():
        for q in (0.0, 0.1, 0.375, 0.5, 0.9, 1.0):
            put(f"quantile.{method}.{q}", ops.quantile(x, q, axis=1, method=method))
    put("quantile.several", ops.quantile(x, np.array([0.25, 0.6], "float32"), axis=(0, 2), keepdims=True))
    put("percentile", ops.percentile(x, 30.0, axis=-1))
    put("nanquantile", ops.nanquantile(HOLES, 0.4, axis=1))
    put("nanpercentile", ops.nanpercentile(HOLES, 60.0, axis=1, keepdims=True))
    put("average", ops.average(WIDE, axis=1, weights=ABOVE[0]))
    put("average.all", ops.average(WIDE, weights=ABOVE))
    put("count_nonzero", ops.count_nonzero(TIES, axis=0))
    put("max.initial", ops.max(TIES, axis=1, initial=2.5))
    put("min.initial", ops.min(TIES, axis=0, initial=0.5))
    put("trapezoid", ops.trapezoid(WIDE, dx=0.5))
    put("trapezoid.x", ops.trapezoid(WIDE, x=ABOVE[0], axis=1))
    put("diff", ops.diff(WIDE, n=2, axis=0))


def further():
    zeros = np.array([[2, 0, 3, 0.5], [0, 1.5, 0, 2]], "float32")
    for name in ("prod", "cumprod"):
        f = lambda v: (getattr(ops, name)(v, axis=1) * ramp((2, 4) if name == "cumprod" else (2,), 9)).sum()
        put(f"{name}.zeros.grad", jax.grad(f)(zeros))
    put("sparsemax", ops.sparsemax(WIDE))
    put("sparsemax.0", ops.sparsemax(WIDE, axis=0))
    put("sparsemax.grad", jax.grad(lambda v: (ops.sparsemax(v) * ramp(v.shape, 9)).sum())(WIDE))
    put("cdist", ops.cdist(WIDE, UNIT))
    put("corrcoef", ops.corrcoef(WIDE))
    put("psnr", ops.psnr(WIDE, UNIT, 4.0))
    for mode in ("valid", "same", "full"):
        put(f"correlate.{mode}", ops.correlate(WIDE[0], OTHER[:4], mode=mode))
        put(f"correlate.{mode}.swapped", ops.correlate(OTHER[:3], WIDE[0], mode=mode))
    for n in (1, 2, 7, 8):
        for name in ("bartlett", "blackman", "hamming", "hanning"):
            put(f"{name}.{n}", getattr(ops, name)(n))
        put(f"kaiser.{n}", ops.kaiser(n, 8.6))


further()
functions()
pairs()
reductions()
assert keras.__version__ == "3.15.1" and jax.__version__ == "0.10.2"
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "math.npz")
np.savez_compressed(path, **out)
print(len(out), "results", os.path.getsize(path), "bytes")
