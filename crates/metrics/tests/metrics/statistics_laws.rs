//! Laws of intervals and tests.

use heliacal_metrics::statistics::*;
use proptest::prelude::*;

const ALTERNATIVES: [Alternative; 3] = [Alternative::TwoSided, Alternative::Less, Alternative::Greater];
const ZEROS: [ZeroDifferences; 3] = [ZeroDifferences::Drop, ZeroDifferences::Pratt, ZeroDifferences::Split];
const METHODS: [WilcoxonMethod; 4] =
    [WilcoxonMethod::Auto, WilcoxonMethod::Exact, WilcoxonMethod::Normal, WilcoxonMethod::NormalCorrected];

/// Differences with ties and zeros among them.
fn differences() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-12_i32..=12).prop_map(|d| f64::from(d) / 4.0), 1..40)
}

proptest! {
    #[test]
    fn wilson_holds_the_proportion(n in 1_u64..2000, share in 0.0..=1.0_f64, level in 1e-9..0.999_999_f64) {
        let k = (share * n as f64) as u64;
        let interval = wilson_interval(k, n, level).unwrap().unwrap();
        prop_assert!(0.0 <= interval.lower && interval.upper <= 1.0);
        prop_assert!(interval.contains(k as f64 / n as f64), "{interval:?}");
        let mirrored = wilson_interval(n - k, n, level).unwrap().unwrap();
        prop_assert!((interval.lower + mirrored.upper - 1.0).abs() < 1e-14);
        let wider = wilson_interval(k, n, 0.5 + 0.5 * level).unwrap().unwrap();
        prop_assert!(wider.lower <= interval.lower && interval.upper <= wider.upper);
    }

    #[test]
    fn hanley_mcneil_falls_with_size_and_is_symmetric(auc in 0.0..=1.0_f64, m in 1_u64..500, n in 1_u64..500) {
        let error = hanley_mcneil_standard_error(auc, m, n).unwrap();
        prop_assert!(hanley_mcneil_standard_error(auc, m + 1, n).unwrap() <= error + 1e-15);
        // Turning labels and scores around swaps the samples.
        let turned = hanley_mcneil_standard_error(1.0 - auc, n, m).unwrap();
        prop_assert!((turned - error).abs() < 1e-12);
    }

    #[test]
    fn mcnemar_does_not_care_who_is_first(b in 0_u64..3000, c in 0_u64..3000) {
        for method in [McNemarMethod::Exact, McNemarMethod::ChiSquare, McNemarMethod::ChiSquareCorrected] {
            let (one, other) = (mcnemar(b, c, method), mcnemar(c, b, method));
            prop_assert_eq!(one.p_value, other.p_value);
            prop_assert!(one.p_value.is_none_or(|p| (0.0..=1.0).contains(&p)));
        }
        // More lopsided is less likely.
        let (less, more) = (mcnemar(b, c.max(b), McNemarMethod::Exact), mcnemar(b, c.max(b) + 1, McNemarMethod::Exact));
        prop_assert!(more.p_value.unwrap() <= less.p_value.unwrap() + 1e-12);
    }

    #[test]
    fn wilcoxon_turns_with_the_sign(d in differences()) {
        let turned: Vec<f64> = d.iter().map(|d| -d).collect();
        for zeros in ZEROS {
            for method in METHODS {
                for (alternative, opposite) in ALTERNATIVES.into_iter().zip([0, 2, 1].map(|i| ALTERNATIVES[i])) {
                    let one = wilcoxon_signed_rank(&d, alternative, zeros, method).unwrap();
                    let other = wilcoxon_signed_rank(&turned, opposite, zeros, method).unwrap();
                    prop_assert_eq!(one.rank_sum_positive, other.rank_sum_negative);
                    match (one.p_value, other.p_value) {
                        (Some(p), Some(q)) => {
                            prop_assert!((p - q).abs() < 1e-12 && (0.0..=1.0).contains(&p), "{p} {q}");
                        }
                        (None, None) => prop_assert!(d.iter().all(|&d| d == 0.0)),
                        unequal => prop_assert!(false, "{unequal:?}"),
                    }
                    prop_assert!(one.z.is_none_or(f64::is_finite));
                }
            }
        }
    }

    #[test]
    fn exact_wilcoxon_counts_signs(d in prop::collection::vec((1_i32..6, any::<bool>()), 1..11)) {
        let d: Vec<f64> = d.iter().map(|&(size, up)| if up { f64::from(size) } else { f64::from(-size) }).collect();
        let zeros = ZeroDifferences::Drop;
        let run = |d: &[f64]| wilcoxon_signed_rank(d, Alternative::Less, zeros, WilcoxonMethod::Exact).unwrap();
        let observed = run(&d);
        let as_low = (0..1_usize << d.len()).filter(|signs| {
            let flipped: Vec<f64> =
                d.iter().enumerate().map(|(i, d)| if signs >> i & 1 == 1 { d.abs() } else { -d.abs() }).collect();
            run(&flipped).rank_sum_positive <= observed.rank_sum_positive
        });
        let p = as_low.count() as f64 / (1_usize << d.len()) as f64;
        prop_assert!((observed.p_value.unwrap() - p).abs() < 1e-14);
    }

    #[test]
    fn holm_is_between_plain_and_bonferroni(p in prop::collection::vec(0.0..=1.0_f64, 1..9)) {
        let adjusted = holm(&p).unwrap();
        for (p_i, a) in p.iter().zip(&adjusted) {
            prop_assert!(p_i <= a && *a <= 1.0);
            let smallest = p.iter().copied().fold(1.0, f64::min);
            prop_assert!(*p_i > smallest || (*a - (p.len() as f64 * p_i).min(1.0)).abs() < 1e-15);
        }
    }

    #[test]
    fn bootstrap_follows_shifts_and_scales(values in prop::collection::vec(-5.0..5.0_f64, 3..20), seed: u64) {
        let options = Bootstrap { n_resamples: 99, seed, jackknife: Jackknife::LeaveOneOut };
        let sample = bootstrap_mean(&values, &options).unwrap();
        let moved: Vec<f64> = values.iter().map(|x| 3.0 + 2.0 * x).collect();
        let other = bootstrap_mean(&moved, &options).unwrap();
        for (a, b) in sample.replicates.iter().zip(&other.replicates) {
            prop_assert!((3.0 + 2.0 * a - b).abs() < 1e-12);
        }
        let (narrow, wide) = (sample.percentile(0.5).unwrap(), sample.percentile(0.9).unwrap());
        prop_assert!(wide.lower <= narrow.lower && narrow.upper <= wide.upper);
        let difference = bootstrap_mean_difference(&moved, &values, &options).unwrap();
        prop_assert!((difference.estimate - (other.estimate - sample.estimate)).abs() < 1e-12);
    }
}

