//! Figures of an evaluation.

use heliacal_metrics::evaluation::{EvaluationReport, GridReport};
use maud::{Markup, html};

use super::BaseReport;
use super::illustration::illustration;
use crate::FigureStyle;
use crate::figures::{Flow, HeatMap, alluvial, difference_heat_map, heat_map, scores_since_trigger};

/// Convergence over epsilon and rho (Beyond the Final Label, fig. 9); with a base, of both and their difference.
pub(super) fn grids(report: &EvaluationReport, base: Option<&BaseReport<'_>>) -> Markup {
    let Some(grid) = &report.early_stable.grid else { return html! {} };
    let (style, new) = (FigureStyle::new(), convergence(grid));
    let what = format!(
        "Share of objects that converge, by the largest move ε that counts as none and the least probability ρ of the true \
         class; {} classifications in a row",
        grid.k
    );
    let Some(base) = base.and_then(|base| base.report.early_stable.grid.as_ref()) else {
        return illustration(&heat_map(&new, &style), &format!("{what}."));
    };
    let old = convergence(base);
    let difference = old.difference(&new).and_then(|map| difference_heat_map(&map, &style));
    html! {
        div.pair {
            (illustration(&heat_map(&old, &style), &format!("{what}: the base.")))
            (illustration(&heat_map(&new, &style), "The same of the new classifier."))
            (illustration(&difference, "The new one minus the base."))
        }
    }
}

fn convergence(grid: &GridReport) -> HeatMap {
    let row = |rho| grid.convergence.iter().map(|row| row.get(rho).copied().flatten()).collect();
    HeatMap {
        label: "convergence proportion".to_owned(),
        row_label: "ρ".to_owned(),
        rows: grid.rhos.clone(),
        column_label: "ε".to_owned(),
        columns: grid.epsilons.clone(),
        values: (0..grid.rhos.len()).map(row).collect(),
    }
}

/// Scores against days since trigger (ORACLE, figs. 5 and 6), where there are several days.
pub(super) fn since_trigger(report: &EvaluationReport) -> Markup {
    let days: Vec<_> =
        report.since_trigger.iter().map(|day| &day.report).filter(|day| day.n_objects > 0).collect();
    let Some(first) = days.first().filter(|_| days.len() > 1) else { return html! {} };
    let names: Vec<String> = (0..first.levels.len()).map(|level| format!("level {level}")).collect();
    let figure = scores_since_trigger(days, report.parameters.days_since, &names, &FigureStyle::new());
    let caption = format!(
        "Precision, recall and F1, averaged over classes, by days since the {}; level 1 is below the root of the tree.",
        report.parameters.days_since
    );
    illustration(&figure, &caption)
}

/// Flow of probability between the leaves.
pub(super) fn flow(report: &EvaluationReport) -> Markup {
    let flow = Flow::new(&report.flow.bins, report.flow.net.clone());
    let figure = alluvial(&flow, &report.classes, &FigureStyle::new().width(1000.0));
    illustration(
        &figure,
        "Probability of each class, summed over objects, and where it moves as classifications follow.",
    )
}
