//! Numbers as a reader wants them, with the exact value beside.

use maud::{Markup, html};

/// What stands where a number is undefined.
pub(super) const UNDEFINED: &str = "–";

/// A number of the page's data: its value, and where it stands in the JSON of the same data (a JSON pointer).
#[derive(Debug, Clone)]
pub(super) struct Datum {
    value: Option<f64>,
    at: String,
}

/// How a [`Datum`] is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown {
    /// A share in percent, with the sign.
    Percent,
    /// A share in percent without the sign, which stands in the heading.
    Share,
    /// Grouped by thousands.
    Count,
    /// With so many digits after the point.
    Digits(usize),
    /// A difference of shares in percentage points, with its sign.
    Points,
    /// A difference with its sign and so many digits.
    Signed(usize),
}

impl Datum {
    /// NaN and infinity are undefined, too.
    pub fn new(value: Option<f64>, at: impl Into<String>) -> Self {
        Self { value: value.filter(|value| value.is_finite()), at: at.into() }
    }

    pub fn count(n: u64, at: impl Into<String>) -> Self {
        Self::new(Some(n as f64), at)
    }

    /// The full value, for sorting and for programs.
    pub fn exact(&self) -> Option<String> {
        self.value.map(|value| value.to_string())
    }

    /// Where it stands in the JSON; nowhere for what the page computes itself.
    pub fn pointer(&self) -> Option<&str> {
        (!self.at.is_empty()).then_some(&self.at)
    }

    pub fn text(&self, shown: Shown) -> String {
        match shown {
            Shown::Percent => percent(self.value),
            Shown::Share => number(self.value.map(|value| 100.0 * value), 1),
            Shown::Count => self.value.map_or(UNDEFINED.to_owned(), |value| count(value as u64)),
            Shown::Digits(digits) => number(self.value, digits),
            Shown::Points => signed(self.value.map(|value| 100.0 * value), 1),
            Shown::Signed(digits) => signed(self.value, digits),
        }
    }

    /// The number in running text.
    pub fn inline(&self, shown: Shown) -> Markup {
        html! { span data-v=[self.exact()] data-json=[self.pointer()] { (self.text(shown)) } }
    }
}

/// `93.2 %`.
pub(super) fn percent(share: Option<f64>) -> String {
    match share.filter(|share| share.is_finite()) {
        Some(share) => format!("{:.1}\u{a0}%", 100.0 * share),
        None => UNDEFINED.to_owned(),
    }
}

/// With so many digits after the point; a minus sign, not a hyphen.
pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    match value.filter(|value| value.is_finite()) {
        Some(value) => format!("{value:.digits$}").replace('-', "−"),
        None => UNDEFINED.to_owned(),
    }
}

fn signed(value: Option<f64>, digits: usize) -> String {
    let plus = if value.is_some_and(|value| value > 0.0) { "+" } else { "" };
    plus.to_owned() + &number(value, digits)
}

/// `40,000`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// At most so many characters, the last of them an ellipsis where some are missing.
pub(super) fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 1000, 40_000, 1_234_567].map(count),
            ["0", "999", "1,000", "40,000", "1,234,567"]
        );
        assert_eq!(percent(Some(0.93249)), "93.2\u{a0}%");
        assert_eq!(number(Some(-0.125), 2), "−0.12");
        assert_eq!(Datum::new(Some(0.021), "").text(Shown::Points), "+2.1");
        assert_eq!((percent(None), number(Some(f64::NAN), 1)), (UNDEFINED.to_owned(), UNDEFINED.to_owned()));
        assert_eq!(shortened("RR Lyræ, doubtful", 7), "RR Lyr…");
        assert_eq!(shortened("EA", 2), "EA");
    }

    #[test]
    fn what_is_not_finite_has_no_value() {
        let datum = Datum::new(Some(f64::INFINITY), "/a");
        assert_eq!((datum.exact(), datum.pointer()), (None, Some("/a")));
        assert_eq!(Datum::new(Some(0.1), "").exact().as_deref(), Some("0.1"));
    }
}
