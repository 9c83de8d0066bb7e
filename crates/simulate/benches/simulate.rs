//! How many objects a second? The 19 classes of ORACLE in turn, on one core and on all; and the slowest kind, deep fields.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use heliacal_simulate::{SimulatedClass, Simulator, SurveyConfig};

const OBJECTS: u64 = 950;

fn simulate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulate");
    group.throughput(Throughput::Elements(OBJECTS)).sample_size(10);
    for (name, classes) in
        [("oracle", SimulatedClass::oracle()), ("variable_stars", SimulatedClass::variable_stars())]
    {
        let simulator =
            Simulator::new(SurveyConfig::default(), classes).expect("the default configuration is sound");
        group.bench_function(format!("{name}, one core"), |bencher| {
            bencher.iter(|| (0..OBJECTS).for_each(|index| drop(black_box(simulator.object(index)))));
        });
        group.bench_function(format!("{name}, all cores"), |bencher| {
            bencher.iter(|| black_box(simulator.objects(0..OBJECTS)));
        });
    }
    let deep = SurveyConfig { deep_fraction: 1.0, ..SurveyConfig::default() };
    let simulator =
        Simulator::new(deep, SimulatedClass::oracle()).expect("the default configuration is sound");
    group.bench_function("oracle in deep fields, all cores", |bencher| {
        bencher.iter(|| black_box(simulator.objects(0..OBJECTS)));
    });
}

criterion_group!(benches, simulate);
criterion_main!(benches);
