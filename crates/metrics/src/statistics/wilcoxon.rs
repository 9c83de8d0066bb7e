//! Are paired differences centred on zero?

use super::error::StatisticsError;
use super::interval::check_values;
use super::normal;

/// What the test is against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Alternative {
    /// Differences lie off zero.
    #[default]
    TwoSided,
    /// Differences lie below zero.
    Less,
    /// Differences lie above zero.
    Greater,
}

/// What becomes of differences of exactly zero (SciPy's `zero_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ZeroDifferences {
    /// Left out before ranking (Wilcoxon's own, `"wilcox"`).
    #[default]
    Drop,
    /// Ranked, then left out (Pratt 1959, `"pratt"`).
    Pratt,
    /// Ranked, and their ranks split evenly between the signs (`"zsplit"`).
    Split,
}

/// Where the p-value comes from (SciPy's `method` and `correction`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum WilcoxonMethod {
    /// [`Exact`](Self::Exact) up to 50 differences without ties and zeros and up to 13 with them, else
    /// [`Normal`](Self::Normal): SciPy's `"auto"`.
    #[default]
    Auto,
    /// The distribution over all signs of the ranks at hand, ties and zeros included.
    Exact,
    /// Normal approximation with tie correction.
    Normal,
    /// The same, half a rank closer to the centre.
    NormalCorrected,
}

/// The result of the Wilcoxon signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Wilcoxon {
    /// Number of differences, zeros included.
    pub n: usize,
    /// Number of differences of exactly zero.
    pub n_zero: usize,
    /// Sum of the ranks of the positive differences.
    pub rank_sum_positive: f64,
    /// Sum of the ranks of the negative differences.
    pub rank_sum_negative: f64,
    /// The smaller of both sums (two-sided) or the positive one: SciPy's `statistic`.
    pub statistic: f64,
    /// The standardized positive sum, of the normal approximation only. Signed also for two sides, where SciPy gives
    /// `-|z|`.
    pub z: Option<f64>,
    /// The p-value; `None` where each difference is zero.
    pub p_value: Option<f64>,
    /// Where it came from: never [`WilcoxonMethod::Auto`].
    pub method: WilcoxonMethod,
}

/// The most non-zero differences of the exact test: its work grows with their cube.
const EXACT_LIMIT: usize = 500;

/// The largest sum of all ranks of the exact test: its table has two entries per unit. Reached only with zeros that are
/// ranked, which lift the ranks of all others.
const RANK_SUM_LIMIT: usize = 500_000;

/// The Wilcoxon signed-rank test of paired differences, as of two classifiers' scores on the same folds.
///
/// ```text
/// r_i = rank of |d_i| (mid-ranks)      R⁺ = Σ_{d_i > 0} r_i      R⁻ = Σ_{d_i < 0} r_i
/// exact     P(R⁺ ≤ observed) over all 2ⁿ signs, equally likely;  two-sided: twice the smaller tail, at most 1
/// normal    z = (R⁺ - μ)/σ,   μ = n(n + 1)/4,   σ² = [n(n + 1)(2n + 1) - Σ_ties (t³ - t)/2] / 24
/// ```
///
/// With Pratt's zeros `μ` and `σ²` lose what the `n₀` zeros would have brought: `n₀(n₀ + 1)/4`, and
/// `n₀(n₀ + 1)(2n₀ + 1)/24` with the zeros' ties out of the correction (Cureton 1967). Values equal
/// `scipy.stats.wilcoxon` 1.17 but in two places: exact with ties is exact (SciPy's `"exact"` rounds the statistic there,
/// its `"auto"` agrees up to 13 differences), and all zeros have no p-value. Differences tie where they are equal to
/// the last digit: round them first where they carry noise. Wilcoxon 1945.
///
/// # Errors
/// [`StatisticsError::Empty`], [`StatisticsError::NotFinite`]; [`StatisticsError::TooManyForExact`] of
/// [`WilcoxonMethod::Exact`] with more than 500 non-zero differences, and [`StatisticsError::RankSumForExact`] where their
/// ranks sum to more than 500,000 (many zeros that are ranked).
///
/// ```
/// use heliacal_metrics::statistics::{Alternative, WilcoxonMethod, ZeroDifferences, wilcoxon_signed_rank};
///
/// // Ranks 1, 2, 3, 4, only 2 is negative: of the 16 signs {}, {1}, {2} are as low.
/// let test = wilcoxon_signed_rank(
///     &[0.1, -0.2, 0.3, 0.4],
///     Alternative::TwoSided,
///     ZeroDifferences::Drop,
///     WilcoxonMethod::Auto,
/// )?;
/// assert_eq!((test.statistic, test.p_value), (2.0, Some(2.0 * 3.0 / 16.0)));
/// # Ok::<(), heliacal_metrics::statistics::StatisticsError>(())
/// ```
pub fn wilcoxon_signed_rank(
    differences: &[f64],
    alternative: Alternative,
    zeros: ZeroDifferences,
    method: WilcoxonMethod,
) -> Result<Wilcoxon, StatisticsError> {
    check_values(differences)?;
    let ranks = SignedRanks::new(differences, zeros);
    let method = match method {
        WilcoxonMethod::Auto => {
            let most = if ranks.tied || ranks.n_zero > 0 { 13 } else { 50 };
            if differences.len() <= most { WilcoxonMethod::Exact } else { WilcoxonMethod::Normal }
        }
        chosen => chosen,
    };
    let (z, p_value) = if ranks.doubled.is_empty() {
        (None, None)
    } else if method == WilcoxonMethod::Exact {
        (None, Some(ranks.exact(alternative)?))
    } else {
        let (z, p) = ranks.normal(alternative, method);
        (Some(z), Some(p))
    };
    let (positive, negative) = (ranks.sum(1), ranks.sum(-1));
    let two_sided = alternative == Alternative::TwoSided;
    Ok(Wilcoxon {
        n: differences.len(),
        n_zero: ranks.n_zero,
        rank_sum_positive: positive,
        rank_sum_negative: negative,
        statistic: if two_sided { positive.min(negative) } else { positive },
        z,
        p_value,
        method,
    })
}

