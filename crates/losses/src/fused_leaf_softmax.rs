//! From leaf logits to the log-conditionals of all nodes as one operation: one node in the graph, bottom-up along the
//! tree.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Shape, Tensor, WithDType, bail};
use heliacal_taxonomy::{LeafIndex, Taxonomy};

use crate::Result;
use crate::fused_op::{apply, is_beyond, limited, numbers};

/// What stands at a node of the tree.
#[derive(Debug, Clone)]
enum Node {
    Leaf(usize),
    Inner(Range<usize>),
}

/// `ln Σ_{leaves below C} exp x - ln Σ_{leaves below the parent} exp x`, `[batch, n_leaves] -> [batch, n_nodes]`, in
/// double precision whatever the number type and rounded once.
///
/// Each node keeps `ln Σ exp x` as its largest logit and what the others add to it. Two neighbours then differ by small
/// numbers however far from 0 they are, and a large logit elsewhere takes no digits from them.
#[derive(Debug, Clone)]
pub(crate) struct FusedLeafSoftmax {
    nodes: Arc<[Node]>,
    n_leaves: usize,
}

/// One row of a batch while it is worked on, an entry per node.
struct Row {
    /// Largest logit at or below.
    largest: Vec<f64>,
    /// `ln Σ exp(x - largest)` over the leaves at or below.
    excess: Vec<f64>,
    log_conditionals: Vec<f64>,
}

impl FusedLeafSoftmax {
    pub(crate) fn new(taxonomy: &Taxonomy) -> Self {
        let node = |node| match taxonomy.leaf_of(node).map(LeafIndex::index) {
            Some(leaf) => Node::Leaf(leaf),
            None => Node::Inner(taxonomy.children(node)),
        };
        Self { nodes: taxonomy.nodes().map(node).collect(), n_leaves: taxonomy.n_leaves() }
    }

    /// The log-conditionals of leaf logits.
    pub(crate) fn of(&self, logits: &Tensor) -> Result<Tensor> {
        apply(logits, self.clone())
    }

    fn row(&self) -> Row {
        let zeros = vec![0.0; self.nodes.len()];
        Row { largest: zeros.clone(), excess: zeros.clone(), log_conditionals: zeros }
    }

    /// Works a row out; the root's log-conditional stays 0.
    fn work_out<T: WithDType>(&self, logits: &[T], row: &mut Row) {
        // Children come after their parents.
        for (i, node) in self.nodes.iter().enumerate().rev() {
            match node {
                Node::Leaf(leaf) => (row.largest[i], row.excess[i]) = (limited(&logits[*leaf]), 0.0),
                Node::Inner(children) => {
                    let children = children.clone();
                    let largest =
                        row.largest[children.clone()].iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let score = |child: usize| (row.largest[child] - largest) + row.excess[child];
                    let top = children.clone().map(score).fold(f64::NEG_INFINITY, f64::max);
                    // The largest child itself adds exp(0).
                    let log_sum = children.clone().map(|child| (score(child) - top).exp()).sum::<f64>().ln();
                    for child in children {
                        row.log_conditionals[child] =
                            (row.largest[child] - largest) + row.excess[child] - top - log_sum;
                    }
                    (row.largest[i], row.excess[i]) = (largest, top + log_sum);
                }
            }
        }
    }

    fn forward<T: WithDType>(&self, logits: &[T]) -> Vec<T> {
        let mut out = Vec::with_capacity(logits.len() / self.n_leaves * self.nodes.len());
        let mut row = self.row();
        for logits in logits.chunks_exact(self.n_leaves) {
            self.work_out(logits, &mut row);
            out.extend(row.log_conditionals.iter().map(|&value| T::from_f64(value)));
        }
        out
    }
}

/// The gradient of the leaf logits. A family shares out what its parent receives, and each child keeps its own part of
/// what the family's log-conditionals bring: `r_c = g_c + p(c | parent) (r_parent - Σ_{siblings} g)`.
struct Backward(FusedLeafSoftmax);

impl Backward {
    fn gradient<T: WithDType>(&self, logits: &[T], gradient: &[T]) -> Vec<T> {
        let (n_leaves, n_nodes) = (self.0.n_leaves, self.0.nodes.len());
        let mut out = vec![T::zero(); logits.len()];
        let mut received = vec![0.0; n_nodes];
        let mut row = self.0.row();
        for ((logits, gradient), out) in logits
            .chunks_exact(n_leaves)
            .zip(gradient.chunks_exact(n_nodes))
            .zip(out.chunks_exact_mut(n_leaves))
        {
            self.0.work_out(logits, &mut row);
            received[0] = 0.0; // the root's log-conditional is 0 whatever the logits
            for (i, node) in self.0.nodes.iter().enumerate() {
                match node {
                    Node::Leaf(leaf) if is_beyond(&logits[*leaf]) => {}
                    Node::Leaf(leaf) => out[*leaf] = T::from_f64(received[i]),
                    Node::Inner(children) => {
                        let of_family: f64 = gradient[children.clone()].iter().map(|g| g.to_f64()).sum();
                        for child in children.clone() {
                            received[child] = gradient[child].to_f64()
                                + row.log_conditionals[child].exp() * (received[i] - of_family);
                        }
                    }
                }
            }
        }
        out
    }
}

