//! Where the motion of an answer comes from: new observations, or the noise of those that were there.

use heliacal_metrics::PmfHistory;

use crate::{Error, Result};

/// How far the answers for one object move, split in two by noisy copies of its light curve.
///
/// M realizations of a light curve, with fluxes drawn anew from their errors
/// ([`LightCurve::with_resampled_flux`](heliacal_lightcurve::LightCurve::with_resampled_flux)), give M histories
/// `p^m_1..p^m_T` (Beyond the Final Label, arXiv 2604.23792, section VI, proposes to; the split is ours):
///
/// ```text
/// total    = mean_m Σ_t W1(p^m_t, p^m_{t+1})
/// growing  = Σ_t W1(q_t, q_{t+1}),   q_t = mean_m p^m_t
/// noise    = total - growing  >= 0,  as W1 is convex
/// spread   = mean_m mean_t W1(p^m_t, q_t)
/// ```
///
/// with W1 at unit cost. The mean history moves only by what the growing light curve says; what it does not share with its
/// realizations is noise. With few realizations some noise is left in q: `growing` is then too large, by about `noise / √M` where
/// the noise of steps is independent. Realizations are drawn around measured fluxes, which have noise of their own: they are
/// noisier than what was observed.
///
/// ```
/// use heliacal::metrics::PmfHistory;
/// use heliacal::pipeline::Instability;
///
/// // Both settle on the first class; one of them hesitates on the way.
/// let a = PmfHistory::new(2, vec![0.5, 0.5, 0.75, 0.25, 1.0, 0.0])?;
/// let b = PmfHistory::new(2, vec![0.5, 0.5, 0.25, 0.75, 1.0, 0.0])?;
/// let parts = Instability::of_realizations(&[a, b])?;
/// assert_eq!((parts.total, parts.growing, parts.noise), (0.75, 0.5, 0.25));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Instability {
    /// Motion of a realization, in the mean.
    pub total: f64,
    /// Of it, what the growing light curve causes.
    pub growing: f64,
    /// Of it, what measurement noise causes.
    pub noise: f64,
    /// How far apart realizations are at one time, in the mean.
    pub spread: f64,
}

impl Instability {
    /// Of the histories of all realizations of one object's light curve.
    ///
    /// # Errors
    /// [`Error::Realization`] when they have not the same steps and classes, or when there is none.
    pub fn of_realizations(realizations: &[PmfHistory]) -> Result<Self> {
        let fault =
            |realization, what, expected, found| Error::Realization { realization, what, expected, found };
        let first = realizations.first().ok_or(fault(0, "realizations", 1, 0))?;
        let (n_steps, n_classes) = (first.n_steps(), first.n_classes());
        for (index, other) in realizations.iter().enumerate() {
            for (what, expected, found) in
                [("classifications", n_steps, other.n_steps()), ("classes", n_classes, other.n_classes())]
            {
                if expected != found {
                    return Err(fault(index, what, expected, found));
                }
            }
        }
        let m = realizations.len() as f64;
        let mut mean = vec![0.0; n_steps * n_classes];
        for realization in realizations {
            for (mean, p) in mean.iter_mut().zip(realization.as_slice()) {
                *mean += p / m;
            }
        }
        let total = realizations.iter().map(|one| motion(one.as_slice(), n_classes)).sum::<f64>() / m;
        let growing = motion(&mean, n_classes).min(total);
        let apart = realizations.iter().map(|one| half_l1(one.as_slice(), &mean)).sum::<f64>();
        Ok(Self { total, growing, noise: total - growing, spread: apart / (m * n_steps as f64) })
    }
}

/// Sum of W1 at unit cost between consecutive rows.
fn motion(rows: &[f64], n_classes: usize) -> f64 {
    half_l1(&rows[n_classes..], &rows[..rows.len() - n_classes])
}

fn half_l1(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Motion from p to `1 - p` and back, `n` times, beginning with either.
    fn to_and_fro(n: usize, first: f64) -> PmfHistory {
        let p = |t: usize| if t.is_multiple_of(2) { first } else { 1.0 - first };
        PmfHistory::new(2, (0..n).flat_map(|t| [p(t), 1.0 - p(t)]).collect()).unwrap()
    }

    #[test]
    fn one_realization_is_all_growth_and_opposite_ones_are_all_noise() {
        let (a, b) = (to_and_fro(11, 0.2), to_and_fro(11, 0.8));
        let one = Instability::of_realizations(std::slice::from_ref(&a)).unwrap();
        assert!((one.total - 6.0).abs() < 1e-12 && one.noise == 0.0 && one.spread == 0.0);
        let same = Instability::of_realizations(&[a.clone(), a.clone(), a.clone()]).unwrap();
        assert!((same.total - 6.0).abs() < 1e-12 && same.noise < 1e-12);
        let opposite = Instability::of_realizations(&[a, b]).unwrap();
        assert!(opposite.growing < 1e-12 && (opposite.noise - 6.0).abs() < 1e-12);
        assert!((opposite.spread - 0.3).abs() < 1e-12);
    }

    #[test]
    fn parts_are_never_negative_and_sum_up() {
        let wave = |seed: usize, t: usize| (((seed * 7919 + t * 104_729) % 1000) as f64 + 0.5) / 1001.0;
        for m in 1..6 {
            let realization = |seed: usize| {
                let p = |t| wave(seed, t);
                PmfHistory::new(2, (0..30).flat_map(|t| [p(t), 1.0 - p(t)]).collect()).unwrap()
            };
            let parts = Instability::of_realizations(&(0..m).map(realization).collect::<Vec<_>>()).unwrap();
            assert!(parts.growing >= 0.0 && parts.noise >= 0.0 && parts.spread >= 0.0);
            assert!((parts.growing + parts.noise - parts.total).abs() < 1e-12);
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let said = |all: &[PmfHistory]| Instability::of_realizations(all).unwrap_err().to_string();
        assert_eq!(
            said(&[to_and_fro(3, 0.1), to_and_fro(4, 0.1)]),
            "realization 1 has 4 classifications, the first one has 3"
        );
        assert!(said(&[]).contains("0 realizations"));
    }
}
