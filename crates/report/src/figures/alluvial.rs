//! Probability that moves between classes as objects age.

use heliacal_metrics::esc::{FlowBins, MassFlow};

use crate::canvas::{Anchor, Rect, TextStyle};
use crate::error::{ReportError, Result, check_count, check_length};
use crate::figure::Figure;
use crate::scale;
use crate::sheet::Sheet;
use crate::style::FigureStyle;
use crate::text;

/// Width of the column of a time \[px\].
const COLUMN: f64 = 12.0;
/// Streams thinner than this are not drawn \[px\].
const THINNEST: f64 = 0.25;

/// Net flow of probability between classes per bin of time: what an alluvial figure shows.
///
/// ```
/// use heliacal_metrics::PmfHistory;
/// use heliacal_metrics::esc::{FlowBins, MassFlow};
/// use heliacal_report::FigureStyle;
/// use heliacal_report::figures::{Flow, alluvial};
///
/// let mut flow = MassFlow::new(2, FlowBins::Days(vec![0.0, 10.0]))?;
/// flow.add(&PmfHistory::new(2, vec![0.5, 0.5, 0.9, 0.1])?, Some(&[0.0, 4.0]))?;
/// let figure = alluvial(&Flow::of(&flow), &["SNIa", "SNII"], &FigureStyle::new())?;
/// assert!(figure.alt().contains("SNIa 50 % to 90 %"), "{}", figure.alt());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// What is written below each column: one more than there are bins.
    pub times: Vec<String>,
    /// What the times are.
    pub time_label: String,
    /// Mass that is at one class when a bin starts and at another when it ends, `[bin][from][to]`; on the diagonal what
    /// stays.
    pub net: Vec<Vec<Vec<f64>>>,
}

impl Flow {
    /// The net flow of histories.
    pub fn of(flow: &MassFlow) -> Self {
        let classes = 0..flow.n_classes();
        let to = |bin, from| classes.clone().map(|to| flow.net(bin, from, to).unwrap_or(0.0)).collect();
        let net = (0..flow.n_bins()).map(|bin| classes.clone().map(|from| to(bin, from)).collect());
        Self::new(flow.bins(), net.collect())
    }

    /// From the parts of an evaluation's report: its bins and its net flow `[bin][from][to]`.
    pub fn new(bins: &FlowBins, net: Vec<Vec<Vec<f64>>>) -> Self {
        let (times, time_label) = match bins {
            FlowBins::Days(edges) => (edges.iter().map(|&day| scale::number(day)).collect(), "days [day]"),
            FlowBins::HistoryFraction(n) => {
                let percent = |bin: usize| format!("{:.0} %", 100.0 * bin as f64 / *n as f64);
                ((0..=*n).map(percent).collect(), "share of the classifications")
            }
            // Bins that this crate does not know yet have numbers.
            _ => ((0..=net.len()).map(|edge| edge.to_string()).collect(), "edge of a bin"),
        };
        Self { times, time_label: time_label.to_owned(), net }
    }

    fn check(&self, n_classes: usize) -> Result<()> {
        check_count("bins", self.net.len(), 200)?;
        check_count("classes", n_classes, 200)?;
        check_length("times", self.net.len() + 1, self.times.len())?;
        for bin in &self.net {
            check_length("classes of a bin", n_classes, bin.len())?;
            for from in bin {
                check_length("classes of a bin", n_classes, from.len())?;
                if let Some(index) = from.iter().position(|mass| !(*mass >= 0.0 && mass.is_finite())) {
                    let (what, value) = ("mass", from[index]);
                    return Err(ReportError::Value {
                        what,
                        index,
                        value,
                        expected: "a finite number of at least 0",
                    });
                }
            }
        }
        Ok(())
    }

