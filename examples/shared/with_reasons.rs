//! How the examples say what went wrong.

use std::error::Error;
use std::process::{ExitCode, Termination};

/// Ends an example: an error is said with its reasons.
pub fn exit_code(outcome: Result<impl Termination, Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(done) => done.report(),
        Err(error) => {
            eprintln!("error: {}", with_reasons(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error with what caused it, as far as its own text does not say so.
pub fn with_reasons(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut reason = error.source();
    while let Some(error) = reason {
        let why = error.to_string();
        if !text.contains(&why) {
            text = format!("{text}: {why}");
        }
        reason = error.source();
    }
    text
}
