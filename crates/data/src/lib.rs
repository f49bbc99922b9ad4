//! Datasets: the embedded digits, MNIST, the cache and its downloads.
