//! The cascade from its public door: beginnings, streams, leaks, files. Streams run on the CPU, with copies of weights that are
//! elsewhere: what compares their bits with a history's is for the CPU.

use candle_core::{DType, Tensor, Var};
use candle_nn::VarBuilder;
use heliacal_models::{
    BaseClassification, Cascade, CascadeBatch, CascadeConfig, CascadeInput, CascadeScaling,
    CascadeStreamState, Error, ModelFile, Naive, NaiveConfig, Oracle, Preset, ScalingMode, candle_core,
    candle_nn,
};

use crate::devices::{device, forward_tolerance, on_gpu};
use crate::wave;

on_every_device!(
    every_beginning_equals_the_truncated_history,
    all_ways_to_all_beginnings_agree,
    training_without_dropout_gives_the_logits_of_the_truncated_histories,
    gradients_of_all_beginnings_equal_those_of_the_truncated_histories,
    dropout_is_a_function_of_the_seed,
    files_hold_everything_and_statistics_count,
    bad_pushes_leave_the_stream_as_it_was,
    the_naive_model_is_the_head_alone,
);

/// Probabilities of networks with the same weights, in single precision, by different orders of summation.
const TOLERANCE: f64 = 1e-6;

/// A history in which some classifications are of one time.
fn history(config: &CascadeConfig, n_steps: usize, seed: usize) -> CascadeInput {
    let mut mjd = Vec::new();
    let mut now = 60_000.0 + 500.0 * f64::from(wave(seed));
    for step in 0..n_steps {
        mjd.push(now);
        now += [0.0, 1.0, 30.0][step % 3] * (1.1 + f64::from(wave(seed + step)));
    }
    let mut probabilities = Vec::new();
    for row in 0..n_steps * config.n_bases {
        let at = |class: usize| (2.0 * wave(seed + 7 * row + 1000 * class)).exp();
        let sum: f32 = (0..config.n_classes).map(at).sum();
        probabilities.extend((0..config.n_classes).map(|class| at(class) / sum));
    }
    let flux = (0..n_steps).map(|step| 300.0 * wave(seed + 13 * step)).collect();
    CascadeInput { mjd, probabilities, flux }
}

/// Small networks of every kind of input.
fn configs() -> impl Iterator<Item = CascadeConfig> {
    let small = CascadeConfig {
        hidden: 37,
        attention_units: 11,
        head_widths: [17, 9, 6],
        max_steps: Some(20),
        ..CascadeConfig::paper(3)
    };
    let kinds = [(true, true, 1), (true, false, 1), (false, true, 2), (false, false, 1)];
    kinds.into_iter().map(move |(flux, time_features, n_bases)| CascadeConfig {
        flux,
        time_features,
        n_bases,
        ..small.clone()
    })
}

fn histories(config: &CascadeConfig) -> Vec<CascadeInput> {
    [7, 1, 20, 2, 33].iter().enumerate().map(|(i, &n)| history(config, n, 100 * i)).collect()
}

/// Weights and running statistics of no meaning, all in play.
fn tensors(config: &CascadeConfig) -> Vec<(String, Tensor)> {
    let mut index = 0;
    let all = config.parameters().into_iter().chain(config.statistics());
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let n: usize = shape.iter().product();
        index += n;
        let number = |i| match () {
            () if name.ends_with("running_var") => 0.3 + wave(i).abs(),
            () if name.ends_with("num_batches_tracked") => 3.0,
            () if name.starts_with("head.") => 0.5 * wave(i),
            () => 0.4 * wave(i),
        };
        let numbers: Vec<f32> = (index - n..index).map(number).collect();
        (name.clone(), Tensor::from_vec(numbers, shape, &device()).unwrap())
    };
    all.map(tensor).collect()
}

fn builder(tensors: impl IntoIterator<Item = (String, Tensor)>) -> VarBuilder<'static> {
    VarBuilder::from_tensors(tensors.into_iter().collect(), DType::F32, &device())
}

fn cascade_scaled(config: &CascadeConfig, mode: ScalingMode) -> Cascade {
    let scaling = CascadeScaling::fit(config, mode, &histories(config)).unwrap();
    Cascade::new(config.clone(), scaling, builder(tensors(config))).unwrap()
}

