//! One set of moments per metric.

use super::EscMetric;
use crate::Moments;

/// In the order of [`EscMetric::ALL`]; in JSON by name, so that a new metric leaves old files readable.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Named", into = "Named"))]
pub(super) struct ByMetric([Moments; EscMetric::ALL.len()]);

#[cfg(feature = "serde")]
type Named = std::collections::BTreeMap<EscMetric, Moments>;

impl ByMetric {
    pub(super) fn get(&self, metric: EscMetric) -> &Moments {
        // The enum's order is that of `ALL`, which a test of its file holds to.
        &self.0[metric as usize]
    }

    /// Adds what `value` gives for each metric, if anything.
    pub(super) fn extend(&mut self, value: impl Fn(EscMetric) -> Option<f64>) {
        for (metric, moments) in EscMetric::ALL.into_iter().zip(&mut self.0) {
            moments.extend(value(metric));
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            ours.merge(theirs);
        }
    }
}

#[cfg(feature = "serde")]
impl From<Named> for ByMetric {
    fn from(named: Named) -> Self {
        let mut moments = Self::default();
        for (metric, value) in named {
            moments.0[metric as usize] = value;
        }
        moments
    }
}

#[cfg(feature = "serde")]
impl From<ByMetric> for Named {
    fn from(moments: ByMetric) -> Self {
        EscMetric::ALL.into_iter().zip(moments.0).collect()
    }
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;

    #[test]
    fn json_is_by_name() {
        let mut moments = ByMetric::default();
        moments.extend(|metric| (metric == EscMetric::EscScore).then_some(0.5));
        let json = serde_json::to_string(&moments).unwrap();
        assert!(json.contains(r#""esc_score":{"n":1,"mean":0.5,"#), "{json}");
        assert_eq!(serde_json::from_str::<ByMetric>(&json).unwrap(), moments);
        assert_eq!(serde_json::from_str::<ByMetric>("{}").unwrap(), ByMetric::default());
    }
}
