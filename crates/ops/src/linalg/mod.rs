//! Products of matrices, decompositions, and what is made of them.

mod dense;
mod einsum;
mod norms;
mod products;

pub use norms::Norm;

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
