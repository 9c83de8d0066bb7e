//! Files that appear whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Error, Location, Result};

/// A file being written beside its place; [`commit`](Self::commit) puts it there, dropping it leaves no trace.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    path: PathBuf,
    writer: BufWriter<NamedTempFile>,
}

impl AtomicFile {
    /// Opens a temporary file in the folder of `path`, so that the final rename stays within one file system.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let folder = folder_of(path);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".heliacal-");
        #[cfg(unix)]
        {
            // tempfile's own default is 0600; a data file is readable like any other. The umask still applies.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder).map_err(|source| at(path, source))?;
        Ok(Self { path: path.to_owned(), writer: BufWriter::with_capacity(1 << 20, file) })
    }

    /// Writes what is buffered, syncs, and renames to the final name.
    pub(crate) fn commit(self) -> Result<()> {
        let Self { path, writer } = self;
        let file = writer.into_inner().map_err(|error| at(&path, error.into_error()))?;
        file.as_file().sync_all().map_err(|source| at(&path, source))?;
        file.persist(&path).map_err(|error| at(&path, error.error))?;
        Ok(())
    }

    /// The final path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Writes a file that appears under its name whole or not at all.
///
/// # Errors
/// [`ErrorKind::Io`](crate::ErrorKind::Io): the folder cannot be written to, or the disk is full.
pub fn write_file(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|source| at(path, source))?;
    file.commit()
}

/// The folder that a file of this path lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn at(path: &Path, source: io::Error) -> Error {
    Location::file(path).error(source)
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Opens a file for reading, with its path in the error.
pub(crate) fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|source| at(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_file_leaves_the_old_one_and_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.bin");
        std::fs::write(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = AtomicFile::create(Path::new("/no/such/folder/out.bin")).unwrap_err();
        assert!(error.to_string().starts_with("/no/such/folder/out.bin: "), "{error}");
    }
}
