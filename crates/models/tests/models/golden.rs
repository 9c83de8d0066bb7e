//! ORACLE's published weights on real ELAsTiCC2 light curves, against PyTorch in double precision
//! (`oracle-elasticc` of the test data).

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use heliacal_lightcurve::{Context, LightCurve, Passband, PhotometricSystem};
use heliacal_models::{ModelFile, Oracle, Preset, TimeOrigin, candle_core};

use crate::devices::device;
use crate::largest_difference;

on_every_device!(
    logits_equal_pytorch_in_double_precision,
    history_and_stream_agree_with_every_prefix_of_real_light_curves,
);

/// Folder of a data set of the test data, or None with a word on stderr.
fn test_data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HELIACAL_TEST_DATA").filter(|root| !root.is_empty());
    if root.is_none() {
        eprintln!("skipped: HELIACAL_TEST_DATA is not set");
    }
    root.map(|root| PathBuf::from(root).join(name))
}

/// SNANA's sentinels that stand in these columns for "not measured".
fn measured(value: f64) -> Option<f64> {
    (![-9.0, -99.0, -999.0, -9999.0, 999.0].contains(&value)).then_some(value)
}

struct Golden {
    objects: Vec<(LightCurve, Context)>,
    tensors: HashMap<String, Tensor>,
    weights: PathBuf,
}

impl Golden {
    fn read() -> Option<Self> {
        let folder = test_data("oracle-elasticc")?;
        let raw =
            candle_core::safetensors::load(folder.join("raw_objects.safetensors"), &Device::Cpu).unwrap();
        let offsets = raw["offsets"].to_vec1::<i64>().unwrap();
        let mjd = raw["MJD"].to_vec1::<f64>().unwrap();
        let flux = raw["FLUXCAL"].to_vec1::<f32>().unwrap();
        let flux_err = raw["FLUXCALERR"].to_vec1::<f32>().unwrap();
        let band = raw["BAND"].to_vec1::<u8>().unwrap();
        let photflag = raw["PHOTFLAG"].to_vec1::<i32>().unwrap();
        let statics = raw["STATIC_RAW"].to_vec2::<f64>().unwrap();
        let names: Vec<String> = Preset::Published
            .features()
            .statics
            .into_iter()
            .map(|feature| match feature.source {
                heliacal_models::StaticSource::Named(name) => name,
                other => panic!("{other:?}"),
            })
            .collect();
        let objects = offsets.windows(2).zip(statics).map(|(range, statics)| {
            let range = range[0] as usize..range[1] as usize;
            let passbands = band[range.clone()]
                .iter()
                .map(|band| Passband::from_name(&[*band], PhotometricSystem::Lsst).unwrap());
            let light_curve = LightCurve::new(
                mjd[range.clone()].to_vec(),
                flux[range.clone()].to_vec(),
                flux_err[range.clone()].to_vec(),
                passbands.collect(),
                photflag[range].iter().map(|flag| flag & 4096 != 0).collect(),
            );
            let context =
                names.iter().zip(statics).filter_map(|(name, v)| Some((name.as_str(), measured(v)?)));
            (light_curve.unwrap(), context.collect())
        });
        let objects = objects.collect();
        let tensors =
            candle_core::safetensors::load(folder.join("golden.safetensors"), &Device::Cpu).unwrap();
        Some(Self { objects, tensors, weights: folder.join("weights") })
    }

    fn oracle(&self, preset: Preset, file: &str) -> Oracle {
        let file = ModelFile::read(self.weights.join(file)).unwrap();
        Oracle::from_weights(preset.config(26), preset.features(), &file, &device()).unwrap()
    }
}

const VARIANTS: [(&str, Preset, &str); 2] =
    [("md", Preset::Published, "elasticc"), ("lite", Preset::PublishedLite, "elasticc-lite")];
const PREPARATIONS: [(&str, TimeOrigin); 2] =
    [("dataset", TimeOrigin::FirstObservation), ("pretrained", TimeOrigin::FirstDetection)];
const DAYS: [(&str, f64); 3] = [("full", f64::INFINITY), ("d1", 1.0), ("d64", 64.0)];

