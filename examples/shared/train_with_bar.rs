//! Training with a progress bar.

use std::ops::ControlFlow;

use heliacal::losses::Loss;
use heliacal::models::train::{Progress, Trained, Trainer};
use heliacal::pipeline::loss_function;
use indicatif::{ProgressBar, ProgressStyle};

/// Trains to the end and shows how it goes: losses, and how long it will take at most. Where there is no terminal to draw a bar
/// on, each epoch is a line.
pub fn train_with_bar(
    trainer: &mut Trainer<'_>,
    loss: &dyn Loss,
) -> Result<Trained, Box<dyn std::error::Error>> {
    let (batch_size, epochs) = (trainer.config().batch_size, trainer.config().epochs);
    let n_batches = trainer.split().training.len().div_ceil(batch_size) as u64;
    let bar = ProgressBar::new(n_batches * epochs as u64)
        .with_style(ProgressStyle::with_template("{bar:30} epoch {prefix}/{msg} [{elapsed}, {eta} to go]")?);
    let losses = |history: &[f64]| match history {
        [] => String::new(),
        [.., last] => {
            let best = history.iter().copied().fold(f64::INFINITY, f64::min);
            format!(", validation loss {last:.4}, lowest {best:.4}")
        }
    };
    let mut validation: Vec<f64> = trainer.history().iter().map(|epoch| epoch.validation_loss).collect();
    bar.set_prefix((validation.len() + 1).min(epochs).to_string());
    bar.set_message(epochs.to_string());
    bar.set_position(n_batches * validation.len() as u64);
    bar.reset_eta();
    let trained = trainer.train(loss_function(loss), |progress| {
        match progress {
            Progress::Step(step) => {
                bar.set_prefix((step.epoch + 1).to_string());
                bar.set_message(format!("{epochs}, loss {:.4}{}", step.loss, losses(&validation)));
                bar.set_position(step.epoch as u64 * n_batches + step.batch as u64 + 1);
            }
            Progress::Epoch(epoch) => {
                validation.push(epoch.validation_loss);
                if bar.is_hidden() {
                    let (number, loss) = (epoch.epoch + 1, epoch.training_loss);
                    eprintln!("epoch {number}/{epochs}, loss {loss:.4}{}", losses(&validation));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    Ok(trained?)
}
