//! Mean and standard deviation, one value at a time.

/// Mean and spread of numbers seen one by one (Welford), over objects, seeds or folds. Two parts add up to the whole.
///
/// ```
/// use heliacal_metrics::Moments;
///
/// let accuracies: Moments = [0.70, 0.72, 0.74].into_iter().collect();
/// assert!((accuracies.mean().unwrap() - 0.72).abs() < 1e-15);
/// assert!((accuracies.standard_deviation().unwrap() - 0.02).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Moments {
    n: u64,
    mean: f64,
    sum_of_squares: f64,
}

impl Moments {
    /// Adds one value.
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        let from_old = value - self.mean;
        self.mean += from_old / self.n as f64;
        self.sum_of_squares += from_old * (value - self.mean);
    }

    /// Adds all that another has seen (Chan, Golub & `LeVeque` 1979).
    pub fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        let n = self.n + other.n;
        let apart = other.mean - self.mean;
        let share = other.n as f64 / n as f64;
        self.mean += apart * share;
        self.sum_of_squares += other.sum_of_squares + apart * apart * self.n as f64 * share;
        self.n = n;
    }

    /// How many values were seen.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Their mean, `None` of none.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean)
    }

    /// Their sample standard deviation (divisor `n - 1`), `None` of fewer than two.
    pub fn standard_deviation(&self) -> Option<f64> {
        (self.n > 1).then(|| (self.sum_of_squares / (self.n - 1) as f64).max(0.0).sqrt())
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Self::default();
        moments.extend(values);
        moments
    }
}

impl Extend<f64> for Moments {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.add(value));
    }
}

/// `part / whole`, `None` of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand_and_in_parts() {
        let all: Moments = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].into_iter().collect();
        assert_eq!(all.mean(), Some(5.0));
        assert!((all.standard_deviation().unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-15);
        let mut left: Moments = [2.0, 4.0, 4.0].into_iter().collect();
        let right: Moments = [4.0, 5.0, 5.0, 7.0, 9.0].into_iter().collect();
        left.merge(&right);
        left.merge(&Moments::default());
        assert_eq!(left.n(), 8);
        assert!((left.mean().unwrap() - 5.0).abs() < 1e-15);
        assert!((left.standard_deviation().unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn too_few_values() {
        let mut one = Moments::default();
        assert_eq!((one.mean(), one.standard_deviation()), (None, None));
        one.add(3.0);
        assert_eq!((one.mean(), one.standard_deviation()), (Some(3.0), None));
    }
}
