//! The numbers that a reader looks for first, as cards.

use heliacal_metrics::statistics::Interval;
use maud::{Markup, html};

use super::number::{Datum, Shown, number};

/// A number with its name and what stands below it.
pub(super) struct Headline {
    pub name: String,
    pub datum: Datum,
    pub shown: Shown,
    pub below: String,
}

impl Headline {
    /// A share with its interval.
    pub fn share(name: impl Into<String>, datum: Datum, interval: Option<Interval>) -> Self {
        let below = interval.map(|interval| bounds(&interval)).unwrap_or_default();
        Self { name: name.into(), datum, shown: Shown::Percent, below }
    }
}

/// `95 % interval 91.2 to 94.8`.
pub(super) fn bounds(interval: &Interval) -> String {
    let Interval { lower, upper, level } = *interval;
    format!("{} interval {} to {}", percent_level(level), bare(lower), bare(upper))
}

/// `91.2–94.8`, for tables.
pub(super) fn range(interval: &Interval) -> String {
    format!("{}–{}", bare(interval.lower), bare(interval.upper))
}

fn bare(share: f64) -> String {
    number(Some(100.0 * share), 1)
}

/// `95 %`, without needless digits.
pub(super) fn percent_level(level: f64) -> String {
    format!("{}\u{a0}%", (1e6 * level).round() / 1e4)
}

pub(super) fn headlines(all: &[Headline]) -> Markup {
    html! {
        dl.cards {
            @for headline in all {
                div {
                    dt { (headline.name) }
                    dd { (headline.datum.inline(headline.shown)) }
                    @if !headline.below.is_empty() { dd.bounds { (headline.below) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_read_well() {
        let interval = Interval { lower: 0.9125, upper: 1.0, level: 0.95 };
        assert_eq!(bounds(&interval), "95\u{a0}% interval 91.2 to 100.0");
        assert_eq!(range(&interval), "91.2–100.0");
        assert_eq!(percent_level(0.683), "68.3\u{a0}%");
    }
}