fn cascade(config: &CascadeConfig) -> Cascade {
    cascade_scaled(config, ScalingMode::TrainingSet)
}

fn batch(cascade: &Cascade, inputs: &[&CascadeInput]) -> CascadeBatch {
    CascadeBatch::new(cascade.config(), cascade.scaling(), inputs).unwrap()
}

fn softmax(logits: &Tensor) -> Vec<f64> {
    let logits = logits.to_dtype(DType::F64).unwrap();
    candle_nn::ops::softmax(&logits, 1).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn widen(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| f64::from(x)).collect()
}

fn assert_close(found: &[f64], expected: &[f64], case: &str) {
    assert_eq!(found.len(), expected.len(), "{case}");
    let worst = crate::largest_difference(found.iter().copied(), expected.iter().copied());
    assert!(worst < forward_tolerance(TOLERANCE), "{case}: off by {worst:.1e}");
}

fn every_beginning_equals_the_truncated_history() {
    for config in configs() {
        let cascade = cascade(&config);
        for input in histories(&config) {
            let found = cascade.predict_history(&input).unwrap();
            let used = input.n_steps().min(20);
            assert_eq!(found.len(), used * config.n_classes);
            for (step, found) in found.chunks_exact(config.n_classes).enumerate() {
                let truncated = input.truncated(step + 1);
                let logits = cascade.logits(&batch(&cascade, &[&truncated])).unwrap();
                assert_close(&widen(found), &softmax(&logits), &format!("{config:?}, step {step} of {used}"));
            }
        }
    }
}

fn all_ways_to_all_beginnings_agree() {
    for config in configs() {
        let cascade = cascade(&config);
        let inputs = histories(&config);
        let one_by_one: Vec<_> = inputs.iter().map(|input| cascade.predict_history(input).unwrap()).collect();
        let together = cascade.predict_histories(&inputs).unwrap();
        assert_close(&widen(&together.concat()), &widen(&one_by_one.concat()), "many at once");
        if !on_gpu() {
            assert_eq!(together, one_by_one);
        }
        let all = batch(&cascade, &inputs.iter().collect::<Vec<_>>());
        let logits = cascade.logits_prefixes(&all).unwrap();
        assert_close(&softmax(&logits), &widen(&one_by_one.concat()), "by tensors");
    }
    let cascade = cascade(&configs().next().unwrap());
    assert!(cascade.predict_histories(&[]).unwrap().is_empty());
    let none = batch(&cascade, &[]);
    assert_eq!(cascade.logits(&none).unwrap().dims(), [0, 3]);
    assert_eq!(cascade.logits_prefixes(&none).unwrap().dims(), [0, 3]);
}

#[test]
fn a_stream_equals_the_history_to_the_last_bit() {
    let paper = CascadeConfig { max_steps: Some(20), ..CascadeConfig::paper(5) };
    for config in configs().chain([paper]) {
        let cascade = cascade(&config);
        for input in histories(&config) {
            let expected = cascade.predict_history(&input).unwrap();
            let mut expected = expected.chunks_exact(config.n_classes);
            let mut state = cascade.stream().unwrap().into_state();
            let mut last = Vec::new();
            for step in 0..input.n_steps() {
                // Through a database every time.
                let stored = serde_json::to_string(&state).unwrap();
                let mut stream = cascade.resume(serde_json::from_str(&stored).unwrap()).unwrap();
                let found = stream.push(classification(&input, &config, step)).unwrap();
                if let Some(expected) = expected.next() {
                    assert_eq!(found, expected, "{config:?}, step {step}");
                    last = found;
                } else {
                    assert!(stream.is_full());
                    assert_eq!(found, last, "beyond max_steps the last one stands");
                }
                state = stream.into_state();
            }
            assert_eq!(cascade.resume(state).unwrap().n_steps(), input.n_steps().min(20));
        }
    }
}

