//! Classifications of made-up objects, and the pages' data made from them.

use heliacal_metrics::evaluation::{Evaluation, EvaluationOptions, EvaluationReport};
use heliacal_metrics::scorecard::{
    AnomalyScores, Confusion, Ranking, SlicedScorecards, ZeroDivision, family_scores,
};
use heliacal_metrics::{ClassTree, PmfHistory};
use heliacal_report::page::{AnomalyTest, ModelScorecard, Slices};

/// The tree of variable stars: families and their classes.
const STARS: [(&str, &[&str]); 8] = [
    ("ECLIPSING", &["EA", "EB", "EW"]),
    ("RR_LYRAE", &["RRAB", "RRC", "RRD"]),
    ("CEPHEID", &["DCEP", "DCEPS", "CW"]),
    ("DELTA_SCUTI", &["DSCT", "HADS"]),
    ("LPV", &["M", "SR", "L"]),
    ("ROTATIONAL", &["ROT", "RS", "ELL"]),
    ("ERUPTIVE_CV", &["UG", "GCAS"]),
    ("OTHER", &["YSO", "MISC"]),
];

/// Names and parents of all nodes in level order.
#[derive(Clone)]
pub struct Tree {
    pub names: Vec<String>,
    pub parents: Vec<usize>,
}

impl Tree {
    pub fn stars() -> Self {
        let mut tree = Self { names: vec!["STAR".to_owned()], parents: vec![0] };
        for (family, _) in STARS {
            tree.names.push(family.to_owned());
            tree.parents.push(0);
        }
        for (position, (_, classes)) in STARS.iter().enumerate() {
            tree.names.extend(classes.iter().map(ToString::to_string));
            tree.parents.extend(classes.iter().map(|_| position + 1));
        }
        tree
    }

    /// A root and its leaves.
    pub fn flat(leaves: Vec<String>) -> Self {
        let parents = vec![0; leaves.len() + 1];
        Self { names: [vec!["root".to_owned()], leaves].concat(), parents }
    }

    fn class_tree(&self) -> ClassTree {
        ClassTree::new(&self.parents).unwrap()
    }
}

/// Numbers between 0 and 1, the same each time.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Objects of all leaves in turn, each with some classifications that become surer of the true class or one like it.
fn objects(tree: &ClassTree, n: usize) -> Vec<(PmfHistory, Vec<f64>, usize)> {
    let mut random = Random(7);
    let n_leaves = tree.n_leaves();
    let one = |index: usize| {
        let leaf = index % n_leaves;
        let shown = if random.unit() < 0.75 { leaf } else { (leaf + 1) % n_leaves };
        let n_steps = 2 + (8.0 * random.unit()) as usize;
        let mut values = Vec::new();
        for step in 0..n_steps {
            let pull = 3.0 * random.unit() * (step + 1) as f64 / n_steps as f64;
            values.extend(
                (0..n_leaves)
                    .map(|class| 0.02 + 0.2 * random.unit() + if class == shown { pull } else { 0.0 }),
            );
        }
        let days = (0..n_steps).map(|step| 4.0 * step as f64).collect();
        // Some are known by family only.
        let node = tree.leaves()[leaf];
        let node = if index % 29 == 7 { tree.parents()[node] } else { node };
        (PmfHistory::normalized(n_leaves, values).unwrap(), days, node)
    };
    (0..n).map(one).collect()
}

pub fn evaluation(tree: &Tree, n: usize) -> EvaluationReport {
    let mut options = EvaluationOptions::default();
    options.bootstrap.n_resamples = 50;
    let classes = tree.class_tree();
    let mut evaluation = Evaluation::new(tree.names.clone(), classes.clone(), &options).unwrap();
    for (history, days, node) in objects(&classes, n) {
        evaluation.push(&history, &days, Some(node)).unwrap();
    }
    evaluation.report().unwrap()
}

/// A scorecard with all its parts.
pub fn card(tree: &Tree, n: usize) -> ModelScorecard {
    let classes = tree.class_tree();
    let (mut sliced, mut anomalies) = (
        SlicedScorecards::new(classes.clone(), &["faint", "bright", "Blazhko"], Ranking::Off).unwrap(),
        AnomalyScores::default(),
    );
    sliced.declare_partition("Brightness", &["faint", "bright"]).unwrap();
    let options = EvaluationOptions::default();
    let mut loose = Evaluation::new(tree.names.clone(), classes.clone(), &options).unwrap();
    for (index, (history, days, node)) in objects(&classes, n).into_iter().enumerate() {
        let faint = index % 3 == 0;
        sliced.push(history.last(), node, &[faint, !faint, index % 10 == 0]).unwrap();
        anomalies.push((index % 17) as f64, index % 5 == 0).unwrap();
        if classes.column(node).is_none() {
            loose.push(&history, &days, Some(node)).unwrap();
        }
    }
    let report = evaluation(tree, n);
    let fine = &report.levels.last().unwrap().report.scorecard.confusion;
    let confusion = Confusion::from_counts(fine.len(), fine.concat()).unwrap();
    let look_alikes = (fine.len() > 3).then(|| family_scores(&confusion, &[vec![0, 1], vec![2, 3]]).unwrap());
    ModelScorecard {
        date: Some("2026-11-22".to_owned()),
        data: Some("Made-up stars.".to_owned()),
        slices: Some(Slices {
            reports: sliced.report(ZeroDivision::Skip),
            partitions: sliced.partitions().to_vec(),
        }),
        anomaly: anomalies.report().map(|auc| AnomalyTest {
            left_out: "RRD".to_owned(),
            score: "1 - max p".to_owned(),
            auc,
        }),
        ambiguous: loose.report().unwrap().levels.into_iter().nth(1),
        look_alikes,
        ..ModelScorecard::new("Made-up model", report)
    }
}
