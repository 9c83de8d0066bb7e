//! Additive attention over ragged batches: which steps of a sequence to listen to.
//!
//! Sequences come as in the recurrent layers, their rows one after the other in the caller's order and a length each.
//! The products with the weights are candle's; what candle has no ragged form of (softmax and weighted sum over each
//! sequence's own steps, and their running form) are operations with a backward pass of their own, O(rows x width).
//! Devices other than the CPU get the same results from candle's operations.

mod additive;
mod additive_scores;
mod masked_softmax;
mod mixed_rows;
mod prefix_attention;
mod prefix_log_sum;
mod previous_rows;
mod real;
mod running;
mod scorer;
mod segment_softmax;
mod segment_sum;
mod segments;
#[cfg(test)]
mod testing;

pub use additive::{AdditiveAttention, AdditiveAttentionConfig};
pub use masked_softmax::masked_softmax;
pub(crate) use mixed_rows::mixed_rows;
pub use prefix_attention::prefix_attention;
pub(crate) use prefix_log_sum::prefix_log_sum;
pub(crate) use previous_rows::previous_rows;
pub use running::AttentionState;
pub use scorer::AdditiveScorer;
pub use segment_softmax::segment_softmax;
pub use segment_sum::segment_sum;
