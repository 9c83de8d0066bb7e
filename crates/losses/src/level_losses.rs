//! Where in the tree a loss comes from.

/// What the nodes of each depth add to a hierarchical loss.
///
/// A weighting that looks even per class need not be even per level: WHXE with O's training counts takes 9.7 % of its
/// value at uniform logits from depth 1, 20.0 % from depth 2 and 70.3 % from depth 3.
///
/// ```
/// let found = heliacal_losses::LevelLosses { losses: vec![0.0, 0.3, 0.1] };
/// assert!((found.total() - 0.4).abs() < 1e-15 && (found.shares()[1] - 0.75).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LevelLosses {
    /// Mean loss per object \[nat\] by depth; the root's is 0.
    pub losses: Vec<f64>,
}

impl LevelLosses {
    /// The whole loss \[nat\].
    pub fn total(&self) -> f64 {
        self.losses.iter().sum()
    }

    /// Part of each depth in the whole; all 0 where the loss is 0, NaN where it is NaN.
    pub fn shares(&self) -> Vec<f64> {
        let total = self.total();
        self.losses.iter().map(|loss| if total == 0.0 { 0.0 } else { loss / total }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_loss_has_no_shares() {
        assert_eq!(LevelLosses { losses: vec![0.0, 0.0] }.shares(), [0.0, 0.0]);
    }

    #[test]
    fn a_nan_shows_in_the_shares() {
        let shares = LevelLosses { losses: vec![0.0, f64::NAN, 0.5] }.shares();
        assert!(shares.iter().all(|share| share.is_nan()));
    }
}
