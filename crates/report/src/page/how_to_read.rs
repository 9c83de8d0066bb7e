//! What the numbers of a scorecard mean, in sentences made from them.

use heliacal_metrics::calibration::ReliabilityDiagram;
use heliacal_metrics::evaluation::LevelEvaluation;
use heliacal_metrics::scorecard::SliceReport;
use heliacal_metrics::statistics::wilson_interval;
use maud::{Markup, html};

use super::ModelScorecard;
use super::headline::bounds;
use super::level_findings::{
    FEW, are_alike_in_size, commonest, extremes, mistakes_within_families, overconfidence, worst_confusion,
};
use super::number::{UNDEFINED, count, number, percent, shortened};

/// Longer names are cut in sentences.
const LONGEST_NAME: usize = 40;

/// A difference of averages below this is none to speak of.
const SMALL: f64 = 0.02;

pub(super) fn how_to_read(card: &ModelScorecard) -> Markup {
    let mut sentences = Vec::new();
    if let Some(fine) = card.fine() {
        sentences.extend(rightness(fine));
        sentences.extend(evenness(fine));
        if let Some(broad) = card.broad() {
            sentences.extend(families(card, fine, broad));
        }
        sentences.extend(best_and_worst(fine));
        sentences.extend(confusion(fine));
        sentences.extend(calibration(&fine.reliability));
    }
    sentences.extend(weakest_slice(card));
    sentences.extend(anomalies(card));
    sentences.extend(ambiguous(card));
    sentences.push(format!(
        "Precision is the share of the objects given a name that have it, recall the share of a class's objects that are given \
         its name, F1 their harmonic mean. {UNDEFINED} stands where a number is undefined: nothing to divide by."
    ));
    html! { ul { @for sentence in &sentences { li { (sentence) } } } }
}

fn rightness(fine: &LevelEvaluation) -> Option<String> {
    let accuracy = fine.report.scorecard.scores.accuracy?;
    let (class, guess) = commonest(fine)?;
    Some(format!(
        "Of {} objects of known class the model names {} rightly, out of {} classes. Whoever always says {}, the most \
         frequent one, is right for {}.",
        count(fine.report.scorecard.scores.n_objects),
        percent(Some(accuracy)),
        fine.classes.len(),
        name(fine, class),
        percent(Some(guess)),
    ))
}

/// The accuracy exceeds the mean recall of classes just where larger classes are found more often.
fn evenness(fine: &LevelEvaluation) -> Option<String> {
    let scores = &fine.report.scorecard.scores;
    let (accuracy, balanced, f1) = (scores.accuracy?, scores.balanced_accuracy?, scores.macro_average.f1?);
    let verdict = if accuracy - balanced > SMALL {
        "below the accuracy: objects of small classes are found less often than those of large ones"
    } else if balanced - accuracy > SMALL {
        "above the accuracy: objects of small classes are found more often than those of large ones"
    } else if are_alike_in_size(fine) {
        "about the accuracy, as the classes are about equally large"
    } else {
        "about the accuracy: how large a class is hardly matters"
    };
    Some(format!(
        "Balanced accuracy and macro-F1 count every class the same, however many objects it has. Balanced accuracy, {}, \
         is {verdict}. Macro-F1, which also counts wrong names against a class, is {}.",
        percent(Some(balanced)),
        percent(Some(f1))
    ))
}

fn families(card: &ModelScorecard, fine: &LevelEvaluation, broad: &LevelEvaluation) -> Option<String> {
    let accuracy = broad.report.scorecard.scores.accuracy?;
    let within = mistakes_within_families(fine, &card.tree).map_or_else(String::new, |within| {
        format!(" Of the mistakes between classes, {} stay within the family.", percent(Some(within)))
    });
    Some(format!(
        "Which of the {} families an object is in, the model says rightly for {}.{within}",
        broad.classes.len(),
        percent(Some(accuracy))
    ))
}

fn best_and_worst(fine: &LevelEvaluation) -> Option<String> {
    let [(best, best_f1), (worst, worst_f1)] = extremes(fine)?;
    if best == worst {
        return None;
    }
    let scores = &fine.report.scorecard.scores.classes;
    let n_others = scores.iter().filter(|class| class.f1 == Some(worst_f1)).count().saturating_sub(1);
    let others = if n_others > 0 { format!(" and {n_others} more") } else { String::new() };
    Some(format!(
        "{} is told best (F1 {}), {}{others} worst (F1 {}).",
        name(fine, best),
        percent(Some(best_f1)),
        name(fine, worst),
        percent(Some(worst_f1))
    ))
}

