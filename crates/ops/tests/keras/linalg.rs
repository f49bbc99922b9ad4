//! Products and decompositions of matrices.

use cornet_ops::Tensor;
use cornet_ops::linalg::Norm;
use cornet_tensor::DType;

use crate::support::{close, close_with_gradients, ramp};

const TIGHT: f64 = 2e-6;

#[test]
fn einsum() {
    let (a, b) = (ramp([2, 3, 4], 1), ramp([4, 3, 5], 2));
    let pairs =
        ["abc,cbd->ad", "abc,cbd->abd", "abc,cbd->dba", "abc,cbd->", "abc,cbd->acbd", "abc,cxy->xaby", "abc,cbd"];
    for (i, equation) in pairs.iter().enumerate() {
        close_with_gradients(&format!("einsum.{i}"), &[&a, &b], TIGHT, |x| Tensor::einsum(equation, x));
    }
    let (q, k) = (ramp([2, 3, 2, 4], 1), ramp([2, 5, 2, 4], 2));
    close_with_gradients("einsum.attention", &[&q, &k], TIGHT, |x| Tensor::einsum("BTNH,BSNH->BNTS", x));
    close("einsum.three", &Tensor::einsum("abc,cbd,ad->b", &[&a, &b, &ramp([2, 5], 3)]), TIGHT);
    close("einsum.ellipsis", &Tensor::einsum("...bc,cbd->...d", &[&a, &b]), TIGHT);
    let (x, y) = (ramp([3, 1, 2, 4], 1), ramp([5, 4, 2], 2));
    close("einsum.broadcast", &Tensor::einsum("... a b, ... b c -> ... a c", &[&x, &y]), TIGHT);
    close("einsum.trace", &Tensor::einsum("ijij->j", &[&ramp([3, 4, 3, 4], 1)]), TIGHT);
    close("einsum.implicit", &Tensor::einsum("cab,bad", &[&a.transpose(&[]), &ramp([2, 3, 3], 2)]), TIGHT);
}

#[test]
fn einsum_refuses_what_does_not_fit() {
    let a = ramp([2, 3], 1);
    for (equation, word) in [
        ("ij->ijk", "invalid_argument"),
        ("ij->ii", "invalid_argument"),
        ("i1->i", "invalid_argument"),
        ("ij,jk", "invalid_argument"),
        ("ijk", "rank_mismatch"),
        ("ii", "dim_mismatch"),
        ("i......", "invalid_argument"),
        ("", "rank_mismatch"),
    ] {
        let error = Tensor::einsum(equation, &[&a]).array().unwrap_err();
        assert_eq!(error.code().word(), word, "{equation}: {error}");
    }
    let error = Tensor::einsum("ij,jk->ik", &[&a, &a]).array().unwrap_err();
    assert!(error.to_string().contains("'j' has sizes 3 and 2"), "{error}");
}

#[test]
fn products() {
    let (a, b) = (ramp([2, 3, 4], 1), ramp([4, 3, 5], 2));
    close("tensordot.2", &a.tensordot(&ramp([3, 4, 2], 2), 2), TIGHT);
    close("tensordot.axes", &a.tensordot_axes(&b, &[2, 1], &[0, 1]), TIGHT);
    close("dot", &a.dot(ramp([2, 4, 3], 2)), TIGHT);
    close("dot.vectors", &ramp([5], 1).dot(ramp([5], 2)), TIGHT);
    close("inner", &a.inner(ramp([5, 4], 2)), TIGHT);
    close("outer", &ramp([2, 3], 1).outer(ramp([4], 2)), TIGHT);
    close("kron", &ramp([2, 3], 1).kron(ramp([2, 2, 2], 2)), TIGHT);
}

/// Well-conditioned matrices.
fn solid(shape: [usize; 3], seed: i64) -> Tensor {
    ramp(shape, seed) + Tensor::eye(shape[2], shape[2], 0, DType::F32) * shape[2] as f64
}

const LOOSE: f64 = 2e-5;

#[test]
fn cholesky() {
    let a = solid([2, 4, 4], 1);
    let s = &a + a.swap_last();
    close_with_gradients("cholesky", &[&s], LOOSE, |x| x[0].cholesky(false));
    close("cholesky.upper", &s.cholesky(true), LOOSE);
    close("cholesky_inverse", &s.cholesky(false).cholesky_inverse(false), LOOSE);
    close("cholesky_inverse.upper", &s.cholesky(true).cholesky_inverse(true), LOOSE);
    let error = (-s).cholesky(false).array().unwrap_err();
    assert_eq!(error.code().word(), "invalid_argument", "{error}");
}

