//! Probabilities on the tree: from logits to classes, from leaves to families and back.
//!
//! All functions take one object or many: a slice is a row-major matrix of one row per object, results go to the
//! caller's buffer of as many rows, and nothing is allocated. Inputs may be `f32` or `f64`; results are `f64`.

use crate::error::LengthError;
use crate::tree::Taxonomy;

impl Taxonomy {
    /// Probability of every class given its parent: softmax over each group of siblings.
    ///
    /// ```text
    /// p(C | parent) = exp(l_C - m) / Σ_{siblings S} exp(l_S - m),   m = max_S l_S
    /// ```
    ///
    /// `logits`, `out`: `[rows, n_nodes]`. The root has probability 1 whatever its logit, and so has an only child.
    /// A logit of -∞ is a class that cannot be: 0, or uniform where it holds for all siblings; siblings at +∞ share
    /// the probability. A NaN makes its group NaN. ORACLE's own code adds 1e-10 to the denominator
    /// ([arXiv 2501.01496](https://arxiv.org/abs/2501.01496)); here nothing is added.
    ///
    /// # Errors
    /// [`LengthError`] when `logits` is not whole rows or `out` has another length.
    ///
    /// ```
    /// # use heliacal_taxonomy::Taxonomy;
    /// let sn = Taxonomy::from_pairs("sn", [("SN", None), ("SNIa", Some("SN")), ("SNII", Some("SN"))])?;
    /// let mut conditionals = [0.0; 3];
    /// sn.conditionals(&[0.0_f32, 1e4, 1e4], &mut conditionals)?;
    /// assert_eq!(conditionals, [1.0, 0.5, 0.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn conditionals<T: Copy + Into<f64>>(
        &self,
        logits: &[T],
        out: &mut [f64],
    ) -> Result<(), LengthError> {
        let n = self.n_nodes();
        for (logits, out) in rows("logits", logits, n, out, n)? {
            self.row_conditionals(logits, out);
        }
        Ok(())
    }

    /// Probability of every class: the product of the conditionals on the path from the root, whose own is 1.
    ///
    /// `conditionals`, `out`: `[rows, n_nodes]`. Where the conditionals of every group sum to 1, children sum to their
    /// parent.
    ///
    /// # Errors
    /// [`LengthError`] when `conditionals` is not whole rows or `out` has another length.
    pub fn class_probabilities<T: Copy + Into<f64>>(
        &self,
        conditionals: &[T],
        out: &mut [f64],
    ) -> Result<(), LengthError> {
        let n = self.n_nodes();
        for (conditionals, out) in rows("conditionals", conditionals, n, out, n)? {
            copy(conditionals, out);
            self.multiply_down(out);
        }
        Ok(())
    }

    /// Probability of every class from logits: [`conditionals`](Self::conditionals), then
    /// [`class_probabilities`](Self::class_probabilities).
    ///
    /// # Errors
    /// [`LengthError`] when `logits` is not whole rows or `out` has another length.
    ///
    /// ```
    /// # use heliacal_taxonomy::Taxonomy;
    /// let oracle = Taxonomy::oracle();
    /// let mut p = vec![0.0; 26];
    /// oracle.probabilities_from_logits(&[0.0_f32; 26], &mut p)?;
    /// // Alert 1, Transient 1/2, SN 1/2 · 1/3, SNIa 1/2 · 1/3 · 1/5
    /// assert!((p[oracle.find("SNIa")?.index()] - 1.0 / 30.0).abs() < 1e-15);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn probabilities_from_logits<T: Copy + Into<f64>>(
        &self,
        logits: &[T],
        out: &mut [f64],
    ) -> Result<(), LengthError> {
        let n = self.n_nodes();
        for (logits, out) in rows("logits", logits, n, out, n)? {
            self.row_conditionals(logits, out);
            self.multiply_down(out);
        }
        Ok(())
    }

    /// Probability of every class from a PMF over the leaves: an inner node is the sum of its leaves.
    ///
    /// `leaf_pmf`: `[rows, n_leaves]`, `out`: `[rows, n_nodes]`. Nothing is normalized: the root is the sum of the row.
    ///
    /// # Errors
    /// [`LengthError`] when `leaf_pmf` is not whole rows or `out` has another length.
    pub fn roll_up<T: Copy + Into<f64>>(&self, leaf_pmf: &[T], out: &mut [f64]) -> Result<(), LengthError> {
        for (leaf_pmf, out) in rows("leaf_pmf", leaf_pmf, self.n_leaves(), out, self.n_nodes())? {
            out.fill(0.0);
            for (&p, leaf) in leaf_pmf.iter().zip(self.leaves()) {
                out[leaf.index()] = p.into();
            }
            for node in (1..out.len()).rev() {
                out[self.parents()[node]] += out[node];
            }
        }
        Ok(())
    }

    /// Probability of every class given its parent from the probabilities of the classes: each group of siblings
    /// divided by its sum.
    ///
    /// `probabilities`, `out`: `[rows, n_nodes]`. A group without probability is uniform (0/0); the root has 1. The
    /// divisor is the sum of the siblings and not the parent's entry, so that the result sums to 1 also where rounding
    /// made the two differ.
    ///
    /// # Errors
    /// [`LengthError`] when `probabilities` is not whole rows or `out` has another length.
    pub fn conditionals_from_probabilities<T: Copy + Into<f64>>(
        &self,
        probabilities: &[T],
        out: &mut [f64],
    ) -> Result<(), LengthError> {
        let n = self.n_nodes();
        for (probabilities, out) in rows("probabilities", probabilities, n, out, n)? {
            copy(probabilities, out);
            for group in self.sibling_groups() {
                normalize(&mut out[group]);
            }
            out[0] = 1.0;
        }
        Ok(())
    }

    /// The probabilities of the leaves, picked from those of all classes.
    ///
    /// `probabilities`: `[rows, n_nodes]`, `out`: `[rows, n_leaves]`.
    ///
    /// # Errors
    /// [`LengthError`] when `probabilities` is not whole rows or `out` has another length.
    pub fn leaf_pmf<T: Copy + Into<f64>>(
        &self,
        probabilities: &[T],
        out: &mut [f64],
    ) -> Result<(), LengthError> {
        for (probabilities, out) in
            rows("probabilities", probabilities, self.n_nodes(), out, self.n_leaves())?
        {
            for (out, leaf) in out.iter_mut().zip(self.leaves()) {
                *out = probabilities[leaf.index()].into();
            }
        }
        Ok(())
    }

    /// The PMF over the classes of a [`level`](Self::level), picked from the probabilities of all classes.
    ///
    /// `probabilities`: `[rows, n_nodes]`, `out`: `[rows, level(level).count()]`.
    ///
    /// # Errors
    /// [`LengthError`] when `probabilities` is not whole rows or `out` has another length.
    pub fn level_pmf<T: Copy + Into<f64>>(
        &self,
        probabilities: &[T],
        level: usize,
        out: &mut [f64],
    ) -> Result<(), LengthError> {
        let width = self.level(level).count();
        for (probabilities, out) in rows("probabilities", probabilities, self.n_nodes(), out, width)? {
            for (out, node) in out.iter_mut().zip(self.level(level)) {
                *out = probabilities[node.index()].into();
            }
        }
        Ok(())
    }

    fn row_conditionals<T: Copy + Into<f64>>(&self, logits: &[T], out: &mut [f64]) {
        copy(logits, out);
        for group in self.sibling_groups() {
            softmax(&mut out[group]);
        }
        out[0] = 1.0;
    }

    /// Multiplies every entry by its parent's, which is done by then.
    fn multiply_down(&self, out: &mut [f64]) {
        out[0] = 1.0;
        for node in 1..out.len() {
            out[node] *= out[self.parents()[node]];
        }
    }
}

