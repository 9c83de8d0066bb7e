//! Made-up but realistic histories: a classifier that grows sure of the true class, sways, and mixes up related classes.

use heliacal_metrics::PmfHistory;

/// SplitMix64 (Steele et al. 2014): the same numbers on every machine.
pub struct Random(pub u64);

impl Random {
    /// Uniform in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal: the sum of twelve uniform numbers, less its mean.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// How a toy classifier behaves.
#[derive(Clone, Copy)]
pub struct ToyClassifier {
    /// Logit of the true class once all has been seen.
    pub skill: f64,
    /// Days until most of that is reached \[day\].
    pub patience: f64,
    /// How strongly logits sway from one classification to the next.
    pub sway: f64,
}

/// One object and what a toy classifier said of it.
pub struct ToyHistory {
    /// The true class, an index of a leaf.
    pub true_class: usize,
    /// Days since trigger of every classification \[day\].
    pub days: Vec<f64>,
    /// The PMFs.
    pub history: PmfHistory,
}

impl ToyClassifier {
    /// Classifies one object at given days. `kinship[true][other]` in `[0, 1]`: how alike two classes look.
    pub fn history(
        &self,
        random: &mut Random,
        true_class: usize,
        days: Vec<f64>,
        kinship: &[Vec<f64>],
    ) -> Result<ToyHistory, Box<dyn std::error::Error>> {
        let n_classes = kinship.len();
        // Objects differ: some are never understood, some look like a relative.
        let clarity = 1.0 + 0.45 * random.normal();
        let bias: Vec<f64> = (0..n_classes).map(|_| 0.7 * random.normal()).collect();
        let mut swing = vec![0.0; n_classes];
        let mut weights = Vec::with_capacity(days.len() * n_classes);
        for &day in &days {
            let seen = 1.0 - (-(day.max(0.0) + 0.5) / self.patience).exp();
            for (class, swing) in swing.iter_mut().enumerate() {
                *swing = 0.6 * *swing + self.sway * random.normal();
                let signal = self.skill * clarity * seen * kinship[true_class][class];
                weights.push((signal + bias[class] + *swing).exp());
            }
        }
        Ok(ToyHistory { true_class, days, history: PmfHistory::normalized(n_classes, weights)? })
    }
}

/// Days of classifications after a trigger: gaps of a few nights, for a random time.
pub fn days(random: &mut Random, longest: f64) -> Vec<f64> {
    let end = longest * (0.3 + 0.7 * random.uniform());
    let mut days = vec![0.0];
    while days[days.len() - 1] < end {
        let last = days[days.len() - 1];
        days.push(last + 0.5 + 6.0 * random.uniform() * (1.0 + 0.02 * last));
    }
    days
}
