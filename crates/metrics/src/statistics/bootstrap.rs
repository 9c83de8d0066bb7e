//! How far would a number move, were the objects drawn again?

use super::error::StatisticsError;
use super::interval::check_values;
use super::resampling::Resampling;
use super::split_mix::SplitMix64;
use crate::in_order::in_order;

/// How the acceleration of BCa intervals is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Jackknife {
    /// Not at all: percentile intervals and standard errors only.
    Skip,
    /// From the statistic without each unit (object or cluster) in turn, as SciPy does: as many evaluations as units.
    #[default]
    LeaveOneOut,
    /// From the statistic without each of so many blocks, unit `i` in block `i mod blocks`: for many objects and slow
    /// statistics. As many blocks as units or more is leave-one-out.
    Blocks(usize),
}

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Bootstrap {
    /// Number of resamples, 9999 if not said otherwise.
    pub n_resamples: usize,
    /// The seed: same seed, same digits, on any number of threads.
    pub seed: u64,
    /// How the acceleration of BCa intervals is found.
    pub jackknife: Jackknife,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { n_resamples: 9999, seed: 0, jackknife: Jackknife::LeaveOneOut }
    }
}

/// A statistic on a sample and on resamples of it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BootstrapSample {
    /// The statistic on the sample itself.
    pub estimate: f64,
    /// The statistic on every resample on which it is defined, in order of the resamples.
    pub replicates: Vec<f64>,
    /// Number of resamples on which it is undefined; intervals leave them out.
    pub n_undefined: usize,
    /// The acceleration of BCa intervals; `None` without a jackknife or where it is undefined without some unit.
    pub acceleration: Option<f64>,
}

/// Resamples `n` objects with replacement and evaluates a statistic on their indices.
///
/// The statistic gets `n` indices below `n`, some repeated, and answers `None` where it is undefined (a class that was
/// not drawn); NaN and infinity count as `None`. Each resample has a random stream of its own, from the seed and its
/// number: threads (feature `rayon`) change the speed, never a digit. Efron & Tibshirani 1993.
///
/// # Errors
/// [`StatisticsError::Empty`] of no object, [`StatisticsError::NoResample`], [`StatisticsError::Blocks`],
/// [`StatisticsError::UndefinedEstimate`], [`StatisticsError::NoReplicate`].
///
/// ```
/// use heliacal_metrics::statistics::{Bootstrap, bootstrap};
///
/// let right = [true, true, true, false].repeat(25);
/// let accuracy = |objects: &[usize]| {
///     Some(objects.iter().filter(|&&i| right[i]).count() as f64 / objects.len() as f64)
/// };
/// let sample = bootstrap(right.len(), accuracy, &Bootstrap { seed: 1, ..Bootstrap::default() })?;
/// assert_eq!(sample.estimate, 0.75);
/// // Binomial: √(0.75 · 0.25 / 100)
/// assert!((sample.standard_error().unwrap() - 0.0433).abs() < 0.002);
/// # Ok::<(), heliacal_metrics::statistics::StatisticsError>(())
/// ```
pub fn bootstrap(
    n: usize,
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
    options: &Bootstrap,
) -> Result<BootstrapSample, StatisticsError> {
    run(&Resampling::objects(n), &statistic, options)
}

/// As [`bootstrap`], drawing whole clusters: objects that hang together (classifications of one object, objects of one
/// field) come or stay away together.
///
/// `clusters`: the cluster of every object, any numbers. As many clusters are drawn as there are; the number of indices
/// that the statistic gets varies. The jackknife leaves out clusters.
///
/// # Errors
/// As [`bootstrap`].
pub fn bootstrap_clusters(
    clusters: &[usize],
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
    options: &Bootstrap,
) -> Result<BootstrapSample, StatisticsError> {
    run(&Resampling::clusters(clusters), &statistic, options)
}

/// As [`bootstrap`], drawing within strata: each stratum (true class) keeps its number of objects.
///
/// `strata`: the stratum of every object, any numbers. The acceleration is that of several samples, as SciPy computes
/// it; jackknife blocks are taken within each stratum. A stratum of one object never varies.
///
/// # Errors
/// As [`bootstrap`].
pub fn bootstrap_strata(
    strata: &[usize],
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
    options: &Bootstrap,
) -> Result<BootstrapSample, StatisticsError> {
    run(&Resampling::strata(strata), &statistic, options)
}

