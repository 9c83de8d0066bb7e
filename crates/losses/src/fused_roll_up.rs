//! From leaf logits to node logits as one operation on CPU: one node in the graph, bottom-up along the tree.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Shape, Tensor, WithDType, bail};
use heliacal_taxonomy::{LeafIndex, Taxonomy};

use crate::fused_log_softmax::numbers;
use crate::log_softmax::LARGEST_LOGIT;

/// What stands at a node of the tree.
#[derive(Debug, Clone)]
enum Node {
    Leaf(usize),
    Inner(Range<usize>),
}

/// `s_C = ln Σ_{children} exp s - max_k x_k` with `s = x` at the leaves: `[batch, n_leaves] -> [batch, n_nodes]`.
#[derive(Debug, Clone)]
pub(crate) struct FusedRollUp {
    nodes: Arc<[Node]>,
    n_leaves: usize,
}

impl FusedRollUp {
    pub(crate) fn new(taxonomy: &Taxonomy) -> Self {
        let node = |node| match taxonomy.leaf_of(node).map(LeafIndex::index) {
            Some(leaf) => Node::Leaf(leaf),
            None => Node::Inner(taxonomy.children(node)),
        };
        Self { nodes: taxonomy.nodes().map(node).collect(), n_leaves: taxonomy.n_leaves() }
    }

    fn forward<T: WithDType>(&self, logits: &[T]) -> Vec<T> {
        let limit = |logit: &T| logit.to_f64().clamp(-LARGEST_LOGIT, LARGEST_LOGIT);
        let mut out = Vec::with_capacity(logits.len() / self.n_leaves * self.nodes.len());
        let mut scores = vec![0.0; self.nodes.len()];
        for logits in logits.chunks_exact(self.n_leaves) {
            let largest = logits.iter().map(limit).fold(f64::NEG_INFINITY, f64::max);
            // Children come after their parents.
            for (i, node) in self.nodes.iter().enumerate().rev() {
                scores[i] = match node {
                    Node::Leaf(leaf) => limit(&logits[*leaf]) - largest,
                    Node::Inner(children) => {
                        let children = &scores[children.clone()];
                        let max = children.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        children.iter().map(|score| (score - max).exp()).sum::<f64>().ln() + max
                    }
                };
            }
            out.extend(scores.iter().map(|&score| T::from_f64(score)));
        }
        out
    }
}

/// The gradient of the leaf logits: what a node receives goes on to its children by their shares.
struct Backward(FusedRollUp);

impl Backward {
    fn gradient<T: WithDType>(&self, logits: &[T], scores: &[T], gradient: &[T]) -> Vec<T> {
        let (n_leaves, n_nodes) = (self.0.n_leaves, self.0.nodes.len());
        let mut out = vec![T::zero(); logits.len()];
        let mut received = vec![0.0; n_nodes];
        for (((logits, scores), gradient), out) in logits
            .chunks_exact(n_leaves)
            .zip(scores.chunks_exact(n_nodes))
            .zip(gradient.chunks_exact(n_nodes))
            .zip(out.chunks_exact_mut(n_leaves))
        {
            for (received, g) in received.iter_mut().zip(gradient) {
                *received = g.to_f64();
            }
            for (i, node) in self.0.nodes.iter().enumerate() {
                match node {
                    // A logit beyond the limit is a constant.
                    Node::Leaf(leaf) if logits[*leaf].to_f64().abs() > LARGEST_LOGIT => {}
                    Node::Leaf(leaf) => out[*leaf] = T::from_f64(received[i]),
                    Node::Inner(children) => {
                        for child in children.clone() {
                            received[child] +=
                                received[i] * (scores[child].to_f64() - scores[i].to_f64()).exp();
                        }
                    }
                }
            }
        }
        out
    }
}

impl CustomOp1 for FusedRollUp {
    fn name(&self) -> &'static str {
        "roll-up"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let out = match storage {
            CpuStorage::F32(_) => CpuStorage::F32(self.forward(numbers(storage, layout)?)),
            CpuStorage::F64(_) => CpuStorage::F64(self.forward(numbers(storage, layout)?)),
            _ => bail!("a fused roll-up needs F32 or F64"),
        };
        let n_rows = layout.shape().elem_count() / self.n_leaves;
        Ok((out, Shape::from((n_rows, self.nodes.len()))))
    }

    fn bwd(
        &self,
        logits: &Tensor,
        scores: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        let (logits, gradient) = (logits.contiguous()?, gradient.contiguous()?);
        logits.apply_op3_no_bwd(scores, &gradient, &Backward(self.clone())).map(Some)
    }
}

impl CustomOp3 for Backward {
    fn name(&self) -> &'static str {
        "roll-up-backward"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        of_logits: &Layout,
        scores: &CpuStorage,
        of_scores: &Layout,
        gradient: &CpuStorage,
        of_gradient: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        macro_rules! gradient {
            ($kind:ident) => {
                CpuStorage::$kind(self.gradient(
                    numbers(logits, of_logits)?,
                    numbers(scores, of_scores)?,
                    numbers(gradient, of_gradient)?,
                ))
            };
        }
        let out = match logits {
            CpuStorage::F32(_) => gradient!(F32),
            CpuStorage::F64(_) => gradient!(F64),
            _ => bail!("a fused roll-up needs F32 or F64"),
        };
        Ok((out, of_logits.shape().clone()))
    }
}
