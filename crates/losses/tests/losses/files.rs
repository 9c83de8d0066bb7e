//! Options in files.

use heliacal_losses::{
    ClassDistance, ClassifiedSteps, ConstantHistory, CrossEntropyOptions, EscOptions, LabelCount,
    LevelLosses, Parametrization, TransportCost, WhxeOptions,
};
use heliacal_taxonomy::EdgeLength;
use serde_json::{from_str, to_string};

#[test]
fn options_come_back_from_json() {
    let esc = EscOptions { floor: Some(1e-12), ..Default::default() };
    let json = to_string(&esc).unwrap();
    assert_eq!(json, r#"{"alpha":2.0,"floor":1e-12,"constant_history":"negative_log_probability"}"#);
    assert_eq!(from_str::<EscOptions>(&json).unwrap(), esc);
    let whxe = WhxeOptions { label_count: LabelCount::NonRoot, ..Default::default() };
    let json = to_string(&whxe).unwrap();
    assert_eq!(json, r#"{"alpha":0.5,"gamma":1.0,"label_count":"non_root"}"#);
    assert_eq!(from_str::<WhxeOptions>(&json).unwrap(), whxe);
    let entropy = CrossEntropyOptions { class_weights: Some(vec![1.0, 2.0]), ..Default::default() };
    assert_eq!(from_str::<CrossEntropyOptions>(&to_string(&entropy).unwrap()).unwrap(), entropy);
    let levels = LevelLosses { losses: vec![0.0, 0.5] };
    assert_eq!(from_str::<LevelLosses>(&to_string(&levels).unwrap()).unwrap(), levels);
}

#[test]
fn choices_have_their_names() {
    let halving = EdgeLength::exponential(0.5).unwrap();
    assert_eq!(to_string(&TransportCost::Tree(halving)).unwrap(), r#"{"tree":0.5}"#);
    assert_eq!(to_string(&ClassDistance::AncestorHeight).unwrap(), r#""ancestor_height""#);
    assert_eq!(to_string(&Parametrization::LeafSoftmax).unwrap(), r#""leaf_softmax""#);
    assert_eq!(to_string(&ClassifiedSteps::All).unwrap(), r#""all""#);
    assert_eq!(from_str::<ConstantHistory>(r#""undefined""#).unwrap(), ConstantHistory::Undefined);
}

#[test]
fn what_a_file_leaves_out_is_the_default_and_what_is_unknown_is_refused() {
    assert_eq!(from_str::<EscOptions>("{}").unwrap(), EscOptions::default());
    let said = from_str::<WhxeOptions>(r#"{"alhpa":1.0}"#).unwrap_err().to_string();
    assert!(said.contains("unknown field `alhpa`"), "{said}");
    assert!(from_str::<TransportCost>(r#"{"tree":-1.0}"#).is_err());
}
