//! The folder that the trainings of one seed leave their checkpoints in, and the protocol that it belongs to.

use std::io;
use std::path::{Path, PathBuf};

use heliacal_io::write_file;
use serde_json::Value;

use super::CascadeProtocol;
use crate::{Error, Result};

/// Name of the file that says what the checkpoints beside it are trained with.
const PROTOCOL: &str = "protocol.json";
/// The one number that may differ: it makes a training longer.
const EPOCHS: &str = "train.epochs";

/// A folder for the checkpoints of one seed of one protocol.
pub(super) struct CascadeCheckpoints<'a> {
    folder: &'a Path,
}

impl<'a> CascadeCheckpoints<'a> {
    /// Writes down whose the folder is, unless it is there already: then everything must be the same.
    pub(super) fn claim(
        folder: &'a Path,
        protocol: &CascadeProtocol,
        seed: u64,
        networks: &[&str],
    ) -> Result<Self> {
        let checkpoints = Self { folder };
        let path = folder.join(PROTOCOL);
        let of_protocol = |source: io::Error| Error::Protocol { path: path.clone(), source };
        let mut ours = serde_json::to_value(protocol).map_err(|error| of_protocol(error.into()))?;
        ours["seed"] = seed.into();
        if path.exists() || networks.iter().any(|network| checkpoints.of(network).exists()) {
            let theirs = std::fs::read(&path).map_err(of_protocol)?;
            let theirs = serde_json::from_slice(&theirs).map_err(|error| of_protocol(error.into()))?;
            if let Some((field, expected, found)) = difference(String::new(), &theirs, &ours) {
                return Err(Error::OtherProtocol { path, field, expected, found });
            }
        }
        // Anew even if it is there: there may be more epochs now.
        write_file(&path, format!("{ours:#}").as_bytes())?;
        Ok(checkpoints)
    }

    /// Where a network's training leaves its state.
    pub(super) fn of(&self, network: &str) -> PathBuf {
        self.folder.join(format!("{network}.checkpoint.safetensors"))
    }
}

/// The first field that differs, by its path, with both values.
fn difference(field: String, theirs: &Value, ours: &Value) -> Option<(String, String, String)> {
    let (Some(a), Some(b)) = (theirs.as_object(), ours.as_object()) else {
        let differs = theirs != ours && field != EPOCHS;
        return differs.then(|| (field, theirs.to_string(), ours.to_string()));
    };
    a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))).find_map(|name| {
        let field = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
        difference(field, &theirs[name], &ours[name])
    })
}

#[cfg(test)]
mod tests {
    use heliacal_models::CascadeConfig;
    use heliacal_models::train::TrainConfig;

    use super::*;

    #[test]
    fn another_protocol_is_named_by_its_field() {
        let folder = tempfile::tempdir().unwrap();
        let protocol = CascadeProtocol::default();
        let claim = |protocol: &CascadeProtocol, seed| {
            CascadeCheckpoints::claim(folder.path(), protocol, seed, &["cascade"]).map(|_| ())
        };
        claim(&protocol, 3).unwrap();
        claim(&protocol, 3).unwrap();
        let train = || protocol.train.clone();
        claim(&CascadeProtocol { train: TrainConfig { epochs: 7, ..train() }, ..protocol.clone() }, 3)
            .unwrap();

        let network = CascadeConfig { dropout: 0.1, ..protocol.network.clone() };
        let one_third = CascadeProtocol { test_share: 1.0 / 3.0, ..protocol.clone() };
        for (other, seed, said) in [
            (protocol.clone(), 4, "seed was 3 when the training began, now 4"),
            (CascadeProtocol { network, ..protocol.clone() }, 3, "network.dropout was 0.4"),
            (
                CascadeProtocol { train: TrainConfig { patience: None, ..train() }, ..protocol.clone() },
                3,
                "train.patience was 20 when the training began, now null",
            ),
            (one_third.clone(), 3, "test_share was 0.3"),
        ] {
            let error = claim(&other, seed).unwrap_err();
            assert!(
                matches!(error, Error::OtherProtocol { .. }) && error.to_string().contains(said),
                "{error}"
            );
        }
        // A number that is no short decimal is still itself when it is read back.
        std::fs::remove_file(folder.path().join(PROTOCOL)).unwrap();
        claim(&one_third, 3).unwrap();
        claim(&one_third, 3).unwrap();
    }

    #[test]
    fn a_checkpoint_that_does_not_say_what_it_is_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("naive.checkpoint.safetensors"), "anything").unwrap();
        let claim = || {
            let protocol = CascadeProtocol::default();
            CascadeCheckpoints::claim(folder.path(), &protocol, 1, &["naive", "cascade"]).map(|_| ())
        };
        assert!(matches!(claim(), Err(Error::Protocol { .. })));
        std::fs::write(folder.path().join(PROTOCOL), "{").unwrap();
        let said = claim().unwrap_err().to_string();
        assert!(said.contains("protocol.json") && said.contains("EOF"), "{said}");
    }
}
