//! Sources read in parallel, their items given out in the order of the sources.

use std::any::Any;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Items of a source that wait for the consumer; then its worker waits.
const ITEMS_AHEAD: usize = 16;

/// Where a worker puts the items of a source.
pub(crate) struct Sink<T>(SyncSender<Message<T>>);

impl<T> Sink<T> {
    /// Hands an item over, waiting while too many are ahead. False: nobody wants more, so stop.
    pub(crate) fn push(&mut self, item: T) -> bool {
        self.0.send(Message::Item(item)).is_ok()
    }
}

enum Message<T> {
    Item(T),
    Done,
    Panicked(String),
}

struct Job<S, T> {
    source: S,
    sink: SyncSender<Message<T>>,
}

/// An item, or what a panic said that ended its source.
pub(crate) type Item<T> = Result<T, String>;

/// The items of all sources in order.
///
/// Each source in work has a channel of its own, of bounded length, and there are at most two per worker, so memory
/// does not grow with the number of sources. Sources are taken up in order: the one that the consumer waits for is
/// always with a worker, and that is why nothing can lock up.
pub(crate) struct Ordered<S, T> {
    /// Dropped first: idle workers then go home.
    jobs: Option<Sender<Job<S, T>>>,
    /// Channels of the sources in work, in order. Dropped second: busy workers then find nobody to hand items to.
    channels: VecDeque<Receiver<Message<T>>>,
    waiting: std::vec::IntoIter<S>,
    workers: Vec<JoinHandle<()>>,
    finished: usize,
}

impl<S: Send + 'static, T: Send + 'static> Ordered<S, T> {
    /// Starts at most `threads` workers; `work` puts the items of one source into the sink.
    pub(crate) fn new(
        sources: Vec<S>,
        threads: NonZeroUsize,
        work: impl Fn(S, &mut Sink<T>) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let n_workers = threads.get().min(sources.len());
        let (jobs, queue) = channel::<Job<S, T>>();
        let queue = Arc::new(Mutex::new(queue));
        let work = Arc::new(work);
        let mut ordered = Self {
            jobs: Some(jobs),
            channels: VecDeque::new(),
            waiting: sources.into_iter(),
            workers: Vec::new(),
            finished: 0,
        };
        for index in 0..n_workers {
            let (queue, work) = (Arc::clone(&queue), Arc::clone(&work));
            let worker = std::thread::Builder::new()
                .name(format!("heliacal-io-{index}"))
                .spawn(move || serve(&queue, &*work));
            match worker {
                Ok(worker) => ordered.workers.push(worker),
                Err(error) if ordered.workers.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        for _ in 0..2 * n_workers {
            ordered.start_next();
        }
        Ok(ordered)
    }

    fn start_next(&mut self) {
        let (Some(jobs), Some(source)) = (&self.jobs, self.waiting.next()) else { return };
        let (sink, channel) = sync_channel(ITEMS_AHEAD);
        self.channels.push_back(channel);
        // Where all workers are gone, the channel is closed and next() says so.
        drop(jobs.send(Job { source, sink }));
    }

    /// How many sources were given out to their end.
    pub(crate) fn finished(&self) -> usize {
        self.finished
    }
}

impl<S: Send + 'static, T: Send + 'static> Iterator for Ordered<S, T> {
    type Item = Item<T>;

    fn next(&mut self) -> Option<Item<T>> {
        loop {
            let message = self.channels.front()?.recv();
            if let Ok(Message::Item(item)) = message {
                return Some(Ok(item));
            }
            self.channels.pop_front();
            self.finished += 1;
            self.start_next();
            match message {
                Ok(Message::Panicked(message)) => return Some(Err(message)),
                Err(_) => return Some(Err("its thread ended".into())),
                Ok(_) => {}
            }
        }
    }
}

impl<S, T> Drop for Ordered<S, T> {
    fn drop(&mut self) {
        self.jobs = None;
        self.channels.clear();
        for worker in self.workers.drain(..) {
            drop(worker.join());
        }
    }
}

fn serve<S, T>(queue: &Mutex<Receiver<Job<S, T>>>, work: &impl Fn(S, &mut Sink<T>)) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { source, sink }) = job else { return };
        let mut sink = Sink(sink);
        let last = match catch_unwind(AssertUnwindSafe(|| work(source, &mut sink))) {
            Ok(()) => Message::Done,
            Err(panic) => Message::Panicked(panic_message(&*panic)),
        };
        drop(sink.0.send(last));
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn threads(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).unwrap()
    }

    #[test]
    fn items_come_in_the_order_of_their_sources() {
        for n_threads in [1, 2, 7] {
            let items =
                Ordered::new((0..50usize).collect(), threads(n_threads), |source, sink: &mut Sink<_>| {
                    for item in 0..source % 5 * 20 {
                        assert!(sink.push((source, item)));
                    }
                });
            let items: Vec<_> = items.unwrap().map(Result::unwrap).collect();
            let expected: Vec<_> = (0..50).flat_map(|s| (0..s % 5 * 20).map(move |i| (s, i))).collect();
            assert_eq!(items, expected);
        }
    }

    #[test]
    fn little_is_read_ahead_and_dropping_stops_the_workers() {
        let pushed = Arc::new(AtomicUsize::new(0));
        let started = Arc::new(AtomicUsize::new(0));
        let (p, s) = (Arc::clone(&pushed), Arc::clone(&started));
        let mut ordered =
            Ordered::new((0..1000).collect(), threads(3), move |_: usize, sink: &mut Sink<usize>| {
                s.fetch_add(1, Ordering::SeqCst);
                for item in 0.. {
                    if !sink.push(item) {
                        break;
                    }
                    p.fetch_add(1, Ordering::SeqCst);
                }
            })
            .unwrap();
        assert_eq!(ordered.next(), Some(Ok(0)));
        drop(ordered); // joins the workers
        assert!(started.load(Ordering::SeqCst) <= 6);
        assert!(pushed.load(Ordering::SeqCst) <= 6 * (ITEMS_AHEAD + 1));
        assert_eq!(Arc::strong_count(&pushed), 1);
    }

    #[test]
    fn a_panic_is_an_item_and_the_other_sources_go_on() {
        let ordered = Ordered::new(vec![0, 1, 2], threads(2), |source: i32, sink: &mut Sink<i32>| {
            sink.push(source);
            assert!(source != 1, "no {source}");
        });
        let items: Vec<_> = ordered.unwrap().collect();
        assert_eq!(items, [Ok(0), Ok(1), Err("no 1".into()), Ok(2)]);
    }

    #[test]
    fn no_source_gives_no_item() {
        let mut ordered = Ordered::new(Vec::new(), threads(4), |(): (), _: &mut Sink<()>| {}).unwrap();
        assert_eq!((ordered.next(), ordered.finished()), (None, 0));
    }
}