/// One thread, or as many as there are: the same digits.
#[cfg(feature = "rayon")]
#[test]
fn threads_change_no_digit() {
    let values: Vec<f64> = (0..500).map(|i| f64::from(i * i % 97).sqrt()).collect();
    let options = Bootstrap { n_resamples: 400, seed: 11, jackknife: Jackknife::LeaveOneOut };
    let run = |n_threads| {
        let pool = rayon_pool(n_threads);
        pool.install(|| {
            let median = |i: &[usize]| {
                let mut x: Vec<f64> = i.iter().map(|&i| values[i]).collect();
                x.sort_unstable_by(f64::total_cmp);
                Some(x[x.len() / 2])
            };
            (bootstrap(500, median, &options).unwrap(), bootstrap_mean(&values, &options).unwrap())
        })
    };
    let alone = run(1);
    assert_eq!(alone, run(2));
    assert_eq!(alone, run(7));
    let other_seed = bootstrap_mean(&values, &Bootstrap { seed: 12, ..options }).unwrap();
    assert_ne!(alone.1.replicates, other_seed.replicates);
}

#[cfg(feature = "rayon")]
fn rayon_pool(n_threads: usize) -> rayon_core::ThreadPool {
    rayon_core::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap()
}

/// The standard error of a mean is σ/√n, and intervals cover: 400 samples of 60 exponential numbers, level 0.9.
#[test]
fn intervals_cover() {
    let mut state = 5_u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let (mut percentile, mut bca) = (0, 0);
    for seed in 0..400 {
        let values: Vec<f64> = (0..60).map(|_| -f64::ln(uniform())).collect();
        let options = Bootstrap { n_resamples: 999, seed, jackknife: Jackknife::LeaveOneOut };
        let sample = bootstrap_mean(&values, &options).unwrap();
        let moments: heliacal_metrics::Moments = values.iter().copied().collect();
        let expected = moments.standard_deviation().unwrap() * (59.0_f64 / 60.0 / 60.0).sqrt();
        // 2 % is one standard deviation of a standard deviation of 999 numbers.
        assert!((sample.standard_error().unwrap() / expected - 1.0).abs() < 0.12);
        percentile += i32::from(sample.percentile(0.9).unwrap().contains(1.0));
        bca += i32::from(sample.bca(0.9).unwrap().contains(1.0));
    }
    // 360 ± 6 if exact; for a skewed mean both fall a little short.
    assert!((335..=378).contains(&percentile) && (335..=378).contains(&bca), "{percentile} {bca}");
}
