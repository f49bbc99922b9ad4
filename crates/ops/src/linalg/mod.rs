//! Products of matrices, decompositions, and what is made of them.

mod dense;
mod einsum;
mod products;
pub(crate) mod triangles;

family! {
    cholesky
    det
    eig
    eigh
    lu
    matmul
    qr
    slogdet
    solve
    solve_triangular
    svd
}
