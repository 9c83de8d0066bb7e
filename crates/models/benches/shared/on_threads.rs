//! The same case with one thread and with two.

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};

/// Runs a case on one thread and on two.
pub fn on_threads(c: &mut Criterion, case: &str, n_elements: usize, run: &mut (dyn FnMut() + Send)) {
    let mut group = c.benchmark_group(case);
    group
        .throughput(Throughput::Elements(n_elements as u64))
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    for n_threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        // The whole loop inside the pool: entering it takes microseconds.
        group.bench_function(n_threads.to_string(), |b| pool.install(|| b.iter(&mut *run)));
    }
    group.finish();
}
