//! A confusion matrix whose cells tell their counts.

use maud::{Markup, html};

use super::heat::heat;
use super::number::{count, percent, shortened};

/// A name that is longer than this is cut in headings and cells; it stands in full in the table of classes.
const LONGEST_NAME: usize = 24;

/// Row-normalized shares in percent as a heat map; the counts behind a cell show when it is pointed at, tapped or reached by the
/// arrow keys. `at`: where the counts stand in the JSON.
///
/// A cell without objects is empty: that keeps the matrix of 200 classes small and any matrix readable.
pub(super) fn confusion_matrix(caption: &str, names: &[String], counts: &[Vec<u64>], at: &str) -> Markup {
    let short: Vec<String> = names.iter().map(|name| shortened(name, LONGEST_NAME)).collect();
    html! {
        div.scroll {
            table.matrix data-json=(at) {
                caption { (caption) }
                thead {
                    tr {
                        th.corner scope="col" { "true ↓ as →" }
                        @for name in &short { th scope="col" { span { (name) } } }
                    }
                }
                tbody {
                    @for (name, row) in short.iter().zip(counts) {
                        (matrix_row(name, row, &short))
                    }
                }
            }
        }
    }
}

fn matrix_row(name: &str, row: &[u64], names: &[String]) -> Markup {
    let support = row.iter().fold(0_u64, |sum, &n| sum.saturating_add(n));
    html! {
        tr {
            th.name scope="row" { (name) }
            @for (other, &n) in names.iter().zip(row) {
                @if n == 0 { td {} } @else {
                    @let share = n as f64 / support as f64;
                    @let (background, is_white) = heat(share);
                    td.w[is_white] style={ "background:" (background) }
                        title=(what(name, other, n, support, share)) { (whole_percent(share)) }
                }
            }
        }
    }
}

fn what(name: &str, other: &str, n: u64, support: u64, share: f64) -> String {
    let (n, support, share) = (count(n), count(support), percent(Some(share)));
    if name == other {
        format!("{name}, rightly: {n} of {support} ({share})")
    } else {
        format!("{name} taken for {other}: {n} of {support} ({share})")
    }
}

fn whole_percent(share: f64) -> String {
    let percent = (100.0 * share).round();
    if percent < 1.0 { "<1".to_owned() } else { percent.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_say_share_and_count() {
        let names = ["EA", "<EB>"].map(str::to_owned);
        let html = confusion_matrix("all", &names, &[vec![3, 1], vec![0, 0]], "/m").into_string();
        assert!(
            html.contains(r#"title="EA, rightly: 3 of 4 (75.0&nbsp;%)""#)
                || html.contains("EA, rightly: 3 of 4 (75.0\u{a0}%)")
        );
        assert!(html.contains("EA taken for &lt;EB&gt;: 1 of 4"), "{html}");
        assert!(html.contains("<td></td><td></td>"), "{html}");
        assert_eq!((whole_percent(0.004), whole_percent(0.006)), ("<1".to_owned(), "1".to_owned()));
    }
}