    /// Mass per class at each time, `[time][class]`.
    fn masses(&self) -> Vec<Vec<f64>> {
        let n_classes = self.net[0].len();
        let before = self.net.iter().map(|bin| bin.iter().map(|from| from.iter().sum()).collect());
        let last = &self.net[self.net.len() - 1];
        let after = (0..n_classes).map(|to| last.iter().map(|from| from[to]).sum()).collect();
        before.chain([after]).collect()
    }
}

/// An alluvial figure: at each time a column of the mass of every class, between them streams from class to class, coloured
/// by where they come from.
///
/// # Errors
/// [`Empty`](ReportError::Empty) without bins or classes; [`TooMany`](ReportError::TooMany) of more than 200;
/// [`Length`](ReportError::Length), [`Value`](ReportError::Value) of masses that are negative or not finite;
/// [`Style`](ReportError::Style).
pub fn alluvial(flow: &Flow, class_names: &[impl AsRef<str>], style: &FigureStyle) -> Result<Figure> {
    let n_classes = class_names.len();
    flow.check(n_classes)?;
    let masses = flow.masses();
    let most = masses.iter().map(|column| column.iter().sum::<f64>()).fold(0.0, f64::max);
    if most <= 0.0 {
        return Err(ReportError::Empty { what: "mass" });
    }
    let size = style.tick_size();
    let share = |mass: f64| 100.0 * mass / most;
    let label = |time: usize, class: usize| {
        format!(
            "{} {:.0} %",
            text::fit(class_names[class].as_ref(), 9.0 * size, size),
            share(masses[time][class])
        )
    };
    let last = masses.len() - 1;
    let room = |time: usize| {
        (0..n_classes).map(|class| text::width(&label(time, class), size)).fold(0.0, f64::max) + 0.6 * size
    };
    let mut sheet = Sheet::new(style, (700.0, 420.0))?;
    let frame = sheet.area.inset(room(0), 0.6 * size, room(last), 3.2 * style.font_size);
    let gap = (0.25 * frame.height / n_classes.max(2) as f64).min(5.0);
    let unit = (frame.height - gap * (n_classes - 1) as f64) / most;
    let column_x = |time: usize| frame.x + (frame.width - COLUMN) * time as f64 / last as f64;
    let tops: Vec<Vec<f64>> = masses.iter().map(|column| tops(column, frame.y, unit, gap)).collect();

    for (bin, net) in flow.net.iter().enumerate() {
        let (left, right) = (column_x(bin) + COLUMN, column_x(bin + 1));
        let middle = 0.5 * (left + right);
        let mut entry = tops[bin + 1].clone();
        for (from, row) in net.iter().enumerate() {
            let mut exit = tops[bin][from];
            for (to, &mass) in row.iter().enumerate() {
                let (thickness, y0, y1) = (mass * unit, exit, entry[to]);
                exit += thickness;
                entry[to] += thickness;
                if thickness < THINNEST {
                    continue;
                }
                let title = format!(
                    "{} to {}: {:.1} %",
                    class_names[from].as_ref(),
                    class_names[to].as_ref(),
                    share(mass)
                );
                let (z0, z1) = (y0 + thickness, y1 + thickness);
                let commands: [(char, &[f64]); 5] = [
                    ('M', &[left, y0]),
                    ('C', &[middle, y0, middle, y1, right, y1]),
                    ('V', &[z1]),
                    ('C', &[middle, z1, middle, z0, left, z0]),
                    ('z', &[]),
                ];
                let opacity = if from == to { 0.3 } else { 0.55 };
                sheet.canvas.path(&commands, style.colour(from), opacity, Some(&title));
            }
        }
    }
    for (time, column) in masses.iter().enumerate() {
        for (class, &mass) in column.iter().enumerate() {
            let rect = Rect { x: column_x(time), y: tops[time][class], width: COLUMN, height: mass * unit };
            sheet.canvas.rect(rect, Some(style.colour(class)), None, Some(&label(time, class)));
        }
    }
    for (time, anchor, x) in
        [(0, Anchor::End, frame.x - 0.4 * size), (last, Anchor::Start, frame.right() + 0.4 * size)]
    {
        let centre = |class: usize| tops[time][class] + 0.5 * masses[time][class] * unit;
        let bounds = (frame.y, frame.bottom());
        let places = spread((0..n_classes).map(centre).collect(), 1.15 * size, bounds);
        for (class, y) in places.into_iter().enumerate() {
            let style = TextStyle::new(size, style.ink, anchor);
            sheet.canvas.text((x, y + 0.35 * size), &label(time, class), style);
        }
    }
    write_times(&mut sheet, flow, frame, column_x);
    let alt = alt(&masses, class_names, most);
    Ok(sheet.finish("Flow of probability between classes", alt))
}

