//! Products and decompositions of matrices.

use cornet_ops::Tensor;

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
