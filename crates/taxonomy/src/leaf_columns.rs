//! Columns of a table that are the leaves of a tree, under whatever order the table has.

use crate::{Taxonomy, TaxonomyError};

/// Why columns are not the leaves of a taxonomy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ColumnsError {
    /// Name of the taxonomy.
    pub taxonomy: String,
    /// Leaves without a column.
    pub missing: Vec<String>,
    /// Columns that are no leaf, or a leaf that another column is already.
    pub unexpected: Vec<String>,
}

impl ColumnsError {
    fn sentence(&self) -> String {
        let list = |names: &[String]| names.join(", ");
        match (self.missing.is_empty(), self.unexpected.is_empty()) {
            (false, true) => format!("leaves of {} without a column: {}", self.taxonomy, list(&self.missing)),
            (true, _) => format!("columns that are no leaf of {}: {}", self.taxonomy, list(&self.unexpected)),
            (false, false) => format!(
                "columns are not the leaves of {}: {} missing, {} not among them",
                self.taxonomy,
                list(&self.missing),
                list(&self.unexpected)
            ),
        }
    }
}

impl Taxonomy {
    /// Classes without a hierarchy: a root and the classes below it.
    ///
    /// # Errors
    /// [`TaxonomyError`] when a name is empty, there twice, or the root's, `all classes`; and when there are too many.
    pub fn flat<S: AsRef<str>>(name: impl Into<String>, classes: &[S]) -> Result<Self, TaxonomyError> {
        const ROOT: &str = "all classes";
        let below = classes.iter().map(|class| (class.as_ref(), Some(ROOT)));
        Self::from_pairs(name, std::iter::once((ROOT, None)).chain(below))
    }

    /// For each leaf the position of its column among the named columns of a table.
    ///
    /// # Errors
    /// [`ColumnsError`] when the columns are not exactly the leaves, each once.
    ///
    /// ```
    /// use heliacal_taxonomy::Taxonomy;
    ///
    /// let sn = Taxonomy::flat("sn", &["SNIa", "SNII"])?;
    /// assert_eq!(sn.leaf_columns(&["SNII", "SNIa"])?, [1, 0]);
    /// let error = sn.leaf_columns(&["SNIa", "SNIb"]).unwrap_err();
    /// assert_eq!(error.to_string(), "columns are not the leaves of sn: SNII missing, SNIb not among them");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn leaf_columns<S: AsRef<str>>(&self, columns: &[S]) -> Result<Vec<usize>, ColumnsError> {
        let mut column_of_leaf = vec![None; self.n_leaves()];
        let mut unexpected = Vec::new();
        for (column, name) in columns.iter().map(AsRef::as_ref).enumerate() {
            match self.find(name).ok().and_then(|node| self.leaf_of(node)) {
                Some(leaf) if column_of_leaf[leaf.index()].is_none() => {
                    column_of_leaf[leaf.index()] = Some(column);
                }
                _ => unexpected.push(name.to_owned()),
            }
        }
        let found: Vec<usize> = column_of_leaf.iter().copied().flatten().collect();
        if unexpected.is_empty() && found.len() == self.n_leaves() {
            return Ok(found);
        }
        let without = self.leaves().iter().zip(&column_of_leaf).filter(|(_, column)| column.is_none());
        let missing = without.map(|(&leaf, _)| self.class_name(leaf).to_owned()).collect();
        Err(ColumnsError { taxonomy: self.name().to_owned(), missing, unexpected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_in_any_order() {
        let oracle = Taxonomy::oracle();
        let mut names: Vec<&str> = oracle.leaves().iter().map(|&leaf| oracle.class_name(leaf)).collect();
        assert_eq!(oracle.leaf_columns(&names).unwrap(), (0..19).collect::<Vec<_>>());
        names.reverse();
        assert_eq!(oracle.leaf_columns(&names).unwrap(), (0..19).rev().collect::<Vec<_>>());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let t = Taxonomy::flat("t", &["a", "b"]).unwrap();
        let error = t.leaf_columns(&["a"]).unwrap_err();
        assert_eq!(error.to_string(), "leaves of t without a column: b");
        let error = t.leaf_columns(&["a", "b", "a", "all classes"]).unwrap_err();
        assert_eq!(error.to_string(), "columns that are no leaf of t: a, all classes");
        assert!(Taxonomy::flat("t", &["a", "a"]).is_err());
        assert_eq!(Taxonomy::flat::<&str>("t", &[]).unwrap().n_leaves(), 1);
    }
}