fn confusion(fine: &LevelEvaluation) -> Option<String> {
    let worst = worst_confusion(fine)?;
    let few = if worst.support < FEW { ", few as they are" } else { "" };
    Some(format!(
        "The worst confusion: {} of the {} {} objects ({}) are taken for {}{few}.",
        count(worst.n),
        count(worst.support),
        name(fine, worst.true_class),
        percent(Some(worst.n as f64 / worst.support as f64)),
        name(fine, worst.predicted_class)
    ))
}

fn calibration(diagram: &ReliabilityDiagram) -> Option<String> {
    let ece = diagram.ece.filter(|ece| ece.is_finite())?;
    let surplus = overconfidence(diagram)?;
    let points = number(Some(100.0 * ece), 1);
    let mean = number(Some(100.0 * surplus.abs()), 1);
    let verdict = if ece <= 0.03 {
        "probabilities can be taken at their word".to_owned()
    } else if surplus > ece / 2.0 {
        format!("on the whole the model is too sure of itself, by {mean} points")
    } else if surplus < -ece / 2.0 {
        format!("on the whole the model is not sure enough of itself, by {mean} points")
    } else {
        "too sure in some ranges, not sure enough in others".to_owned()
    };
    Some(format!(
        "When the model says 80 %, is it right for 80 %? Stated and true shares differ by {points} points on average \
         (expected calibration error): {verdict}."
    ))
}

fn weakest_slice(card: &ModelScorecard) -> Option<String> {
    let reports = &card.slices.as_ref()?.reports;
    let accuracy = |report: &SliceReport| report.levels.last()?.scorecard.scores.accuracy;
    let whole = reports.iter().find(|report| report.name.is_none()).and_then(accuracy)?;
    let parts = reports.iter().filter(|report| report.name.is_some());
    let (slice, lowest) = parts
        .filter_map(|report| Some((report, accuracy(report)?)))
        .reduce(|low, next| if next.1 < low.1 { next } else { low })?;
    let scores = &slice.levels.last()?.scorecard.scores;
    let n_correct = scores.classes.iter().map(|class| class.correct).fold(0, u64::saturating_add);
    let interval = wilson_interval(n_correct, scores.n_objects, card.confidence_level).ok().flatten()?;
    let verdict = if interval.upper < whole {
        "which lies above that"
    } else if whole < interval.lower {
        "which lies below that"
    } else {
        "which lies within it"
    };
    Some(format!(
        "The slice with the lowest accuracy is “{}”: {} of {} objects ({}), against {} of all, {verdict}.",
        isolated(slice.name.as_deref()?),
        percent(Some(lowest)),
        count(scores.n_objects),
        bounds(&interval),
        percent(Some(whole)),
    ))
}

fn anomalies(card: &ModelScorecard) -> Option<String> {
    let anomaly = card.anomaly.as_ref()?;
    let error = anomaly.auc.delong_error.unwrap_or(anomaly.auc.hanley_mcneil_error);
    let margin = anomaly.auc.auc - 0.5;
    let verdict = if margin > 2.0 * error {
        "better than a coin would tell them"
    } else if margin < -2.0 * error {
        "worse than a coin would tell them: what is strange looks more ordinary than the ordinary"
    } else {
        "no better than a coin would tell them"
    };
    Some(format!(
        "The model was not taught what {} is. Draw one of the {} such objects and one ordinary object: the strange one has the \
         higher anomaly score in {} ± {} of the draws, {verdict}.",
        isolated(&anomaly.left_out),
        count(anomaly.auc.n_anomalous),
        percent(Some(anomaly.auc.auc)),
        percent(Some(error)),
    ))
}

fn ambiguous(card: &ModelScorecard) -> Option<String> {
    let level = card.ambiguous.as_ref()?;
    let scores = &level.report.scorecard.scores;
    Some(format!(
        "Of {} objects of which only the family is known, that family is the most probable one for {}.",
        count(scores.n_objects),
        percent(Some(scores.accuracy?))
    ))
}

fn name(level: &LevelEvaluation, class: usize) -> String {
    level.classes.get(class).map_or_else(|| class.to_string(), |name| isolated(name))
}

/// A name within a sentence: not too long, and where it may run from right to left, it alone does.
fn isolated(name: &str) -> String {
    let short = shortened(name, LONGEST_NAME);
    if name.is_ascii() { short } else { format!("\u{2068}{short}\u{2069}") }
}