#[test]
fn objects_pushed_together_are_as_each_alone() {
    let short = CascadeConfig { max_steps: Some(2), ..configs().next().unwrap() };
    for (n_threads, config) in [1, 3].into_iter().cycle().zip(configs().chain([short])) {
        let cascade = cascade(&config);
        // Beginning at different nights, so that new objects meet old ones.
        let inputs: Vec<_> = (0..110).map(|seed| history(&config, 3 + seed % 4, seed)).collect();
        let fresh = cascade.stream().unwrap().into_state();
        let mut alone = vec![fresh.clone(); inputs.len()];
        let mut together = vec![fresh; inputs.len()];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        for night in 0..5 {
            let broken = |object: usize| (object + night) % 7 == 6;
            let of_night = |object: usize| {
                let step = night.checked_sub(object / 4 % 4)?;
                (step < inputs[object].n_steps()).then(|| {
                    let good = classification(&inputs[object], &config, step);
                    if broken(object) { BaseClassification { mjd: f64::NAN, ..good } } else { good }
                })
            };
            let states = together.iter_mut().enumerate();
            let pushes: Vec<_> =
                states.filter_map(|(object, state)| Some((state, of_night(object)?))).collect();
            let n_pushes = pushes.len();
            let found = pool.install(|| cascade.push_all(pushes));
            assert_eq!(found.len(), n_pushes);

            let mut found = found.into_iter();
            for (object, state) in alone.iter_mut().enumerate() {
                let Some(pushed) = of_night(object) else { continue };
                let mut stream = cascade.resume(state.clone()).unwrap();
                match (found.next().unwrap(), stream.push(pushed)) {
                    (Ok(found), Ok(expected)) => assert_eq!(found, expected, "object {object}"),
                    (found, expected) => {
                        assert!(broken(object), "{found:?}");
                        assert_eq!(found.unwrap_err().to_string(), expected.unwrap_err().to_string());
                    }
                }
                *state = stream.into_state();
            }
            assert_eq!(together, alone);
        }
    }
    let (small, large) = (CascadeConfig::paper(3), CascadeConfig { hidden: 7, ..CascadeConfig::paper(3) });
    let mut foreign = cascade(&large).stream().unwrap().into_state();
    let input = history(&small, 1, 0);
    let push = |cascade: &Cascade, state: &mut CascadeStreamState| {
        cascade.push_all([(state, classification(&input, &small, 0))]).remove(0)
    };
    assert!(matches!(push(&cascade(&small), &mut foreign), Err(Error::StreamState { .. })));
    let mut own = cascade(&small).stream().unwrap().into_state();
    let leaking = cascade_scaled(&small, ScalingMode::PerObject);
    assert!(matches!(push(&leaking, &mut own), Err(Error::Config { what: "scaling of a stream", .. })));
    assert!(cascade(&small).push_all([]).is_empty());
}

fn classification<'a>(
    input: &'a CascadeInput,
    config: &CascadeConfig,
    step: usize,
) -> BaseClassification<'a> {
    let width = config.n_probabilities();
    BaseClassification {
        mjd: input.mjd[step],
        probabilities: &input.probabilities[step * width..(step + 1) * width],
        flux: Some(input.flux[step]),
    }
}

/// The first step at which a history shows that its future after step `t` was changed.
fn first_change(cascade: &Cascade, t: usize) -> Option<usize> {
    let config = cascade.config();
    let input = history(config, 15, 3);
    let before = cascade.predict_history(&input).unwrap();
    // The later steps in reverse order, at other times.
    let width = config.n_probabilities();
    let mut shuffled = input.truncated(t + 1);
    for step in (t + 1..input.n_steps()).rev() {
        shuffled.mjd.push(shuffled.mjd[shuffled.n_steps() - 1] + 2.5);
        shuffled.flux.push(10.0 * input.flux[step]);
        shuffled.probabilities.extend(&input.probabilities[step * width..(step + 1) * width]);
    }
    let after = cascade.predict_history(&shuffled).unwrap();
    let rows = before.chunks_exact(config.n_classes).zip(after.chunks_exact(config.n_classes));
    rows.into_iter().position(|(before, after)| before != after)
}

#[test]
fn the_future_does_not_leak_unless_scaled_per_object() {
    for config in configs() {
        let honest = cascade(&config);
        for t in 0..13 {
            assert_eq!(first_change(&honest, t), Some(t + 1), "{config:?}");
        }
        let leaking = cascade_scaled(&config, ScalingMode::PerObject);
        if config.flux || config.time_features {
            // The first two steps are of one time: 0 in any scaling. Their fluxes are not.
            let from = if config.flux { 0 } else { 2 };
            assert!(
                (from..14).all(|t| first_change(&leaking, t).is_some_and(|step| step <= t)),
                "{config:?}"
            );
        }
        assert!(matches!(leaking.stream(), Err(Error::Config { what: "scaling of a stream", .. })));
    }
}