/// The two preparations of the published code: training leaves SNANA's sentinels, the inference helper writes -9.
fn prepared(oracle: &Oracle, origin: TimeOrigin) -> Oracle {
    let features = oracle.features().clone();
    let features =
        if origin == TimeOrigin::FirstDetection { features.published_inference() } else { features };
    let file = oracle.to_file().unwrap();
    Oracle::from_weights(oracle.config().clone(), features, &file, &device()).unwrap()
}

fn logits_equal_pytorch_in_double_precision() {
    let Some(golden) = Golden::read() else { return };
    let mut worst: f64 = 0.0;
    for (variant, preset, weights) in VARIANTS {
        for format in ["safetensors", "pth"] {
            let published = golden.oracle(preset, &format!("{weights}.best_model_f1.{format}"));
            for (preparation, origin) in PREPARATIONS {
                let oracle = prepared(&published, origin);
                for (cut, days) in DAYS {
                    let case = format!("{variant}.logits64.{preparation}.{cut}");
                    let expected = golden.tensors[&case].to_vec2::<f64>().unwrap();
                    let length =
                        golden.tensors[&format!("length.{preparation}.{cut}")].to_vec1::<i64>().unwrap();
                    let encode = |((light_curve, context), n): (&(LightCurve, Context), i64)| {
                        let known = oracle.features().truncate(light_curve.view(), days).unwrap();
                        assert_eq!(known.len() as i64, n, "{case}");
                        oracle.features().encode(known, context).unwrap()
                    };
                    let encoded: Vec<_> = golden.objects.iter().zip(length).map(encode).collect();
                    let last: Vec<_> =
                        encoded.iter().map(|encoded| [encoded.observations.len() - 1]).collect();
                    let batch: Vec<_> =
                        encoded.iter().zip(&last).map(|(encoded, last)| (encoded, &last[..])).collect();
                    for (found, expected) in oracle.logits_at(&batch).unwrap().into_iter().zip(expected) {
                        worst = worst.max(largest_difference(found.into_iter().map(f64::from), expected));
                    }
                }
            }
        }
    }
    eprintln!("largest difference of a logit: {worst:.2e}");
    assert!(worst < 1e-4, "{worst:e}");
}

#[test]
fn inputs_equal_the_published_codes_bit_for_bit() {
    let Some(golden) = Golden::read() else { return };
    let rows = golden.tensors["ts.pretrained"].to_vec2::<f32>().unwrap();
    let first_observation = golden.tensors["mjd.dataset"].to_vec1::<f32>().unwrap();
    for (preparation, origin) in PREPARATIONS {
        let oracle =
            prepared(&golden.oracle(Preset::Published, "elasticc.best_model_f1.safetensors"), origin);
        let statics = golden.tensors[&format!("static.{preparation}")].to_vec2::<f32>().unwrap();
        let mut row = 0;
        for ((light_curve, context), statics) in golden.objects.iter().zip(statics) {
            let encoded = oracle.features().encode(light_curve.view(), context).unwrap();
            assert_eq!(encoded.statics, statics);
            for found in encoded.rows.chunks_exact(5) {
                let mut expected = rows[row].clone();
                if origin == TimeOrigin::FirstObservation {
                    expected[0] = first_observation[row];
                }
                assert_eq!(found, expected);
                row += 1;
            }
        }
        assert_eq!(row, rows.len());
    }
}

fn history_and_stream_agree_with_every_prefix_of_real_light_curves() {
    let Some(golden) = Golden::read() else { return };
    let oracle = golden.oracle(Preset::Published, "elasticc.best_model_f1.safetensors");
    let widen = |logits: &[f32]| logits.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    // Every fifth object, every seventh prefix: the others are like them, and each prefix is a whole run.
    for (light_curve, context) in golden.objects.iter().step_by(5) {
        let history = oracle.logits_history(light_curve.view(), context).unwrap();
        assert_eq!(history.len(), light_curve.len());
        let mut stream = oracle.stream(context);
        for ((n, logits), observation) in history.iter().zip(light_curve.view().iter()) {
            let streamed = stream.push(observation).unwrap().unwrap();
            if n % 7 == 0 || n + 1 == light_curve.len() {
                let expected = widen(&oracle.logits(light_curve.view().first_n(n + 1), context).unwrap());
                for found in [logits, &streamed] {
                    // Logits reach 27, where a float's last digit is 2e-6.
                    let worst = largest_difference(widen(found), expected.iter().copied());
                    assert!(worst < 5e-5, "observation {n}: {worst:e}");
                }
            }
        }
    }
}