/// [`bootstrap`] of the mean. The leave-one-out acceleration costs one pass.
///
/// # Errors
/// As [`bootstrap`], and [`StatisticsError::NotFinite`].
///
/// ```
/// use heliacal_metrics::statistics::{Bootstrap, bootstrap_mean};
///
/// let sample = bootstrap_mean(&[0.0, 0.0, 0.0, 4.0], &Bootstrap::default())?;
/// // Skewness 2/√3 over 6 √n
/// assert!((sample.acceleration.unwrap() - 2.0 / 3.0_f64.sqrt() / 12.0).abs() < 1e-15);
/// # Ok::<(), heliacal_metrics::statistics::StatisticsError>(())
/// ```
pub fn bootstrap_mean(values: &[f64], options: &Bootstrap) -> Result<BootstrapSample, StatisticsError> {
    check_values(values)?;
    let mean = |indices: &[usize]| {
        Some(indices.iter().map(|&index| values[index]).sum::<f64>() / indices.len() as f64)
    };
    if options.jackknife != Jackknife::LeaveOneOut {
        return bootstrap(values.len(), mean, options);
    }
    let without = Bootstrap { jackknife: Jackknife::Skip, ..*options };
    let mut sample = bootstrap(values.len(), mean, &without)?;
    // The mean without x is (S - x) / (n - 1), whose distance from the mean of all such is proportional to x's.
    let mirrored: Vec<f64> = values.iter().map(|x| -x).collect();
    sample.acceleration = acceleration(&[mirrored]);
    Ok(sample)
}

