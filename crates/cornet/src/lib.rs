//! Deep learning from the first tensor to production.
