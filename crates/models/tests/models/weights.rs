//! Model files: what they keep, and what they say of wrong ones.

use candle_core::{DType, Device, Tensor};
use heliacal_lightcurve::Context;
use heliacal_models::{Error, FeatureSpec, ModelFile, Oracle, Preset, candle_core};

use crate::devices::device;
use crate::{made_up_light_curve, made_up_oracle};

on_every_device!(a_saved_model_comes_back_with_its_encoding,);

fn a_saved_model_comes_back_with_its_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for preset in Preset::ALL {
        let oracle = made_up_oracle(preset);
        oracle.to_file().unwrap().write(&path).unwrap();
        let read = Oracle::from_file(&ModelFile::read(&path).unwrap(), &device()).unwrap();
        assert_eq!((read.config(), read.features()), (oracle.config(), oracle.features()));
        let light_curve = made_up_light_curve(12);
        let logits = |oracle: &Oracle| oracle.logits(light_curve.view(), &Context::new()).unwrap();
        assert_eq!(logits(&read), logits(&oracle));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn files_that_are_no_models_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    assert!(matches!(ModelFile::read(&path), Err(Error::Io { .. })));
    let mut zip_like = b"PK\x03\x04".to_vec();
    zip_like.extend([7; 100]);
    for bytes in [Vec::new(), b"hello".to_vec(), vec![0xff; 64], zip_like] {
        std::fs::write(&path, &bytes).unwrap();
        let error = ModelFile::read(&path).unwrap_err();
        assert!(matches!(error, Error::NotAModel { .. }), "{error}");
        assert!(error.to_string().contains("model.bin"), "{error}");
    }
}

#[test]
fn truncated_model_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut file = ModelFile::default();
    file.tensors.insert("a".into(), Tensor::zeros((3, 2), DType::F32, &Device::Cpu).unwrap());
    file.write(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(ModelFile::read(&path).is_err(), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn weights_of_another_architecture_are_named() {
    let file = made_up_oracle(Preset::PublishedLite).to_file().unwrap();
    let load = |preset: Preset, n_nodes| {
        Oracle::from_weights(preset.config(n_nodes), preset.features(), &file, &Device::Cpu)
    };
    let error = load(Preset::Published, 26).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor dense1.weight has shape [64, 100], the architecture needs [100, 100]"
    );
    let error = load(Preset::PublishedLite, 9).unwrap_err();
    assert_eq!(error.to_string(), "tensor fc_out.weight has shape [26, 16], the architecture needs [9, 16]");
    let mut lacking = file.clone();
    lacking.tensors.remove("gru.bias_hh_l1");
    let config = Preset::PublishedLite.config(26);
    let error =
        Oracle::from_weights(config, Preset::PublishedLite.features(), &lacking, &Device::Cpu).unwrap_err();
    assert!(error.to_string().starts_with("no tensor gru.bias_hh_l1 in the weights"), "{error}");
}

#[test]
fn weights_alone_ask_for_a_preset() {
    let mut file = ModelFile::default();
    file.tensors = made_up_oracle(Preset::Published).to_file().unwrap().tensors;
    let error = Oracle::from_file(&file, &Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("name the preset"), "{error}");
    file.set_config("features", "nonsense");
    assert!(matches!(
        file.config::<FeatureSpec>("features"),
        Err(Error::InvalidConfig { key: "features", .. })
    ));
}

#[test]
fn absurd_sizes_in_a_file_are_errors_before_anything_is_made_by_them() {
    let good = made_up_oracle(Preset::Paper).to_file().unwrap();
    let load = |key: &'static str, value: serde_json::Value| {
        let mut config: serde_json::Value = good.config("oracle").unwrap();
        let mut features: serde_json::Value = good.config("features").unwrap();
        let place = if key == "max_steps" { &mut features } else { &mut config };
        place[key] = value;
        let mut file = good.clone();
        file.set_config("oracle", &config);
        file.set_config("features", &features);
        Oracle::from_file(&file, &Device::Cpu).unwrap_err().to_string()
    };
    for key in ["n_features", "n_statics", "hidden", "n_layers", "n_nodes", "max_steps"] {
        for size in [0, usize::MAX] {
            let error = load(key, size.into());
            assert!(error.contains(&size.to_string()), "{key} {size}: {error}");
        }
    }
    let layer = serde_json::json!([usize::MAX, "relu"]);
    assert!(load("head", serde_json::Value::Array(vec![layer.clone()])).starts_with("width of a head layer"));
    assert!(load("static_dense", layer).starts_with("width of static_dense"));
    assert!(load("hidden", "wide".into()).starts_with("heliacal.config, entry \"oracle\""));
}