/// Pairs the rows of an input with those of the output.
fn rows<'a, T>(
    argument: &'static str,
    input: &'a [T],
    width: usize,
    out: &'a mut [f64],
    out_width: usize,
) -> Result<impl Iterator<Item = (&'a [T], &'a mut [f64])>, LengthError> {
    let n_rows = LengthError::rows(argument, input.len(), width)?;
    LengthError::check("out", out.len(), n_rows * out_width)?;
    Ok(input.chunks_exact(width).zip(out.chunks_exact_mut(out_width)))
}

fn copy<T: Copy + Into<f64>>(from: &[T], out: &mut [f64]) {
    for (out, &value) in out.iter_mut().zip(from) {
        *out = value.into();
    }
}

fn softmax(group: &mut [f64]) {
    if group.iter().any(|logit| logit.is_nan()) {
        return group.fill(f64::NAN);
    }
    let max = group.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for logit in &mut *group {
        // An infinite maximum minus itself is NaN; those who reach it are alike and the others cannot be.
        *logit = if max.is_finite() { (*logit - max).exp() } else { f64::from(u8::from(*logit == max)) };
    }
    normalize(group);
}

/// Divides a group by its sum, uniform where that is 0.
fn normalize(group: &mut [f64]) {
    let sum: f64 = group.iter().sum();
    if sum == 0.0 {
        return group.fill(1.0 / group.len() as f64);
    }
    for p in group {
        *p /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// r { a { c, d }, b }
    fn small() -> Taxonomy {
        let pairs = [("r", None), ("a", Some("r")), ("b", Some("r")), ("c", Some("a")), ("d", Some("a"))];
        Taxonomy::from_pairs("small", pairs).unwrap()
    }

    fn conditionals(logits: [f64; 5]) -> [f64; 5] {
        let mut out = [9.0; 5];
        small().conditionals(&logits, &mut out).unwrap();
        out
    }

    const INF: f64 = f64::INFINITY;

    #[test]
    fn conditionals_by_hand() {
        let ln3 = 3f64.ln();
        let p = conditionals([7.0, ln3, 0.0, 0.0, 0.0]);
        for (p, expected) in p.into_iter().zip([1.0, 0.75, 0.25, 0.5, 0.5]) {
            assert!((p - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn extreme_logits_stay_probabilities() {
        assert_eq!(conditionals([0.0, 1e4, -1e4, -1e4, -1e4]), [1.0, 1.0, 0.0, 0.5, 0.5]);
        assert_eq!(conditionals([0.0, -INF, 3.0, -INF, -INF]), [1.0, 0.0, 1.0, 0.5, 0.5]);
        assert_eq!(conditionals([-INF, INF, 3.0, INF, INF]), [1.0, 1.0, 0.0, 0.5, 0.5]);
        assert_eq!(conditionals([0.0, f64::MAX, -f64::MAX, 0.0, 0.0]), [1.0, 1.0, 0.0, 0.5, 0.5]);
    }

    #[test]
    fn nan_stays_in_its_group_and_goes_down_the_tree() {
        let p = conditionals([f64::NAN, 0.0, 0.0, INF, f64::NAN]);
        assert_eq!(p[..3], [1.0, 0.5, 0.5]);
        assert!(p[3].is_nan() && p[4].is_nan());
        let mut out = [0.0; 5];
        small().probabilities_from_logits(&[0.0, f64::NAN, 0.0, 0.0, 0.0], &mut out).unwrap();
        assert!(out[0] == 1.0 && out[1..].iter().all(|p| p.is_nan()));
    }

    #[test]
    fn down_up_and_across_by_hand() {
        let t = small();
        let mut p = [0.0; 5];
        t.class_probabilities(&[1.0, 0.75, 0.25, 0.5, 0.5], &mut p).unwrap();
        assert_eq!(p, [1.0, 0.75, 0.25, 0.375, 0.375]);
        let mut leaves = [0.0; 3];
        t.leaf_pmf(&p, &mut leaves).unwrap();
        assert_eq!(leaves, [0.25, 0.375, 0.375]);
        let mut up = [0.0; 5];
        t.roll_up(&[0.25f32, 0.375, 0.375], &mut up).unwrap();
        assert_eq!(up, p);
        let mut level = [0.0; 2];
        t.level_pmf(&p, 1, &mut level).unwrap();
        assert_eq!(level, [0.75, 0.25]);
        t.conditionals_from_probabilities(&[1.0, 0.0, 1.0, 0.0, 0.0], &mut p).unwrap();
        assert_eq!(p, [1.0, 0.0, 1.0, 0.5, 0.5]);
    }

    #[test]
    fn one_row_or_many_or_none() {
        let t = small();
        let logits = [0.0f32, 1.0, 2.0, 3.0, 4.0, 0.0, -1.0, 5.0, 0.5, 0.25];
        let mut both = [0.0; 10];
        t.probabilities_from_logits(&logits, &mut both).unwrap();
        for (row, expected) in logits.chunks(5).zip(both.chunks(5)) {
            let mut one = [0.0; 5];
            t.probabilities_from_logits(row, &mut one).unwrap();
            assert_eq!(one, expected);
        }
        t.conditionals::<f32>(&[], &mut []).unwrap();
    }

    #[test]
    fn wrong_lengths_are_named() {
        let t = small();
        let mut out = [0.0; 5];
        let error = t.conditionals(&[0.0; 4], &mut out).unwrap_err();
        assert_eq!(error, LengthError::NotWholeRows { argument: "logits", found: 4, expected: 5 });
        assert_eq!(error.to_string(), "logits has 4 values, expected whole rows of 5");
        let error = t.roll_up(&[0.5; 3], &mut out[..3]).unwrap_err();
        assert_eq!(error, LengthError::Unequal { argument: "out", found: 3, expected: 5 });
        assert_eq!(error.to_string(), "out has 3 values, expected 5");
    }

    #[test]
    fn a_tree_of_one_node_is_certain() {
        let t = Taxonomy::from_pairs("one", [("r", None)]).unwrap();
        let mut p = [0.0];
        t.probabilities_from_logits(&[-1e4f32], &mut p).unwrap();
        assert_eq!(p, [1.0]);
        t.roll_up(&[0.5], &mut p).unwrap();
        assert_eq!(p, [0.5]);
        t.leaf_pmf(&[0.25], &mut p).unwrap();
        assert_eq!(p, [0.25]);
    }
}
