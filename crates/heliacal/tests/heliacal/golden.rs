//! Real SNANA files through the reader, the published weights and the taxonomy, against PyTorch in double precision
//! (`elasticc2` and `oracle-elasticc` of the test data).

use std::collections::HashMap;

use heliacal::io::{ReadOptions, Record, Survey};
use heliacal::models::candle_core::{Tensor, safetensors};
use heliacal::{Classifier, Device, ModelFile, Preset};

use crate::{largest_difference, test_data};

struct Golden {
    tensors: HashMap<String, Tensor>,
    /// Row of the golden tensors and the object as our reader gives it; the flares' files are not among the test data.
    objects: Vec<(usize, Record)>,
    weights: std::path::PathBuf,
}

fn golden() -> Option<Golden> {
    let folder = test_data("oracle-elasticc")?;
    let index = std::fs::read_to_string(folder.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let rows: HashMap<(String, String), usize> = index["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| {
            let text = |key: &str| object[key].as_str().unwrap().to_owned();
            ((text("folder"), text("SNID")), object["index"].as_u64().unwrap() as usize)
        })
        .collect();
    let survey = Survey::open([test_data("elasticc2")?], &ReadOptions::default()).unwrap();
    let objects: Vec<_> = survey
        .map(Result::unwrap)
        .filter_map(|record| {
            let folder = record.labels.folder.as_deref().unwrap().to_owned();
            Some((*rows.get(&(folder, record.object.id.to_string()))?, record))
        })
        .collect();
    assert_eq!(objects.len(), 30);
    let tensors = safetensors::load(folder.join("golden.safetensors"), &Device::Cpu).unwrap();
    Some(Golden { tensors, objects, weights: folder.join("weights") })
}

#[test]
fn probabilities_equal_pytorch_from_the_files_on() {
    let Some(golden) = golden() else { return };
    let (mut worst_class, mut worst_conditional) = (0f64, 0f64);
    for (variant, preset, weights) in
        [("md", Preset::Published, "elasticc"), ("lite", Preset::PublishedLite, "elasticc-lite")]
    {
        let file = ModelFile::read(golden.weights.join(format!("{weights}.best_model_f1.pth"))).unwrap();
        let trained = preset.features();
        let inference = trained.clone().published_inference();
        for (preparation, features) in [("dataset", trained), ("pretrained", inference)] {
            let classifier = Classifier::from_published(preset, features, &file, &Device::Cpu).unwrap();
            let taxonomy = classifier.taxonomy();
            for (cut, days) in [("full", f64::INFINITY), ("d1", 1.0), ("d64", 64.0)] {
                let rows = |kind: &str| {
                    let tensor = &golden.tensors[&format!("{variant}.{kind}.{preparation}.{cut}")];
                    tensor
                        .to_dtype(heliacal::models::candle_core::DType::F64)
                        .unwrap()
                        .to_vec2::<f64>()
                        .unwrap()
                };
                let (class, conditional) = (rows("class64"), rows("cond"));
                for (row, record) in &golden.objects {
                    let light_curve = record.object.light_curve.view();
                    let known = classifier.oracle().features().truncate(light_curve, days).unwrap();
                    let found = classifier.predict(known, &record.object.context).unwrap();
                    worst_class = worst_class.max(largest_difference(found.probabilities(), &class[*row]));
                    let mut conditionals = vec![0.0; taxonomy.n_nodes()];
                    let logits = classifier.oracle().logits(known, &record.object.context).unwrap();
                    taxonomy.conditionals(&logits, &mut conditionals).unwrap();
                    let worst = largest_difference(&conditionals[1..], &conditional[*row][1..]);
                    worst_conditional = worst_conditional.max(worst);
                }
            }
        }
    }
    eprintln!(
        "largest difference of a probability: {worst_class:.2e}, of a conditional: {worst_conditional:.2e}"
    );
    assert!(worst_class < 2e-5, "{worst_class:e}");
    // The published conditionals are single precision and have 1e-10 in their denominators.
    assert!(worst_conditional < 2e-5, "{worst_conditional:e}");
}

#[test]
fn history_and_stream_agree_with_predict_on_every_prefix_of_real_light_curves() {
    let Some(golden) = golden() else { return };
    let mut worst: f64 = 0.0;
    for (preset, weights) in [(Preset::Published, "elasticc"), (Preset::PublishedLite, "elasticc-lite")] {
        let path = golden.weights.join(format!("{weights}.best_model_f1.safetensors"));
        let classifier = Classifier::load(path, Some(preset), &Device::Cpu).unwrap();
        for (_, record) in golden.objects.iter().step_by(3) {
            let (light_curve, context) = (record.object.light_curve.view(), &record.object.context);
            let prefixes: Vec<_> =
                (1..=light_curve.len()).map(|n| (light_curve.first_n(n), context)).collect();
            let expected = classifier.predict_batch(&prefixes).unwrap();
            let history = classifier.predict_history(light_curve, context).unwrap();
            let mut stream = classifier.stream(context);
            for ((observation, expected), found) in
                light_curve.iter().zip(&expected).zip(&history.predictions)
            {
                let streamed = stream.push(observation).unwrap().unwrap();
                for found in [found, &streamed] {
                    worst = worst.max(largest_difference(found.probabilities(), expected.probabilities()));
                }
            }
            assert_eq!(history.len(), expected.len());
        }
    }
    eprintln!("largest difference of a probability between history or stream and a fresh run: {worst:.2e}");
    assert!(worst < 1e-5, "{worst:e}");
}