/// [`bootstrap_mean`] of the differences `first - second` of two classifiers on the same objects.
///
/// # Errors
/// As [`bootstrap_mean`], and [`StatisticsError::Unpaired`].
pub fn bootstrap_mean_difference(
    first: &[f64],
    second: &[f64],
    options: &Bootstrap,
) -> Result<BootstrapSample, StatisticsError> {
    if first.len() != second.len() {
        return Err(StatisticsError::Unpaired { first: first.len(), second: second.len() });
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    bootstrap_mean(&differences, options)
}

fn run(
    resampling: &Resampling,
    statistic: &(impl Fn(&[usize]) -> Option<f64> + Sync),
    options: &Bootstrap,
) -> Result<BootstrapSample, StatisticsError> {
    if resampling.is_empty() {
        return Err(StatisticsError::Empty);
    }
    if options.n_resamples == 0 {
        return Err(StatisticsError::NoResample);
    }
    if let Jackknife::Blocks(n_blocks @ (0 | 1)) = options.jackknife {
        return Err(StatisticsError::Blocks { n_blocks });
    }
    let defined = |indices: &[usize]| statistic(indices).filter(|value| value.is_finite());
    let mut whole = Vec::new();
    resampling.whole(&mut whole);
    let estimate = defined(&whole).ok_or(StatisticsError::UndefinedEstimate)?;
    let all = in_order(options.n_resamples, 1, Vec::new, |indices, replicate| {
        resampling.draw(&mut SplitMix64::of_replicate(options.seed, replicate), indices);
        defined(indices)
    });
    let replicates: Vec<f64> = all.iter().copied().flatten().collect();
    let n_undefined = all.len() - replicates.len();
    if replicates.is_empty() {
        return Err(StatisticsError::NoReplicate { n_undefined });
    }
    let most = match options.jackknife {
        Jackknife::Skip => 0,
        Jackknife::LeaveOneOut => usize::MAX,
        Jackknife::Blocks(n_blocks) => n_blocks,
    };
    let without_each: Option<Vec<Vec<f64>>> = (0..resampling.n_strata())
        .map(|stratum| {
            let n_blocks = resampling.n_units(stratum).min(most);
            in_order(n_blocks, 1, Vec::new, |indices, block| {
                resampling.leave_out(stratum, block, n_blocks, indices);
                defined(indices)
            })
            .into_iter()
            .collect()
        })
        .collect();
    let acceleration = without_each.filter(|_| most > 0).as_deref().and_then(acceleration);
    Ok(BootstrapSample { estimate, replicates, n_undefined, acceleration })
}

/// The acceleration from the statistic without each unit, stratum by stratum.
///
/// ```text
/// U_i = (n - 1)(mean θ_(·) - θ_(i))      a = Σ_strata Σ U³/n³ / (6 (Σ_strata Σ U²/n²)^(3/2))
/// ```
///
/// 0 where leaving out changes nothing, `None` without a unit or with values that overflow. With one stratum, eq. 14.15
/// of Efron & Tibshirani 1993; with several, as `scipy.stats.bootstrap`. A stratum of one unit does not count.
pub fn acceleration(without_each: &[Vec<f64>]) -> Option<f64> {
    let (mut cubes, mut squares) = (0.0, 0.0);
    for values in without_each {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        for value in values {
            let pull = (n - 1.0) * (mean - value) / n;
            cubes += pull * pull * pull;
            squares += pull * pull;
        }
    }
    if without_each.iter().all(Vec::is_empty) {
        return None;
    }
    let acceleration = if squares == 0.0 { 0.0 } else { cubes / (6.0 * squares * f64::sqrt(squares)) };
    acceleration.is_finite().then_some(acceleration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum_of(values: &[f64]) -> impl Fn(&[usize]) -> Option<f64> + Sync + '_ {
        |indices| Some(indices.iter().map(|&index| values[index]).sum())
    }

    #[test]
    fn the_mean_is_the_generic_mean() {
        let values = [0.3, 1.5, -2.0, 0.25, 4.0, 4.5];
        let options = Bootstrap { n_resamples: 50, seed: 7, jackknife: Jackknife::LeaveOneOut };
        let quick = bootstrap_mean(&values, &options).unwrap();
        let mean = |i: &[usize]| Some(i.iter().map(|&i| values[i]).sum::<f64>() / i.len() as f64);
        let generic = bootstrap(6, mean, &options).unwrap();
        assert_eq!(quick.replicates, generic.replicates);
        assert!((quick.acceleration.unwrap() - generic.acceleration.unwrap()).abs() < 1e-15);
        // More blocks than units are leave-one-out; two blocks of three are not.
        let with = |n| bootstrap(6, mean, &Bootstrap { jackknife: Jackknife::Blocks(n), ..options }).unwrap();
        assert_eq!(with(6).acceleration, generic.acceleration);
        assert_ne!(with(3).acceleration, generic.acceleration);
        assert_eq!(with(6).replicates, generic.replicates);
    }

    #[test]
    fn clusters_and_strata_hold_together() {
        let options = Bootstrap { n_resamples: 200, ..Bootstrap::default() };
        // Cluster 9 sums to 3, cluster 4 to 5: two draws give 6, 8 or 10.
        let clusters = bootstrap_clusters(&[9, 4, 9], sum_of(&[1.0, 5.0, 2.0]), &options).unwrap();
        assert_eq!(clusters.estimate, 8.0);
        assert!(clusters.replicates.iter().all(|sum| [6.0, 8.0, 10.0].contains(sum)));
        // One from {0, 100} twice, and 7 always.
        let strata = bootstrap_strata(&[1, 0, 1], sum_of(&[0.0, 7.0, 100.0]), &options).unwrap();
        assert!(strata.replicates.iter().all(|sum| [7.0, 107.0, 207.0].contains(sum)));
    }

    #[test]
    fn undefined_resamples_are_counted() {
        let only_with_0 = |indices: &[usize]| indices.contains(&0).then_some(1.0);
        let options = Bootstrap { n_resamples: 10_000, seed: 3, jackknife: Jackknife::LeaveOneOut };
        let sample = bootstrap(4, only_with_0, &options).unwrap();
        // (3/4)⁴ = 0.316 ± 0.0047
        assert!((sample.n_undefined as f64 / 10_000.0 - 0.316).abs() < 0.024, "{}", sample.n_undefined);
        assert_eq!(sample.replicates.len() + sample.n_undefined, 10_000);
        assert_eq!(sample.acceleration, None);
        let nan = bootstrap(4, |_: &[usize]| Some(f64::NAN), &options);
        assert_eq!(nan, Err(StatisticsError::UndefinedEstimate));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn what_is_not_said_is_the_default() {
        let read = serde_json::from_str::<Bootstrap>;
        assert_eq!(read(r#"{"seed":7}"#).unwrap(), Bootstrap { seed: 7, ..Bootstrap::default() });
        assert!(read(r#"{"sede":7}"#).is_err());
    }

    #[test]
    fn bad_input_is_refused() {
        let options = Bootstrap::default();
        assert_eq!(bootstrap_mean(&[], &options), Err(StatisticsError::Empty));
        assert_eq!(bootstrap(0, |_: &[usize]| Some(0.0), &options), Err(StatisticsError::Empty));
        let none = Bootstrap { n_resamples: 0, ..options };
        assert_eq!(bootstrap_mean(&[1.0], &none), Err(StatisticsError::NoResample));
        let one_block = Bootstrap { jackknife: Jackknife::Blocks(1), ..options };
        assert_eq!(bootstrap_mean(&[1.0], &one_block), Err(StatisticsError::Blocks { n_blocks: 1 }));
        let unpaired = bootstrap_mean_difference(&[1.0], &[1.0, 2.0], &options);
        assert_eq!(unpaired, Err(StatisticsError::Unpaired { first: 1, second: 2 }));
    }
}