#[test]
fn a_second_stage_reads_the_first() {
    let config = configs().next().unwrap();
    let first = cascade(&config);
    let second = Cascade::fresh(config.clone(), first.scaling().clone(), 5, &device()).unwrap();
    let input = history(&config, 33, 9);
    let between = input.with_probabilities(first.predict_history(&input).unwrap(), config.n_classes);
    let expected = second.predict_history(&between).unwrap();
    let (mut first, mut second) = (first.stream().unwrap(), second.stream().unwrap());
    for (step, expected) in expected.chunks_exact(config.n_classes).enumerate() {
        let base = classification(&input, &config, step);
        let probabilities = &first.push(base).unwrap()[..];
        assert_eq!(second.push(BaseClassification { probabilities, ..base }).unwrap(), expected);
    }
}

fn training_without_dropout_gives_the_logits_of_the_truncated_histories() {
    for config in configs() {
        let config = CascadeConfig { dropout: 0.0, ..config };
        let cascade = cascade(&config);
        let inputs = histories(&config);
        let all = batch(&cascade, &inputs.iter().collect::<Vec<_>>());
        // The same rows as a batch of truncated histories.
        let truncated: Vec<CascadeInput> = inputs
            .iter()
            .flat_map(|input| (1..=input.n_steps().min(20)).map(|n| input.truncated(n)))
            .collect();
        let truncated = batch(&cascade, &truncated.iter().collect::<Vec<_>>());
        let by_prefixes = cascade.forward_train_prefixes(&all, 1).unwrap();
        let one_by_one = cascade.forward_train(&truncated, 1).unwrap();
        assert_close(&softmax(&by_prefixes.logits), &softmax(&one_by_one.logits), "logits");
        for ((name, a), (_, b)) in by_prefixes.statistics.iter().zip(&one_by_one.statistics) {
            let numbers = |t: &Tensor| -> Vec<f64> {
                t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
            };
            assert_close(&numbers(a), &numbers(b), name);
        }
    }
}

/// The network with every weight a variable.
fn variables(config: &CascadeConfig) -> (Cascade, Vec<(String, Var)>) {
    let scaling = cascade(config).scaling().clone();
    let trained: Vec<String> = config.parameters().into_iter().map(|(name, _)| name).collect();
    let mut vars = Vec::new();
    let mut all = Vec::new();
    for (name, tensor) in tensors(config) {
        if trained.contains(&name) {
            let var = Var::from_tensor(&tensor).unwrap();
            all.push((name.clone(), var.as_tensor().clone()));
            vars.push((name, var));
        } else {
            all.push((name, tensor));
        }
    }
    (Cascade::new(config.clone(), scaling, builder(all)).unwrap(), vars)
}

/// A loss of some meaning to every logit.
fn loss(logits: &Tensor) -> Tensor {
    let n = logits.elem_count();
    let factors: Vec<f32> = (0..n).map(|i| wave(3 * i) / n as f32).collect();
    let factors = Tensor::from_vec(factors, logits.shape(), &device()).unwrap();
    (candle_nn::ops::log_softmax(logits, 1).unwrap() * factors).unwrap().sum_all().unwrap()
}

