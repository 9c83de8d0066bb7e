//! A line that shows how a cascade learns.

use std::error::Error;
use std::ops::ControlFlow;

use heliacal::models::train::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// How far the training of a cascade is.
pub struct CascadeBar(ProgressBar, String);

impl CascadeBar {
    /// Whose training it is.
    pub fn new(whose: String) -> Result<Self, Box<dyn Error>> {
        let bar =
            ProgressBar::no_length().with_style(ProgressStyle::with_template("{spinner} {msg} [{elapsed}]")?);
        Ok(Self(bar, whose))
    }

    /// Shows an event; never breaks.
    pub fn show(&self, name: &str, event: Progress<'_>) -> ControlFlow<()> {
        if let Progress::Epoch(epoch) = event {
            let accuracy = epoch.validation_accuracy.unwrap_or(f64::NAN);
            self.0.set_message(format!(
                "{}: {name}, epoch {}, loss {:.4}, validation accuracy {accuracy:.4}",
                self.1,
                epoch.epoch + 1,
                epoch.training_loss
            ));
            self.0.tick();
        }
        ControlFlow::Continue(())
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
