//! Objects that a model has classified once, and the scorecard they make.

use std::error::Error;

use heliacal::metrics::evaluation::{Evaluation, EvaluationOptions};
use heliacal::metrics::scorecard::{
    AnomalyScores, Confusion, Ranking, SlicedScorecards, family_scores, max_probability_score,
};
use heliacal::metrics::{ClassTree, Pmf, PmfHistory};
use heliacal::report::page::{AnomalyTest, ModelScorecard, Slices};
use heliacal::taxonomy::{NodeId, Taxonomy};

/// What is known of an object besides what the model says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// Its class, or only its family.
    Node(NodeId),
    /// It is of a class that the model was not taught.
    Stranger,
}

/// An object: the probabilities of the leaves, the truth, and whether it is in each slice.
pub struct Classified {
    pub pmf: Pmf,
    pub truth: Truth,
    pub is_in: Vec<bool>,
}

/// Everything that a scorecard is made of.
pub struct ClassifiedObjects {
    pub model: String,
    pub data: String,
    pub taxonomy: Taxonomy,
    pub slices: Vec<String>,
    /// Slices that share the objects out, by name.
    pub partitions: Vec<(String, Vec<String>)>,
    /// What the strangers are, if there are any.
    pub strangers: Option<String>,
    pub objects: Vec<Classified>,
}

impl ClassifiedObjects {
    /// The scorecard. `look_alikes`: families of fine classes that are hard to tell apart.
    pub fn scorecard(
        &self,
        look_alikes: &[Vec<String>],
        options: &EvaluationOptions,
    ) -> Result<ModelScorecard, Box<dyn Error>> {
        let tree = ClassTree::new(self.taxonomy.parents())?;
        let names = || self.taxonomy.names().to_vec();
        let mut evaluation = Evaluation::new(names(), tree.clone(), options)?;
        let mut loose = Evaluation::new(names(), tree.clone(), options)?;
        let slices: Vec<&str> = self.slices.iter().map(String::as_str).collect();
        let mut sliced = SlicedScorecards::new(tree, &slices, Ranking::Off)?;
        for (name, parts) in &self.partitions {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            sliced.declare_partition(name, &parts)?;
        }
        let mut anomalies = AnomalyScores::default();
        for object in &self.objects {
            let pmf = &object.pmf;
            let node = match object.truth {
                Truth::Node(node) => node,
                Truth::Stranger => {
                    anomalies.push(max_probability_score(pmf), true)?;
                    continue;
                }
            };
            anomalies.push(max_probability_score(pmf), false)?;
            let history = PmfHistory::new(pmf.n_classes(), pmf.as_slice().to_vec())?;
            evaluation.push(&history, &[0.0], Some(node.index()))?;
            sliced.push(pmf.as_slice(), node.index(), &object.is_in)?;
            if !self.taxonomy.is_leaf(node) {
                loose.push(&history, &[0.0], Some(node.index()))?;
            }
        }
        let report = evaluation.report()?;
        let loose = loose.report()?;
        let card = ModelScorecard::new(self.model.as_str(), report);
        Ok(ModelScorecard {
            data: Some(self.data.clone()),
            slices: (!slices.is_empty()).then(|| Slices {
                reports: sliced.report(options.zero_division),
                partitions: sliced.partitions().to_vec(),
            }),
            anomaly: self.strangers.clone().zip(anomalies.report()).map(|(left_out, auc)| AnomalyTest {
                left_out,
                score: "1 - max p".to_owned(),
                auc,
            }),
            ambiguous: loose.levels.into_iter().nth(1).filter(|_| loose.n_objects > 0),
            look_alikes: self.look_alikes(&card, look_alikes)?,
            ..card
        })
    }

    fn look_alikes(
        &self,
        card: &ModelScorecard,
        families: &[Vec<String>],
    ) -> Result<Option<heliacal::metrics::scorecard::FamilyReport>, Box<dyn Error>> {
        let Some(fine) = card.fine().filter(|_| !families.is_empty()) else { return Ok(None) };
        let position = |name: &String| -> Result<usize, Box<dyn Error>> {
            // The taxonomy's own error names the nearest classes.
            let name = self.taxonomy.class_name(self.taxonomy.find(name)?);
            let found = fine.classes.iter().position(|class| class == name);
            found.ok_or_else(|| format!("look-alikes: {name} is a family, not a class").into())
        };
        let families = families.iter().map(|family| family.iter().map(position).collect());
        let families = families.collect::<Result<Vec<Vec<usize>>, _>>()?;
        let counts = &fine.report.scorecard.confusion;
        let confusion = Confusion::from_counts(counts.len(), counts.concat())?;
        Ok(Some(family_scores(&confusion, &families)?))
    }
}