#[test]
fn determinants_and_systems() {
    let (a, b) = (solid([2, 4, 4], 1), ramp([2, 4, 3], 3));
    close_with_gradients("det", &[&a], LOOSE, |x| x[0].det());
    close_with_gradients("inv", &[&a], LOOSE, |x| x[0].inv());
    close_with_gradients("slogdet", &[&(-&a)], LOOSE, |x| x[0].slogdet().1);
    close("slogdet.sign", &(-&a).slice(&[0, 0, 0], &[2, 3, 3]).slogdet().0, LOOSE);
    close("logdet", &(&a + a.swap_last()).logdet(), LOOSE);
    close_with_gradients("solve", &[&a, &b], LOOSE, |x| x[0].solve(x[1]));
    close("solve.vectors", &a.solve(&b.slice_axis(2, 0, 1).squeeze(&[2])), LOOSE);
    close_with_gradients("solve_triangular", &[&a, &b], LOOSE, |x| x[0].solve_triangular(x[1], true));
    close("solve_triangular.upper", &a.solve_triangular(&b, false), LOOSE);
    close("lu_factor", &ramp([2, 4, 4], 7).lu_factor().0, LOOSE);
    let singular = Tensor::ones([3, 3], DType::F32).inv().array().unwrap_err();
    assert_eq!(singular.code().word(), "invalid_argument");
}

#[test]
fn orthogonal_factors() {
    let tall = tall();
    close_with_gradients("qr.q", &[&tall], LOOSE, |x| x[0].qr(false).0);
    close_with_gradients("qr.r", &[&tall], LOOSE, |x| x[0].qr(false).1);
    let (q, r) = tall.qr(true);
    close("qr.complete.0", &q, LOOSE);
    close("qr.complete.1", &r, LOOSE);
    let (q, r) = tall.swap_last().qr(false);
    close("qr.wide.0", &q, LOOSE);
    close("qr.wide.1", &r, LOOSE);
}

#[test]
fn spectra() {
    let (a, tall) = (solid([2, 4, 4], 1), tall());
    let s = &a + a.swap_last();
    let s = s + Tensor::of([0.0_f32, 1.0, 2.0, 3.0]).diag(0);
    close_with_gradients("eigh.w", &[&s], LOOSE, |x| x[0].eigh().0);
    close_with_gradients("eigh.projector", &[&s], 2e-4, |x| x[0].eigh().1.square());
    close_with_gradients("svd.s", &[&tall], LOOSE, |x| x[0].singular_values());
    close_with_gradients("svd.u", &[&tall], 2e-4, |x| x[0].svd(false).0.square());
    let general = ramp([5, 5], 4);
    let (w, v) = general.eig();
    close("eig", &w, LOOSE);
    let moved = general.cast(DType::C64).matmul(&v) - &v * w.expand_dims(&[0]);
    assert!(moved.abs().max(&[], false).item::<f32>().unwrap() < 1e-5);
}

#[test]
fn pseudo_inverses() {
    let tall = tall();
    close("pinv", &tall.pinv(None), LOOSE);
    close("pinv.singular", &Tensor::of([[1.0_f32, 1.0], [2.0, 2.0], [3.0, 3.0]]).pinv(None), LOOSE);
    let first = tall.slice_axis(0, 0, 1).squeeze(&[0]);
    close("lstsq", &first.lstsq(&ramp([5, 2], 3), None), LOOSE);
    close("lstsq.vector", &first.swap_last().lstsq(&ramp([3], 3), None), LOOSE);
    let pair = Tensor::stack(&[&Tensor::eye(3, 3, 0, DType::F32), &Tensor::ones([3, 3], DType::F32)], 0);
    close("matrix_rank", &pair.matrix_rank(None), 0.0);
}

#[test]
fn norms() {
    use Norm::*;
    let x = ramp([3, 4, 2], 5);
    let vectors = [
        ("None", Euclidean),
        ("0", Order(0.0)),
        ("1", Order(1.0)),
        ("2", Order(2.0)),
        ("3", Order(3.0)),
        ("inf", Infinity),
    ];
    for (word, ord) in vectors.into_iter().chain([("-inf", NegativeInfinity)]) {
        close(&format!("norm.vector.{word}"), &x.norm(ord, &[1], false), LOOSE);
    }
    let matrices = [("None", Euclidean), ("fro", Frobenius), ("nuc", Nuclear), ("1", Order(1.0)), ("-1", Order(-1.0))];
    let more = [("2", Order(2.0)), ("-2", Order(-2.0)), ("inf", Infinity), ("-inf", NegativeInfinity)];
    for (word, ord) in matrices.into_iter().chain(more) {
        close(&format!("norm.matrix.{word}"), &x.norm(ord, &[2, 0], false), LOOSE);
    }
    let first = x.slice_axis(0, 0, 1).squeeze(&[0]);
    close("norm.all", &first.norm(Euclidean, &[], true), LOOSE);
}

#[test]
fn small_products() {
    close("cross", &ramp([4, 3], 1).cross(ramp([4, 3], 2), -1), TIGHT);
    close("cross.2", &ramp([4, 2], 1).cross(ramp([4, 2], 2), -1), TIGHT);
    close("cross.mixed", &ramp([4, 2], 1).cross(ramp([4, 3], 2), -1), TIGHT);
    close("trace", &ramp([3, 4, 5], 1).trace(1, 0, 2), TIGHT);
    let z = ramp([3, 4], 1).complex(ramp([3, 4], 2));
    close("vdot", &z.vdot(ramp([3, 4], 3).cast(DType::C64)), TIGHT);
}

fn tall() -> Tensor {
    ramp([2, 5, 3], 2) + Tensor::eye(5, 3, 0, DType::F32)
}
