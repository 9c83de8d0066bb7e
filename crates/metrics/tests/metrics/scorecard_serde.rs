//! Scorecards travel between shards as JSON, and come back exactly or not at all.

use heliacal_metrics::scorecard::{
    AnomalyScores, ConfidenceRule, Confusion, HierarchicalScores, LevelConfidentDays, Ranking, Scorecard,
    SinceTriggerScorecards, SlicedScorecards, ZeroDivision,
};
use heliacal_metrics::{ClassTree, PmfHistory};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

#[track_caller]
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> String {
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
    json
}

#[test]
fn accumulators_come_back() {
    let tree = ClassTree::new(&[0, 0, 0, 1, 1]).unwrap();
    let history = PmfHistory::new(3, vec![0.1, 0.6, 0.3, 0.7, 0.2, 0.1]).unwrap();
    let mut since = SinceTriggerScorecards::new(tree.clone(), vec![1.0, 4.0], Ranking::Exact).unwrap();
    since.push(&history, &[0.5, 2.0], 3).unwrap();
    since.push(&history, &[1.5, 2.0], 1).unwrap();
    round_trip(&since);
    round_trip(&since.report(ZeroDivision::Skip));
    let mut sliced = SlicedScorecards::new(tree.clone(), &["a", "b"], Ranking::Off).unwrap();
    sliced.declare_partition("ab", &["a", "b"]).unwrap();
    sliced.push(history.step(0), 4, &[true, false]).unwrap();
    let json = round_trip(&sliced);
    assert!(json.contains("\"parts\":[0,1]"));
    let mut waits = LevelConfidentDays::new(tree.clone(), ConfidenceRule::default()).unwrap();
    waits.push(&history, &[0.5, 2.0], 2).unwrap();
    round_trip(&waits);
    round_trip(&waits.report());
    round_trip(&waits.levels()[2].kaplan_meier());
    let mut hierarchical = HierarchicalScores::new(tree);
    hierarchical.push(history.step(0), 4).unwrap();
    round_trip(&hierarchical);
    round_trip(&AnomalyScores::new(vec![0.5, 0.25], vec![true, false]).unwrap());
    round_trip(&AnomalyScores::new(vec![0.5, 0.25], vec![true, false]).unwrap().report());
}

#[test]
fn tampered_counts_are_refused() {
    let refused = |json: &str| serde_json::from_str::<Confusion>(json).unwrap_err().to_string();
    assert_eq!(
        refused(r#"{"n_classes":2,"counts":[1,2,3],"abstained":[0,0]}"#),
        "counts has 3 values, 4 were expected"
    );
    assert!(refused(r#"{"n_classes":0,"counts":[],"abstained":[]}"#).contains("no class"));
    assert!(refused(r#"{"n_classes":1,"counts":[18446744073709551615],"abstained":[1]}"#).contains("2^53"));
    let mut scorecard = Scorecard::new(2, Ranking::Exact).unwrap();
    scorecard.push(&[0.75, 0.25], 0).unwrap();
    let json = serde_json::to_string(&scorecard).unwrap();
    let other = json.replace("\"counts\":[1,0,0,0]", "\"counts\":[0,0,1,0]");
    assert_ne!(json, other);
    let error = serde_json::from_str::<Scorecard>(&other).unwrap_err().to_string();
    assert_eq!(error, "the supports of a scorecard do not add up");
    let mut sliced = SlicedScorecards::new(ClassTree::flat(2), &["a"], Ranking::Off).unwrap();
    sliced.push(&[0.75, 0.25], 1, &[true]).unwrap();
    let json = serde_json::to_string(&sliced).unwrap();
    let (before, after) = json.split_once("\"slices\"").unwrap();
    let tampered = format!("{before}\"slices\"{}", after.replace("\"n_objects\":1", "\"n_objects\":2"));
    assert!(serde_json::from_str::<SlicedScorecards>(&tampered).is_err());
}
