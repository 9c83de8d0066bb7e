//! Weights on disk: safetensors and PyTorch's `.pth`.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, Result};

/// Metadata key of the description that travels with the weights.
const CONFIG_KEY: &str = "heliacal.config";

/// Weights by PyTorch's names, with a description of what they are.
///
/// Written as safetensors with a JSON object under `heliacal.config`; read from those, from safetensors without a
/// description, and from PyTorch's `.pth` state dictionaries.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use heliacal_models::ModelFile;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// let mut file = ModelFile::default();
/// file.tensors.insert("fc_out.bias".into(), Tensor::new(&[1.0f32, 2.0], &Device::Cpu)?);
/// file.set_config("classes", &["SNIa", "KN"]);
/// file.write(&path)?;
///
/// let read = ModelFile::read(&path)?;
/// assert_eq!(read.tensors["fc_out.bias"].to_vec1::<f32>()?, [1.0, 2.0]);
/// assert_eq!(read.config::<Vec<String>>("classes")?, ["SNIa", "KN"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ModelFile {
    /// The weights, on the CPU when read.
    pub tensors: BTreeMap<String, Tensor>,
    config: Map<String, Value>,
}

impl ModelFile {
    /// Reads a file, whichever of the two formats it is in.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::NotAModel`] when it is in neither format.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let io = |source| Error::Io { path: path.to_owned(), source };
        let not_a_model = |reason: String| Error::NotAModel { path: path.to_owned(), reason };
        let mut magic = [0; 4];
        let mut file = File::open(path).map_err(io)?;
        let n_magic = file.read(&mut magic).map_err(io)?;
        // A .pth file is a zip archive, a safetensors file begins with the length of its header.
        if magic[..n_magic] == *b"PK\x03\x04" {
            let tensors =
                candle_core::pickle::read_all(path).map_err(|error| not_a_model(error.to_string()))?;
            if tensors.is_empty() {
                return Err(not_a_model("the archive holds no state dictionary of tensors".into()));
            }
            return Ok(Self { tensors: tensors.into_iter().collect(), config: Map::new() });
        }
        let bytes = std::fs::read(path).map_err(io)?;
        let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes)
            .map_err(|error| not_a_model(error.to_string()))?;
        let config = match metadata.metadata().as_ref().and_then(|entries| entries.get(CONFIG_KEY)) {
            Some(text) => serde_json::from_str(text)
                .map_err(|source| Error::InvalidConfig { key: CONFIG_KEY, source })?,
            None => Map::new(),
        };
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|error| not_a_model(error.to_string()))?;
        Ok(Self { tensors: tensors.into_iter().collect(), config })
    }

    /// Writes the file; it appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let io = |source| Error::Io { path: path.to_owned(), source };
        let config = Value::Object(self.config.clone()).to_string();
        let metadata = HashMap::from([(CONFIG_KEY.to_owned(), config)]);
        let tensors = self.tensors.iter().map(|(name, tensor)| Ok((name, tensor.contiguous()?)));
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
        let bytes = safetensors::serialize(tensors, Some(metadata))
            .map_err(|error| io(std::io::Error::other(error)))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            // tempfile's own default is 0600; a model is readable like any other file. The umask still applies.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut temporary = builder.prefix(".heliacal-").tempfile_in(folder).map_err(io)?;
        temporary.write_all(&bytes).map_err(io)?;
        temporary.as_file().sync_all().map_err(io)?;
        temporary.persist(path).map_err(|error| io(error.error))?;
        Ok(())
    }

    /// Whether the description has this entry.
    pub fn has_config(&self, key: &str) -> bool {
        self.config.contains_key(key)
    }

    /// An entry of the description.
    ///
    /// # Errors
    /// [`Error::NoConfig`] when there is none, [`Error::InvalidConfig`] when it is of another form.
    pub fn config<T: DeserializeOwned>(&self, key: &'static str) -> Result<T> {
        let value = self.config.get(key).ok_or(Error::NoConfig { key })?;
        T::deserialize(value).map_err(|source| Error::InvalidConfig { key, source })
    }

    /// Sets an entry of the description.
    ///
    /// # Panics
    /// When the value cannot be written as JSON: a map with keys that are not text.
    pub fn set_config(&mut self, key: &'static str, value: &(impl Serialize + ?Sized)) {
        let value = serde_json::to_value(value).expect("a description is plain data with text keys");
        self.config.insert(key.to_owned(), value);
    }

    /// The weights as candle's source of parameters, in single precision.
    ///
    /// # Errors
    /// [`Error::Candle`] when a tensor cannot be converted or copied to the device.
    pub fn var_builder(&self, device: &Device) -> Result<VarBuilder<'static>> {
        let convert = |(name, tensor): (&String, &Tensor)| -> Result<(String, Tensor)> {
            Ok((name.clone(), tensor.to_dtype(DType::F32)?.to_device(device)?))
        };
        let tensors = self.tensors.iter().map(convert).collect::<Result<_>>()?;
        Ok(VarBuilder::from_tensors(tensors, DType::F32, device))
    }

    /// That a weight is there with this shape.
    pub(crate) fn check(&self, name: &str, expected: &[usize]) -> Result<()> {
        let Some(tensor) = self.tensors.get(name) else {
            return Err(Error::MissingTensor {
                name: name.to_owned(),
                found: self.tensors.keys().cloned().collect(),
            });
        };
        if tensor.dims() == expected {
            return Ok(());
        }
        Err(Error::TensorShape {
            name: name.to_owned(),
            expected: expected.to_vec(),
            found: tensor.dims().to_vec(),
        })
    }
}

/// That weights are of f32: the numbers that go in are, and so are the kernels.
pub(crate) fn check_number_type(vb: &VarBuilder<'_>) -> Result<()> {
    match vb.dtype() {
        DType::F32 => Ok(()),
        dtype => Err(Error::Config {
            what: "number type of the weights",
            expected: DType::F32.as_str().into(),
            found: dtype.as_str().into(),
        }),
    }
}
