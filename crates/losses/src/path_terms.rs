//! Weighted sums of log-conditionals along the path of a class: what HXE and its kin share.

use candle_core::{DType, Tensor};

use crate::error::{check_not_negative, check_weight};
use crate::level_losses::LevelLosses;
use crate::target_rows::target_rows;
use crate::{Error, Labels, NodeCounts, Result, TreeLayout};

/// `L_i = - Σ_{C on the path of i} λ(C) W(C) ln p(C | parent)`.
#[derive(Debug, Clone)]
pub(crate) struct PathTerms {
    layout: TreeLayout,
    /// Factor of every node but for its depth.
    node_weights: Vec<f64>,
    /// `[node, node]`: the row of a class holds minus the factors of its path.
    rows: Vec<f64>,
}

impl PathTerms {
    pub(crate) fn new(layout: &TreeLayout, alpha: f64, node_weights: Vec<f64>) -> Result<Self> {
        check_not_negative("alpha", alpha)?;
        for (index, &weight) in node_weights.iter().enumerate() {
            check_weight("weight of node", index, weight, layout.dtype())?;
        }
        let mut terms = Self { layout: layout.clone(), node_weights, rows: Vec::new() };
        terms.rows = terms.all_rows(alpha)?;
        Ok(terms)
    }

    /// Refuses a steepness at which a factor is not finite.
    pub(crate) fn check_steepness(&self, alpha: f64) -> Result<()> {
        self.all_rows(alpha).map(drop)
    }

    fn all_rows(&self, alpha: f64) -> Result<Vec<f64>> {
        let n = self.node_weights.len();
        let mut rows = Vec::with_capacity(n * n);
        for label in 0..n as u32 {
            rows.extend(self.row(label, alpha)?);
        }
        Ok(rows)
    }

    /// Minus the factors of the path of a class, 0 elsewhere.
    fn row(&self, label: u32, alpha: f64) -> Result<Vec<f64>> {
        let taxonomy = self.layout.taxonomy();
        let mut row = vec![0.0; taxonomy.n_nodes()];
        for node in taxonomy.node(label as usize).into_iter().flat_map(|node| taxonomy.path(node)) {
            let factor = (-alpha * taxonomy.depth(node) as f64).exp() * self.node_weights[node.index()];
            check_weight("factor of node", node.index(), factor, self.layout.dtype())?;
            row[node.index()] = -factor;
        }
        Ok(row)
    }

    pub(crate) fn layout(&self) -> &TreeLayout {
        &self.layout
    }

    pub(crate) fn node_weights(&self) -> &[f64] {
        &self.node_weights
    }

    pub(crate) fn per_object(&self, logits: &Tensor, labels: Labels<'_>) -> Result<Tensor> {
        let targets = self.targets(logits, labels)?;
        Ok((self.layout.log_conditionals(logits)? * targets)?.sum(1)?)
    }

    /// As [`per_object`](Self::per_object) with a steepness of its own for every object.
    pub(crate) fn per_object_with_alphas(
        &self,
        logits: &Tensor,
        labels: Labels<'_>,
        alphas: &[f64],
    ) -> Result<Tensor> {
        let labels = labels.checked(self.layout.check(logits)?, self.layout.taxonomy().n_nodes())?;
        if alphas.len() != labels.len() {
            return Err(Error::Count { what: "fractions", expected: labels.len(), found: alphas.len() });
        }
        let rows: Vec<Vec<f64>> = labels
            .iter()
            .zip(alphas)
            .map(|(&label, &alpha)| self.row(label, alpha))
            .collect::<Result<_>>()?;
        let targets = target_rows(rows.iter().map(Vec::as_slice), self.node_weights.len(), logits)?;
        Ok((self.layout.log_conditionals(logits)? * targets)?.sum(1)?)
    }

    fn targets(&self, logits: &Tensor, labels: Labels<'_>) -> Result<Tensor> {
        let n = self.node_weights.len();
        let labels = labels.checked(self.layout.check(logits)?, n)?;
        let row = |&label: &u32| &self.rows[label as usize * n..][..n];
        target_rows(labels.iter().map(row), n, logits)
    }

    /// What each depth adds to the mean loss of a batch.
    pub(crate) fn level_losses(&self, logits: &Tensor, labels: Labels<'_>) -> Result<LevelLosses> {
        let targets = self.targets(logits, labels)?;
        let terms = (self.layout.log_conditionals(&logits.detach())? * targets)?.mean(0)?;
        Ok(self.by_level(&terms.to_dtype(DType::F64)?.to_vec1()?))
    }

    /// What each depth adds to the mean loss of objects of these classes when all logits are equal.
    pub(crate) fn level_losses_at_uniform(&self, counts: &NodeCounts) -> Result<LevelLosses> {
        let n = self.node_weights.len();
        let labelled = counts.checked_labelled(self.layout.taxonomy())?;
        let like = self.layout.zero_logits()?;
        let log_conditionals = self.layout.log_conditionals(&like)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
        let mut terms = vec![0.0; n];
        for (row, &n_objects) in self.rows.chunks(n).zip(labelled).filter(|(_, n_objects)| **n_objects > 0) {
            let share = n_objects as f64 / counts.n_objects() as f64;
            for ((term, factor), log_conditional) in terms.iter_mut().zip(row).zip(&log_conditionals[0]) {
                *term += share * factor * log_conditional;
            }
        }
        Ok(self.by_level(&terms))
    }

    fn by_level(&self, terms: &[f64]) -> LevelLosses {
        let taxonomy = self.layout.taxonomy();
        let mut losses = vec![0.0; taxonomy.n_levels()];
        for (node, term) in taxonomy.nodes().zip(terms) {
            losses[taxonomy.depth(node)] += term;
        }
        LevelLosses { losses }
    }
}
