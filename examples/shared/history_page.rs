//! What a report of histories shows besides an evaluation's numbers: distributions over objects, and one object.

use std::error::Error;
use std::path::PathBuf;

use heliacal_io::{ObjectHistory, ReadOptions, Survey};
use heliacal_lightcurve::{Object, ObjectId};
use heliacal_metrics::PmfHistory;
use heliacal_metrics::evaluation::ObjectEvaluation;
use heliacal_metrics::transport::GroundCost;
use heliacal_report::figures::{
    Brightness, Classifications, HistogramAxis, HistogramPanel, TimeAxis, histograms, percentile_histogram,
    pmf_evolution,
};
use heliacal_report::{Figure, FigureStyle};

/// So many moves between consecutive classifications are kept at most.
const MOST_MOVES: usize = 1_000_000;

/// An object with fewer classifications has no story to tell.
const FEWEST_STEPS: usize = 8;

/// More classes than this share one histogram.
const MOST_PANELS: usize = 24;

/// Values of objects, by true class.
type ByClass = Vec<Vec<f64>>;

/// What is kept of objects while they are evaluated.
pub struct Distributions<'a> {
    cost: &'a GroundCost,
    /// ESC_f of the objects that converged.
    esc_fractions: ByClass,
    esc_scores: ByClass,
    /// W1 between consecutive classifications.
    moves: Vec<f64>,
    wanted: Option<ObjectId>,
    story: Option<Story>,
}

/// The classifications of one object.
struct Story {
    object_id: ObjectId,
    history: PmfHistory,
    mjd: Vec<f64>,
    true_class: Option<usize>,
    converged_mjd: Option<f64>,
}

impl<'a> Distributions<'a> {
    /// `wanted`: the object whose story is told; without one, the first that changed its mind and converged all the same.
    pub fn new(n_classes: usize, cost: &'a GroundCost, wanted: Option<ObjectId>) -> Self {
        let (esc_fractions, esc_scores) = (vec![Vec::new(); n_classes], vec![Vec::new(); n_classes]);
        Self { cost, esc_fractions, esc_scores, moves: Vec::new(), wanted, story: None }
    }

    pub fn add(
        &mut self,
        object: &ObjectHistory,
        pmfs: &PmfHistory,
        evaluation: &ObjectEvaluation,
    ) -> Result<(), Box<dyn Error>> {
        let truth = evaluation.score.truth.as_ref();
        if let Some(truth) = truth {
            if truth.esc_fraction.converged {
                self.esc_fractions[truth.true_class].push(truth.esc_fraction.value());
            }
            self.esc_scores[truth.true_class].extend(truth.esc_score.value());
        }
        if self.moves.len() < MOST_MOVES {
            let mut moves = Vec::new();
            self.cost.solver().consecutive(pmfs, &mut moves)?;
            self.moves.extend(moves);
        }
        let tau = truth.and_then(|truth| truth.esc_fraction.tau);
        let tells = match &self.wanted {
            Some(id) => *id == object.object_id,
            None => tau.is_some() && evaluation.score.label_changes > 0 && pmfs.n_steps() >= FEWEST_STEPS,
        };
        if tells && self.story.is_none() {
            self.story = Some(Story {
                object_id: object.object_id.clone(),
                history: pmfs.clone(),
                mjd: object.mjd.clone(),
                true_class: truth.map(|truth| truth.true_class),
                converged_mjd: tau.map(|tau| object.mjd[tau - 1]),
            });
        }
        Ok(())
    }

    /// The object whose story is kept.
    pub fn told(&self) -> Option<ObjectId> {
        self.story.as_ref().map(|story| story.object_id.clone())
    }
}

/// The figures of one classifier, or of two: distributions always, an object where its light curve is found.
pub fn figures(
    classifiers: &[(&str, &Distributions<'_>)],
    class_names: &[&str],
    light_curves: &[PathBuf],
) -> Result<Vec<(Figure, String)>, Box<dyn Error>> {
    let style = FigureStyle::new();
    let mut figures = Vec::new();
    let Some((_, first)) = classifiers.last() else { return Ok(figures) };
    if let Some(story) = first.story.as_ref().filter(|_| !light_curves.is_empty()) {
        let object = find(&story.object_id, light_curves)?;
        let told: Vec<Classifications<'_>> = classifiers
            .iter()
            .filter_map(|(name, of)| {
                let Story { history, mjd, converged_mjd, .. } = of.story.as_ref()?;
                Some(Classifications { name, history, mjd, converged_mjd: *converged_mjd })
            })
            .collect();
        let view = object.light_curve.view();
        let (flux, mjd) = (Brightness::Flux, TimeAxis::Mjd);
        let figure = pmf_evolution(view, &told, class_names, story.true_class, flux, mjd, &style)?;
        figures.push((figure, format!("Object {}: its light curve, and what was made of it.", object.id)));
    }
    let names: Vec<&str> = classifiers.iter().map(|(name, _)| *name).collect();
    let per_class = |values: for<'d> fn(&'d Distributions<'d>) -> &'d ByClass, axis, caption: &str| {
        let of: Vec<&ByClass> = classifiers.iter().map(|(_, of)| values(of)).collect();
        let occur = |class: &usize| of.iter().any(|values| !values[*class].is_empty());
        let classes: Vec<usize> = (0..class_names.len()).filter(occur).collect();
        if classes.is_empty() {
            return Ok(None);
        }
        let all: Vec<Vec<f64>> = of.iter().map(|values| values.concat()).collect();
        let mut panels =
            vec![HistogramPanel { name: "all", values: all.iter().map(Vec::as_slice).collect() }];
        if classes.len() <= MOST_PANELS {
            panels.extend(classes.iter().map(|&class| HistogramPanel {
                name: class_names[class],
                values: of.iter().map(|values| values[class].as_slice()).collect(),
            }));
        }
        histograms(&panels, &names, axis, &style).map(|figure| Some((figure, caption.to_owned())))
    };
    figures.extend(per_class(
        |of| &of.esc_fractions,
        HistogramAxis::share("ESC_f"),
        "ESC_f of the objects that converged; dashed: the mean.",
    )?);
    figures.extend(per_class(
        |of| &of.esc_scores,
        HistogramAxis::of_data("ESC_s [nat]"),
        "ESC_s of the objects where it is defined; dashed: the mean.",
    )?);
    if !first.moves.is_empty() {
        let axis = HistogramAxis::of_data("W1 between consecutive classifications");
        let figure = percentile_histogram(&first.moves, &[50.0, 90.0, 99.0], axis, &style)?;
        figures.push((
            figure,
            "How far classifications move from one to the next, with percentiles.".to_owned(),
        ));
    }
    Ok(figures)
}

/// The object of this id among light curves.
fn find(id: &ObjectId, paths: &[PathBuf]) -> Result<Object, Box<dyn Error>> {
    for record in Survey::open(paths, &ReadOptions::default())? {
        match record {
            Ok(record) if record.object.id == *id => return Ok(record.object),
            Ok(_) => {}
            Err(error) if error.is_of_one_object() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(format!("--light-curves: no object {id}").into())
}
