//! The classification history of one object.

use super::config::CascadeConfig;
use crate::{Error, Result};

/// The classifications of one object by one or more base classifiers, in time order, as columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CascadeInput {
    /// Time of each classification \[day\].
    pub mjd: Vec<f64>,
    /// Probabilities, row-major `[step, base x class]`: the classes of the first base, of the second, and so on.
    pub probabilities: Vec<f32>,
    /// Flux at each classification, in any unit that is the same for all objects; a network without flux does not look at
    /// it, and it may then be empty.
    pub flux: Vec<f32>,
}

impl CascadeInput {
    /// Number of classifications.
    pub fn n_steps(&self) -> usize {
        self.mjd.len()
    }

    /// The first so many classifications, or all if there are not as many.
    #[must_use]
    pub fn truncated(&self, n_steps: usize) -> Self {
        let all = self.n_steps().max(1);
        let n = n_steps.min(self.n_steps());
        // Columns of any width, even of a broken one.
        let rows = |width: usize| n * width / all;
        Self {
            mjd: self.mjd[..n].to_vec(),
            probabilities: self.probabilities[..rows(self.probabilities.len())].to_vec(),
            flux: self.flux[..rows(self.flux.len())].to_vec(),
        }
    }

    /// The same times and fluxes with other probabilities, such as those that a first cascade made of them: what a second
    /// one behind it takes. Cut to as many classifications as there are rows of `n_probabilities` probabilities.
    #[must_use]
    pub fn with_probabilities(&self, probabilities: Vec<f32>, n_probabilities: usize) -> Self {
        let cut = self.truncated(probabilities.len() / n_probabilities.max(1));
        Self { probabilities, ..cut }
    }

    /// What a network of this configuration looks at, once everything is checked.
    pub(super) fn view<'a>(&'a self, config: &CascadeConfig) -> Result<View<'a>> {
        let (n_steps, width) = (self.mjd.len(), config.n_probabilities());
        let flux = if config.flux { &self.flux[..] } else { &[] };
        let n_flux = if config.flux { n_steps } else { 0 };
        for (what, expected, found) in [
            ("number of probabilities of a history", n_steps * width, self.probabilities.len()),
            ("number of fluxes of a history", n_flux, flux.len()),
        ] {
            if expected != found {
                return Err(Error::Config { what, expected: expected.to_string(), found: found.to_string() });
            }
        }
        if n_steps == 0 {
            let what = "number of classifications";
            return Err(Error::Config { what, expected: "at least 1".into(), found: "0".into() });
        }
        let used = n_steps.min(config.max_steps.unwrap_or(usize::MAX));
        let view = View {
            mjd: &self.mjd[..used],
            probabilities: &self.probabilities[..used * width],
            flux: &flux[..used.min(n_flux)],
        };
        for (step, probabilities) in view.probabilities.chunks_exact(width).enumerate() {
            let flux = view.flux.get(step).copied();
            check_classification(step, view.mjd[step], probabilities, flux)?;
            if step > 0 && view.mjd[step] < view.mjd[step - 1] {
                let expected = format!("{} or later", view.mjd[step - 1]);
                return Err(invalid(step, "MJD", expected, view.mjd[step]));
            }
        }
        Ok(view)
    }
}

/// A checked history, cut to the steps that count.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) mjd: &'a [f64],
    pub(super) probabilities: &'a [f32],
    /// Empty without flux.
    pub(super) flux: &'a [f32],
}

/// That all numbers of a classification are finite.
pub(super) fn check_classification(
    step: usize,
    mjd: f64,
    probabilities: &[f32],
    flux: Option<f32>,
) -> Result<()> {
    let finite = |what, number: f64| {
        if number.is_finite() { Ok(()) } else { Err(invalid(step, what, "a finite number".into(), number)) }
    };
    finite("MJD", mjd)?;
    for &probability in probabilities {
        finite("probability", f64::from(probability))?;
    }
    flux.map_or(Ok(()), |flux| finite("flux", f64::from(flux)))
}

/// Says of which of several histories something is wrong.
pub(super) fn of_history(index: usize) -> impl FnOnce(Error) -> Error {
    move |source| Error::History { index, source: Box::new(source) }
}

fn invalid(step: usize, what: &'static str, expected: String, found: f64) -> Error {
    Error::InvalidClassification { step, what, expected, found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> CascadeInput {
        CascadeInput {
            mjd: vec![1.0, 2.0, 2.0],
            probabilities: vec![0.5, 0.5, 0.2, 0.8, 1.0, 0.0],
            flux: vec![1.0, 2.0, 3.0],
        }
    }

    #[test]
    fn a_view_is_cut_and_checked() {
        let config = CascadeConfig { max_steps: Some(2), ..CascadeConfig::paper(2) };
        let whole = input();
        let view = whole.view(&config).unwrap();
        assert_eq!((view.mjd.len(), view.probabilities.len(), view.flux.len()), (2, 4, 2));
        let without_flux = CascadeConfig { flux: false, ..config.clone() };
        assert!(whole.view(&without_flux).unwrap().flux.is_empty());
        let errors = [
            CascadeInput::default(),
            CascadeInput { flux: vec![], ..input() },
            CascadeInput { probabilities: vec![0.5; 5], ..input() },
            CascadeInput { mjd: vec![1.0, 0.5, 2.0], ..input() },
            CascadeInput { mjd: vec![f64::NAN, 0.5, 2.0], ..input() },
            CascadeInput { flux: vec![1.0, f32::INFINITY, 2.0], ..input() },
        ];
        for broken in errors {
            assert!(broken.view(&config).is_err(), "{broken:?}");
        }
        let error = CascadeInput { mjd: vec![1.0, 0.5, 2.0], ..input() }.view(&config).unwrap_err();
        assert_eq!(error.to_string(), "MJD of classification 1 is 0.5, expected 1 or later");
    }

    #[test]
    fn truncation_by_hand() {
        let cut = input().truncated(2);
        assert_eq!((cut.mjd.len(), cut.probabilities.len(), cut.flux.len()), (2, 4, 2));
        assert_eq!(input().truncated(9), input());
        assert_eq!(CascadeInput::default().truncated(3), CascadeInput::default());
        let other = input().with_probabilities(vec![1.0, 0.0, 0.0, 0.5, 0.5, 0.0], 3);
        assert_eq!((other.mjd, other.flux), (vec![1.0, 2.0], vec![1.0, 2.0]));
    }
}