fn gradients_of_all_beginnings_equal_those_of_the_truncated_histories() {
    for config in configs() {
        let config = CascadeConfig { dropout: 0.0, ..config };
        let (cascade, vars) = variables(&config);
        let inputs = histories(&config);
        let all = batch(&cascade, &inputs.iter().collect::<Vec<_>>());
        let truncated: Vec<CascadeInput> = inputs
            .iter()
            .flat_map(|input| (1..=input.n_steps().min(20)).map(|n| input.truncated(n)))
            .collect();
        let truncated = batch(&cascade, &truncated.iter().collect::<Vec<_>>());
        let found = loss(&cascade.forward_train_prefixes(&all, 1).unwrap().logits).backward().unwrap();
        let expected = loss(&cascade.forward_train(&truncated, 1).unwrap().logits).backward().unwrap();
        let numbers = |tensor: &Tensor| widen(&tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        let largest = |numbers: &[f64]| numbers.iter().fold(0f64, |m, x| m.max(x.abs()));
        let all_numbers = |(_, var): &(String, Var)| largest(&numbers(expected.get(var).unwrap()));
        let scale = vars.iter().map(all_numbers).fold(0.0, f64::max);
        for (name, var) in &vars {
            let found = numbers(found.get(var).unwrap_or_else(|| panic!("{name} has no gradient")));
            let expected = numbers(expected.get(var).unwrap());
            let worst = crate::largest_difference(found, expected.iter().copied());
            // Biases before batch normalization have no gradient but rounding.
            let allowed = 1e-4 * largest(&expected).max(1e-2 * scale);
            assert!(worst < allowed, "{config:?}, {name}: {worst:.1e} of {:.1e}", largest(&expected));
        }
    }
}

fn dropout_is_a_function_of_the_seed() {
    let config = configs().next().unwrap();
    let cascade = cascade(&config);
    let inputs = histories(&config);
    let all = batch(&cascade, &inputs.iter().collect::<Vec<_>>());
    let logits = |seed| softmax(&cascade.forward_train(&all, seed).unwrap().logits);
    assert_eq!(logits(1), logits(1));
    assert_ne!(logits(1), logits(2));
    let prefixes = |seed| softmax(&cascade.forward_train_prefixes(&all, seed).unwrap().logits);
    assert_eq!(prefixes(1), prefixes(1));
    assert_ne!(prefixes(1), prefixes(2));
    let error = cascade.forward_train(&batch(&cascade, &[&inputs[0]]), 1).unwrap_err().to_string();
    assert_eq!(error, "rows of a batch in training is 1, expected at least 2");
}

fn files_hold_everything_and_statistics_count() {
    let config = configs().next().unwrap();
    let inputs = histories(&config);
    let mut cascade = cascade(&config);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cascade.safetensors");
    let before = cascade.predict_history(&inputs[0]).unwrap();
    cascade.to_file().unwrap().write(&path).unwrap();
    let read = Cascade::from_file(&ModelFile::read(&path).unwrap(), &device()).unwrap();
    assert_eq!(read.predict_history(&inputs[0]).unwrap(), before);
    assert_eq!((read.config(), read.scaling()), (cascade.config(), cascade.scaling()));

    let all = batch(&cascade, &inputs.iter().collect::<Vec<_>>());
    let pass = cascade.forward_train(&all, 1).unwrap();
    cascade.set_statistics(&pass.statistics).unwrap();
    assert_ne!(cascade.predict_history(&inputs[0]).unwrap(), before);
    let count = &cascade.to_file().unwrap().tensors["head.1.num_batches_tracked"];
    assert_eq!(count.to_scalar::<i64>().unwrap(), 4);
    let error = cascade.set_statistics(&pass.statistics[1..]).unwrap_err();
    assert!(matches!(error, Error::MissingTensor { name, .. } if name == "head.1.running_mean"));

    let mut file = ModelFile::read(&path).unwrap();
    file.tensors.remove("wa.bias");
    let error = Cascade::from_file(&file, &device()).unwrap_err();
    assert!(matches!(error, Error::MissingTensor { name, .. } if name == "wa.bias"));
}

#[test]
fn a_broken_history_is_named() {
    let config = configs().next().unwrap();
    let (cascade, mut inputs) = (cascade(&config), histories(&config));
    inputs[3].flux[1] = f32::NAN;
    let names = |error: Error| {
        assert_eq!(error.to_string(), "history 3: flux of classification 1 is NaN, expected a finite number");
    };
    names(cascade.predict_histories(&inputs).unwrap_err());
    let all: Vec<&CascadeInput> = inputs.iter().collect();
    names(CascadeBatch::new(&config, cascade.scaling(), &all).unwrap_err());
    names(CascadeScaling::fit(&config, ScalingMode::TrainingSet, all).unwrap_err());
    let alone = cascade.predict_history(&inputs[3]).unwrap_err();
    assert!(matches!(alone, Error::InvalidClassification { step: 1, what: "flux", .. }));
}

#[test]
fn weights_are_of_single_precision() {
    let config = configs().next().unwrap();
    let double = VarBuilder::zeros(DType::F64, &device());
    let errors = [
        Cascade::new(config.clone(), CascadeScaling::default(), double.clone()).unwrap_err(),
        Naive::new(NaiveConfig::of_cascade(&config), double.clone()).unwrap_err(),
        Oracle::new(Preset::Paper.config(26), Preset::Paper.features(), double).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.to_string(), "number type of the weights is f64, expected f32");
    }
}

