//! Which PHOT file belongs to a HEAD file.

use std::path::{Path, PathBuf};

use crate::{ErrorKind, Location, Result};

/// Finds the PHOT file beside a HEAD file: by the keyword PHOTFILE, otherwise by HEAD -> PHOT in the name; each with
/// and without `.gz`, which the keyword omits.
pub(super) fn phot_path(head: &Path, keyword: Option<&str>) -> Result<PathBuf> {
    let mut tried = Vec::new();
    // Only the name counts: SNANA writes no folder here, and a file does not choose what else is opened.
    let named = keyword.and_then(|name| Path::new(name.trim()).file_name()?.to_str().map(str::to_owned));
    let derived = head.file_name().and_then(|name| name.to_str()).and_then(|name| {
        let (before, after) = name.rsplit_once("HEAD")?;
        Some(format!("{before}PHOT{after}"))
    });
    for name in [named, derived].into_iter().flatten() {
        let bare = strip_gz(&name);
        for candidate in [name.clone(), bare.to_owned(), format!("{bare}.gz")] {
            let path = head.with_file_name(candidate);
            if tried.contains(&path) {
                continue;
            }
            if path.is_file() && path != head {
                return Ok(path);
            }
            tried.push(path);
        }
    }
    Err(Location::file(head).error(ErrorKind::MissingPhot { tried }))
}

/// A name without its `.gz`.
pub(crate) fn strip_gz(name: &str) -> &str {
    match name.len().checked_sub(3).and_then(|at| name.split_at_checked(at)) {
        Some((bare, suffix)) if suffix.eq_ignore_ascii_case(".gz") => bare,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyword_comes_before_the_name_and_gz_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let head = folder.path().join("A_HEAD.FITS.gz");
        let touch = |name: &str| std::fs::write(folder.path().join(name), b"").unwrap();
        let name = |keyword| phot_path(&head, keyword).map(|path| path.file_name().unwrap().to_owned());
        let error = name(Some("../B_PHOT.FITS")).unwrap_err().to_string();
        assert!(
            error.contains("B_PHOT.FITS.gz") && error.contains("A_PHOT.FITS") && !error.contains(".."),
            "{error}"
        );
        touch("A_PHOT.FITS");
        assert_eq!(name(Some("B_PHOT.FITS")).unwrap(), "A_PHOT.FITS");
        touch("B_PHOT.FITS.gz");
        assert_eq!(name(Some("/elsewhere/B_PHOT.FITS")).unwrap(), "B_PHOT.FITS.gz");
        assert_eq!(name(None).unwrap(), "A_PHOT.FITS");
    }
}