impl CustomOp1 for FusedLeafSoftmax {
    fn name(&self) -> &'static str {
        "leaf-softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let out = match storage {
            CpuStorage::F32(_) => CpuStorage::F32(self.forward(numbers(storage, layout)?)),
            CpuStorage::F64(_) => CpuStorage::F64(self.forward(numbers(storage, layout)?)),
            _ => bail!("a fused leaf softmax needs F32 or F64"),
        };
        let n_rows = layout.shape().elem_count() / self.n_leaves;
        Ok((out, Shape::from((n_rows, self.nodes.len()))))
    }

    fn bwd(&self, logits: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        logits.contiguous()?.apply_op2_no_bwd(&gradient.contiguous()?, &Backward(self.clone())).map(Some)
    }
}

impl CustomOp2 for Backward {
    fn name(&self) -> &'static str {
        "leaf-softmax-backward"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        of_logits: &Layout,
        gradient: &CpuStorage,
        of_gradient: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        macro_rules! gradient {
            ($kind:ident) => {
                CpuStorage::$kind(self.gradient(numbers(logits, of_logits)?, numbers(gradient, of_gradient)?))
            };
        }
        let out = match logits {
            CpuStorage::F32(_) => gradient!(F32),
            CpuStorage::F64(_) => gradient!(F64),
            _ => bail!("a fused leaf softmax needs F32 or F64"),
        };
        Ok((out, of_logits.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::fused_op::LARGEST_LOGIT;

    /// r { a { c, d }, b }: leaves b, c, d
    fn small() -> FusedLeafSoftmax {
        let pairs = [("r", None), ("a", Some("r")), ("b", Some("r")), ("c", Some("a")), ("d", Some("a"))];
        FusedLeafSoftmax::new(&Taxonomy::from_pairs("small", pairs).unwrap())
    }

    fn of_row(softmax: &FusedLeafSoftmax, values: &[f64], dtype: DType) -> Vec<f64> {
        let row = Tensor::from_slice(values, (1, values.len()), &Device::Cpu).unwrap();
        let found = softmax.of(&row.to_dtype(dtype).unwrap()).unwrap().to_dtype(DType::F64).unwrap();
        found.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_large_logit_elsewhere_takes_no_digits() {
        let calm = of_row(&small(), &[0.0, 0.3, 0.7], DType::F64);
        for large in [1e2, 1e4, 1e15, f64::INFINITY] {
            for dtype in [DType::F32, DType::F64] {
                let (one, other) =
                    if dtype == DType::F32 { (f64::from(0.3_f32), f64::from(0.7_f32)) } else { (0.3, 0.7) };
                let found = of_row(&small(), &[large, one, other], dtype);
                let tolerance = if dtype == DType::F32 { 1e-7 } else { 1e-15 };
                for node in [3, 4] {
                    assert!((found[node] - calm[node]).abs() < tolerance, "{large} {dtype:?}: {found:?}");
                }
                assert_eq!((found[0], found[2]), (0.0, 0.0));
            }
        }
    }

    #[test]
    fn a_masked_leaf_beside_an_infinite_one_has_no_share() {
        let found = of_row(&small(), &[f64::INFINITY, 0.0, f64::NEG_INFINITY], DType::F64);
        assert_eq!(found, [0.0, -LARGEST_LOGIT, 0.0, 0.0, -LARGEST_LOGIT]);
        let found = of_row(&small(), &[0.0, f64::INFINITY, f64::NEG_INFINITY], DType::F32);
        assert_eq!((found[1], found[3]), (0.0, 0.0));
        assert!(found[4] <= -LARGEST_LOGIT);
    }

    #[test]
    fn gradients_in_single_precision_keep_their_digits() {
        let values = [1e4, f64::from(0.3_f32), f64::from(0.7_f32)];
        let gradient = |dtype| {
            let row = Tensor::from_slice(&values, (1, 3), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let input = Var::from_tensor(&row).unwrap();
            let loss = small().of(&input).unwrap().narrow(1, 3, 1).unwrap().sum_all().unwrap();
            let gradients = loss.backward().unwrap();
            let found = gradients.get(&input).unwrap().to_dtype(DType::F64).unwrap();
            found.flatten_all().unwrap().to_vec1::<f64>().unwrap()
        };
        let share = (values[1] - values[2]).exp() / (1.0 + (values[1] - values[2]).exp());
        for (dtype, tolerance) in [(DType::F32, 1e-7), (DType::F64, 1e-15)] {
            for (found, expected) in gradient(dtype).into_iter().zip([0.0, 1.0 - share, share - 1.0]) {
                assert!((found - expected).abs() < tolerance, "{dtype:?}: {found} {expected}");
            }
        }
    }
}
