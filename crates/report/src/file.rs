//! Files that appear whole or not at all.

use std::io::{self, Write};
use std::path::Path;

use crate::error::{ReportError, Result};

/// Writes beside the place and renames, so that a reader never sees half a file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = || -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".heliacal-");
        #[cfg(unix)]
        {
            // tempfile's own default is 0600; a figure is readable like any other file. The umask still applies.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    written().map_err(|source| ReportError::Write { path: path.to_owned(), source })
}
