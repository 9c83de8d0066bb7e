//! Work done on other threads, ahead of the one that takes its results.

use std::num::NonZero;
use std::sync::mpsc::sync_channel;
use std::thread;

use candle_core::Device;

/// Results that a thread may have lying ready.
const READY: usize = 2;
/// Threads that pack batches for a GPU at most: memory, not arithmetic, is what they share.
const MOST_THREADS: usize = 4;

/// How many threads keep a device fed: the CPU has work of its own on all of its cores, a GPU leaves them free.
pub(crate) fn feeding_threads(device: &Device) -> usize {
    let n_cores = thread::available_parallelism().map_or(1, NonZero::get);
    if device.is_cpu() { 1 } else { n_cores.min(MOST_THREADS) }
}

/// Does some jobs, numbered from 0, on threads of their own, while `take` takes the results in the order of the jobs.
///
/// Thread t does the jobs t, t + n, t + 2n, ... of n threads, and waits when nobody takes its results: what is taken does not
/// depend on the threads, and only so many results lie in memory. When `take` returns early, by an error or by a panic, the
/// threads end with the job at hand. A panic in a job becomes one here. A lone job is done where it is asked for.
///
/// Jobs must leave devices alone: each thread has a CUDA stream of its own, and nothing orders them.
pub(crate) fn ahead<T: Send, R>(
    n_threads: usize,
    n_jobs: usize,
    job: impl Fn(usize) -> T + Sync,
    take: impl FnOnce(&mut dyn Iterator<Item = T>) -> R,
) -> R {
    if n_jobs <= 1 {
        return take(&mut (0..n_jobs).map(job));
    }
    let n_threads = n_threads.clamp(1, n_jobs);
    thread::scope(|scope| {
        let start = |first: usize| {
            let (sender, receiver) = sync_channel(READY);
            let job = &job;
            scope.spawn(move || {
                // An error: nobody takes results any more.
                let _ = (first..n_jobs).step_by(n_threads).try_for_each(|index| sender.send(job(index)));
            });
            receiver
        };
        let receivers: Vec<_> = (0..n_threads).map(start).collect();
        // A thread that ends without its result has panicked, and so does the scope.
        take(&mut (0..n_jobs).map_while(|index| receivers[index % n_threads].recv().ok()))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order_from_any_number_of_threads() {
        for n_jobs in [0, 1, 2, 7, 100] {
            let expected: Vec<usize> = (0..n_jobs).map(|i| i * i).collect();
            for n_threads in [0, 1, 3, 8, 200] {
                // Later jobs are done sooner.
                let job = |i: usize| {
                    thread::sleep(Duration::from_micros(50 * u64::from(i.is_multiple_of(5))));
                    i * i
                };
                assert_eq!(ahead(n_threads, n_jobs, job, |results| results.collect::<Vec<_>>()), expected);
            }
        }
    }

    #[test]
    fn an_error_ends_the_threads_and_travels() {
        let n_done = AtomicUsize::new(0);
        let job = |i: usize| {
            n_done.fetch_add(1, Ordering::Relaxed);
            if i == 5 { Err(i) } else { Ok(i) }
        };
        let sum: Result<usize, usize> = ahead(3, 1_000_000, job, |results| results.sum());
        assert_eq!(sum, Err(5));
        // Each thread has what it was at, and what lies ready.
        assert!(n_done.into_inner() <= 6 + 3 * (READY + 2));
    }

    #[test]
    fn nobody_works_far_ahead() {
        let n_done = AtomicUsize::new(0);
        let job = |_| n_done.fetch_add(1, Ordering::SeqCst);
        ahead(2, 1000, job, |results| {
            for n_taken in 1..20 {
                results.next();
                thread::sleep(Duration::from_millis(1));
                assert!(n_done.load(Ordering::SeqCst) <= n_taken + 2 * (READY + 2));
            }
        });
    }

    #[test]
    fn panics_of_both_sides_travel() {
        let of_take = std::panic::catch_unwind(|| {
            ahead(2, 100, |i| i, |_| std::panic::resume_unwind(Box::new("taker")));
        });
        assert!(of_take.is_err());
        let of_job = std::panic::catch_unwind(|| {
            let job = |i: usize| if i == 3 { std::panic::resume_unwind(Box::new("job")) } else { i };
            ahead(2, 100, job, |results| results.count())
        });
        assert!(of_job.is_err());
    }
}
