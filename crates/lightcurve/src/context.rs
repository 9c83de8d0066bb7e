//! Static features of an object: host galaxy, extinction, redshift.

use std::sync::Arc;

/// Static features of an object by their SNANA names (`MWEBV`, `HOSTGAL_PHOTOZ`, ...), each one finite number.
///
/// A feature that was not measured is absent, never a magic number such as -9 or 999: readers translate those, and
/// each model preset writes its own code for a missing feature.
///
/// ```
/// use heliacal_lightcurve::Context;
///
/// let context = Context::from_iter([("MWEBV", 0.031), ("REDSHIFT_HELIO", 0.12), ("HOSTGAL_SPECZ", f64::NAN)]);
/// assert_eq!(context.get("MWEBV"), Some(0.031));
/// assert_eq!(context.get("HOSTGAL_SPECZ"), None); // not a number: not measured
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Context {
    /// Sorted by name, names unique, values finite.
    features: Vec<(Arc<str>, f64)>,
}

impl Context {
    /// No feature measured.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a feature, if it was measured.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.position(name).ok().map(|index| self.features[index].1)
    }

    /// Sets a feature; a value that is not finite removes it.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: f64) {
        let name = name.into();
        match (self.position(&name), value.is_finite()) {
            (Ok(index), true) => self.features[index].1 = value,
            (Ok(index), false) => drop(self.features.remove(index)),
            (Err(index), true) => self.features.insert(index, (name, value)),
            (Err(_), false) => {}
        }
    }

    /// The features in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, f64)> + '_ {
        self.features.iter().map(|(name, value)| (&**name, *value))
    }

    /// How many features were measured.
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// Whether no feature was measured.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.features.binary_search_by(|(own, _)| (**own).cmp(name))
    }
}

impl<N: Into<Arc<str>>> FromIterator<(N, f64)> for Context {
    /// Values that are not finite are left out; of a name given twice, the last value stays.
    fn from_iter<I: IntoIterator<Item = (N, f64)>>(iter: I) -> Self {
        let mut features: Vec<(Arc<str>, f64)> =
            iter.into_iter().map(|(name, value)| (name.into(), value)).collect();
        // Readers hand the columns over in order, and the stable sort then costs one comparison each.
        features.sort_by(|a, b| a.0.cmp(&b.0));
        features.reverse();
        features.dedup_by(|a, b| a.0 == b.0);
        features.reverse();
        features.retain(|(_, value)| value.is_finite());
        Self { features }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Context {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Context {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(std::collections::BTreeMap::<String, f64>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_sorted_unique_and_finite() {
        let mut context = Context::from_iter([("b", 1.0), ("a", 2.0), ("b", 3.0), ("c", f64::INFINITY)]);
        assert_eq!(context.iter().collect::<Vec<_>>(), [("a", 2.0), ("b", 3.0)]);
        context.set("aa", 4.0);
        context.set("b", f64::NAN);
        context.set("z", f64::NAN);
        assert_eq!(context.iter().collect::<Vec<_>>(), [("a", 2.0), ("aa", 4.0)]);
        assert_eq!((context.len(), context.is_empty()), (2, false));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn json_is_a_plain_map() {
        let context = Context::from_iter([("MWEBV", 0.5)]);
        let json = serde_json::to_string(&context).unwrap();
        assert_eq!(json, r#"{"MWEBV":0.5}"#);
        assert_eq!(serde_json::from_str::<Context>(&json).unwrap(), context);
    }
}
