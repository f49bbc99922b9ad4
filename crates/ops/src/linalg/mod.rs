//! Products of matrices and what is made of them.

mod einsum;
mod products;
pub(crate) mod triangles;

family! {
    matmul
}