/// Upper ends of the classes of a column, one below the other.
fn tops(column: &[f64], start: f64, unit: f64, gap: f64) -> Vec<f64> {
    let mut next = start;
    let place = |mass: &f64| {
        let top = next;
        next += mass * unit + gap;
        top
    };
    column.iter().map(place).collect()
}

/// Moves labels (in ascending order) apart until they are `distance` from each other, within the bounds as far as there is
/// room.
fn spread(mut places: Vec<f64>, distance: f64, (low, high): (f64, f64)) -> Vec<f64> {
    let distance = distance.min((high - low) / (places.len().max(2) - 1) as f64);
    let mut least = low;
    for place in &mut places {
        *place = place.max(least);
        least = *place + distance;
    }
    let mut most = high;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - distance;
    }
    places
}

fn write_times(sheet: &mut Sheet<'_>, flow: &Flow, frame: Rect, column_x: impl Fn(usize) -> f64) {
    let style = sheet.style;
    let size = style.tick_size();
    let widest = flow.times.iter().map(|time| text::width(time, size)).fold(0.0, f64::max);
    let stride = ((widest + 0.6 * size) / (column_x(1) - column_x(0))).ceil().max(1.0) as usize;
    let middle = TextStyle::new(size, style.ink, Anchor::Middle);
    for (time, name) in flow.times.iter().enumerate().step_by(stride) {
        sheet.canvas.text((column_x(time) + 0.5 * COLUMN, frame.bottom() + 1.5 * size), name, middle);
    }
    let place = (frame.x + 0.5 * frame.width, frame.bottom() + 1.5 * size + 1.4 * style.font_size);
    let label = TextStyle::new(style.font_size, style.ink, Anchor::Middle);
    sheet.canvas.text(place, &flow.time_label, label);
}

fn alt(masses: &[Vec<f64>], names: &[impl AsRef<str>], most: f64) -> String {
    let share = |time: usize, class: usize| 100.0 * masses[time][class] / most;
    let last = masses.len() - 1;
    let classes: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(class, name)| {
            format!("{} {:.0} % to {:.0} %", name.as_ref(), share(0, class), share(last, class))
        })
        .collect();
    format!("Flow of probability between classes from the first to the last time: {}.", classes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_distance_and_their_order() {
        assert_eq!(spread(vec![0.0, 1.0, 2.0, 50.0], 10.0, (0.0, 100.0)), [0.0, 10.0, 20.0, 50.0]);
        assert_eq!(spread(vec![97.0, 98.0, 99.0], 10.0, (0.0, 100.0)), [80.0, 90.0, 100.0]);
        // No room: as far apart as possible.
        assert_eq!(spread(vec![0.0, 0.0, 0.0], 10.0, (0.0, 8.0)), [0.0, 4.0, 8.0]);
    }

    #[test]
    fn masses_are_row_sums_and_at_the_end_column_sums() {
        let net = vec![vec![vec![0.5, 0.25], vec![0.0, 0.25]]];
        let flow = Flow::new(&FlowBins::HistoryFraction(1), net);
        assert_eq!(flow.masses(), [[0.75, 0.25], [0.5, 0.5]]);
        assert_eq!(flow.times, ["0 %", "100 %"]);
    }
}