/// Twice the mid-ranks of the non-zero differences, whole numbers, with their signs.
struct SignedRanks {
    doubled: Vec<(usize, i8)>,
    n_zero: usize,
    /// Half of what zeros add to either sum.
    split: f64,
    tied: bool,
    mean: f64,
    variance: f64,
}

impl SignedRanks {
    fn new(differences: &[f64], zeros: ZeroDifferences) -> Self {
        let n_zero = differences.iter().filter(|&&d| d == 0.0).count();
        let keep = |d: &f64| *d != 0.0 || zeros != ZeroDifferences::Drop;
        let mut sorted: Vec<f64> = differences.iter().copied().filter(keep).collect();
        sorted.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
        let n = sorted.len() as f64;
        let mut ranks = Self {
            doubled: Vec::with_capacity(sorted.len()),
            n_zero,
            split: 0.0,
            tied: false,
            mean: n * (n + 1.0) / 4.0,
            variance: n * (n + 1.0) * (2.0 * n + 1.0) / 24.0,
        };
        let mut before = 0;
        for group in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
            let size = group.len() as f64;
            let doubled = 2 * before + group.len() + 1;
            before += group.len();
            let of_zeros = group[0] == 0.0;
            if of_zeros && zeros == ZeroDifferences::Pratt {
                ranks.mean -= size * (size + 1.0) / 4.0;
                ranks.variance -= size * (size + 1.0) * (2.0 * size + 1.0) / 24.0;
                continue;
            }
            ranks.variance -= (size * size * size - size) / 48.0;
            if of_zeros {
                ranks.split = size * doubled as f64 / 4.0;
            } else {
                ranks.tied |= group.len() > 1;
                ranks.doubled.extend(group.iter().map(|d| (doubled, if *d > 0.0 { 1 } else { -1 })));
            }
        }
        ranks
    }

    fn doubled_sum(&self, sign: i8) -> usize {
        self.doubled.iter().filter(|rank| rank.1 == sign).map(|rank| rank.0).sum()
    }

    fn sum(&self, sign: i8) -> f64 {
        self.doubled_sum(sign) as f64 / 2.0 + self.split
    }

    fn normal(&self, alternative: Alternative, method: WilcoxonMethod) -> (f64, f64) {
        let error = self.variance.sqrt();
        let mut z = (self.sum(1) - self.mean) / error;
        if method == WilcoxonMethod::NormalCorrected {
            let towards = match alternative {
                Alternative::TwoSided if z == 0.0 => 0.0,
                Alternative::TwoSided => z.signum(),
                Alternative::Less => -1.0,
                Alternative::Greater => 1.0,
            };
            z -= 0.5 * towards / error;
        }
        let p = match alternative {
            Alternative::TwoSided => normal::two_sided(z),
            Alternative::Less => normal::cdf(z),
            Alternative::Greater => normal::cdf(-z),
        };
        (z, p)
    }

    fn exact(&self, alternative: Alternative) -> Result<f64, StatisticsError> {
        if self.doubled.len() > EXACT_LIMIT {
            return Err(StatisticsError::TooManyForExact { n: self.doubled.len(), limit: EXACT_LIMIT });
        }
        let (positive, negative) = (self.doubled_sum(1), self.doubled_sum(-1));
        let sum = usize::midpoint(positive, negative);
        if sum > RANK_SUM_LIMIT {
            return Err(StatisticsError::RankSumForExact { sum, limit: RANK_SUM_LIMIT });
        }
        let mut probability = vec![0.0; positive + negative + 1];
        probability[0] = 1.0;
        let mut reached = 0;
        for &(rank, _) in &self.doubled {
            reached += rank;
            for sum in (0..=reached).rev() {
                let with = if sum >= rank { probability[sum - rank] } else { 0.0 };
                probability[sum] = 0.5 * (probability[sum] + with);
            }
        }
        // From the far end inwards: small terms first. By symmetry P(R+ >= r) = P(R+ <= total - r).
        let tail = |sum: usize| probability[..=sum].iter().sum::<f64>().min(1.0);
        Ok(match alternative {
            Alternative::Less => tail(positive),
            Alternative::Greater => tail(negative),
            Alternative::TwoSided => (2.0 * tail(positive.min(negative))).min(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(differences: &[f64], alternative: Alternative, zeros: ZeroDifferences) -> Wilcoxon {
        wilcoxon_signed_rank(differences, alternative, zeros, WilcoxonMethod::Auto).unwrap()
    }

    #[test]
    fn all_positive_by_hand() {
        let d = [1.0, 2.0, 3.0, 4.0, 5.0];
        let p = |alternative| test(&d, alternative, ZeroDifferences::Drop).p_value;
        assert_eq!(p(Alternative::Greater), Some(1.0 / 32.0));
        assert_eq!(p(Alternative::TwoSided), Some(2.0 / 32.0));
        assert_eq!(p(Alternative::Less), Some(1.0));
    }

    #[test]
    fn ties_by_hand() {
        // Mid-ranks 1.5, 1.5, 3: sums 0, 1.5 (twice), 3 (twice), 4.5 (twice), 6.
        let it = test(&[1.0, -1.0, 2.0], Alternative::Less, ZeroDifferences::Drop);
        assert_eq!((it.rank_sum_positive, it.rank_sum_negative, it.p_value), (4.5, 1.5, Some(7.0 / 8.0)));
    }

    #[test]
    fn zeros_three_ways() {
        let d = [0.0, 0.0, 1.0, -2.0];
        let sums = |zeros| {
            let it = test(&d, Alternative::TwoSided, zeros);
            (it.n_zero, it.rank_sum_positive, it.rank_sum_negative)
        };
        assert_eq!(sums(ZeroDifferences::Drop), (2, 1.0, 2.0));
        assert_eq!(sums(ZeroDifferences::Pratt), (2, 3.0, 4.0));
        assert_eq!(sums(ZeroDifferences::Split), (2, 4.5, 5.5));
        let nothing = test(&[0.0, -0.0], Alternative::Less, ZeroDifferences::Split);
        assert_eq!((nothing.p_value, nothing.z, nothing.n_zero), (None, None, 2));
    }

    #[test]
    fn bad_input_is_refused() {
        let run = |d: &[f64], method| {
            wilcoxon_signed_rank(d, Alternative::Less, ZeroDifferences::Drop, method).unwrap_err()
        };
        assert_eq!(run(&[], WilcoxonMethod::Auto), StatisticsError::Empty);
        assert!(matches!(
            run(&[0.0, f64::NAN], WilcoxonMethod::Auto),
            StatisticsError::NotFinite { index: 1, .. }
        ));
        let many: Vec<f64> = (1..=501).map(f64::from).collect();
        let error = StatisticsError::TooManyForExact { n: 501, limit: 500 };
        assert_eq!(run(&many, WilcoxonMethod::Exact), error);
    }

    #[test]
    fn many_ranked_zeros_do_not_fill_the_memory() {
        let run = |n_zero, n, zeros, method| {
            let differences: Vec<f64> = (0..n_zero).map(|_| 0.0).chain((1..=n).map(f64::from)).collect();
            wilcoxon_signed_rank(&differences, Alternative::Greater, zeros, method)
        };
        // Ranks 100,001 to 100,010.
        let error = StatisticsError::RankSumForExact { sum: 1_000_055, limit: 500_000 };
        for zeros in [ZeroDifferences::Pratt, ZeroDifferences::Split] {
            assert_eq!(run(100_000, 10, zeros, WilcoxonMethod::Exact), Err(error.clone()));
            assert!(run(100_000, 10, zeros, WilcoxonMethod::Auto).unwrap().z.is_some());
        }
        let dropped = run(100_000, 10, ZeroDifferences::Drop, WilcoxonMethod::Exact).unwrap();
        assert_eq!(dropped.p_value, Some(1.0 / 1024.0));
        let few = run(1_000, 10, ZeroDifferences::Pratt, WilcoxonMethod::Exact).unwrap();
        assert_eq!(few.p_value, Some(1.0 / 1024.0));
    }
}