fn bad_pushes_leave_the_stream_as_it_was() {
    let config = configs().next().unwrap();
    let cascade = cascade(&config);
    let mut stream = cascade.stream().unwrap();
    let input = history(&config, 2, 0);
    stream.push(classification(&input, &config, 0)).unwrap();
    let good = classification(&input, &config, 1);
    let state = stream.state().clone();
    for bad in [
        BaseClassification { mjd: good.mjd - 1e4, ..good },
        BaseClassification { mjd: f64::NAN, ..good },
        BaseClassification { probabilities: &[0.5, 0.5], ..good },
        BaseClassification { probabilities: &[0.5, f32::NAN, 0.5], ..good },
        BaseClassification { flux: None, ..good },
        BaseClassification { flux: Some(f32::INFINITY), ..good },
    ] {
        assert!(stream.push(bad).is_err(), "{bad:?}");
        assert_eq!(stream.state(), &state);
    }
    stream.push(good).unwrap();
}

#[test]
fn stored_states_are_checked() {
    let config = configs().next().unwrap();
    let cascade = cascade(&config);
    let mut stream = cascade.stream().unwrap();
    stream.push(classification(&history(&config, 1, 0), &config, 0)).unwrap();
    let stored = serde_json::to_value(stream.state()).unwrap();
    let change = |key: &str, value: serde_json::Value| {
        let mut changed = stored.clone();
        changed[key] = value;
        serde_json::from_value::<CascadeStreamState>(changed)
    };
    assert!(change("first_mjd", serde_json::json!(1e9)).is_err());
    assert!(change("memory", serde_json::json!([1e60])).is_err());
    assert!(change("sums", serde_json::json!([0.0, -1e60])).is_err());
    assert!(change("more", serde_json::json!(1)).is_err());
    for key in ["memory", "sums", "probabilities"] {
        let short = change(key, serde_json::json!([0.5])).unwrap();
        assert!(matches!(cascade.resume(short), Err(Error::StreamState { .. })), "{key}");
    }
}

fn the_naive_model_is_the_head_alone() {
    let config = NaiveConfig { max_steps: Some(3), ..NaiveConfig::paper(5) };
    assert_eq!(config.n_parameters(), 11_653);
    let none = NaiveConfig { max_steps: Some(0), ..config.clone() };
    assert!(matches!(none.check(), Err(Error::Config { what: "max_steps", .. })));
    let naive = Naive::fresh(config.clone(), 1, &device()).unwrap();
    let input = history(&CascadeConfig::paper(5), 6, 0);
    let predicted = naive.predict(&input.probabilities).unwrap();
    assert_eq!(predicted.len(), 6 * 5);
    let rows = Tensor::from_slice(&input.probabilities, (6, 5), &device()).unwrap();
    assert_close(&widen(&predicted), &softmax(&naive.logits(&rows).unwrap()), "by tensors");
    // Each row by itself, and the newest one of those that count.
    assert_eq!(naive.predict(&input.probabilities[10..15]).unwrap(), predicted[10..15]);
    let newest = naive.batch(&[&input, &input.truncated(2)]).unwrap().to_vec2::<f32>().unwrap();
    assert_eq!(newest[0], input.probabilities[10..15]);
    assert_eq!(newest[1], input.probabilities[5..10]);
    assert!(naive.predict(&[]).unwrap().is_empty());
    assert!(naive.predict(&[0.5; 7]).is_err());
    assert!(naive.predict(&[f32::NAN; 5]).is_err());
    assert!(naive.batch(&[&CascadeInput::default()]).is_err());

    let read = Naive::from_file(&naive.to_file().unwrap(), &device()).unwrap();
    assert_eq!(read.predict(&input.probabilities).unwrap(), predicted);
    let mut trained = naive.clone();
    trained.set_statistics(&naive.forward_train(&rows, 1).unwrap().statistics).unwrap();
    assert_ne!(trained.predict(&input.probabilities).unwrap(), predicted);
    assert_eq!(naive.predict(&input.probabilities).unwrap(), predicted);
}
