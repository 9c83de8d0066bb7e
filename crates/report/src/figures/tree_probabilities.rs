//! The class tree with the probabilities of one object.

use heliacal_metrics::ClassTree;

use crate::canvas::{Anchor, Rect, Stroke, TextStyle};
use crate::colour::ColourMap;
use crate::colour_bar::ColourBar;
use crate::error::{ReportError, Result, check_count, check_length, check_share};
use crate::figure::Figure;
use crate::sheet::Sheet;
use crate::style::FigureStyle;
use crate::text;

/// A class tree from left to right, every class in the colour of its probability, edges as thick as the probability that
/// flows along them; the true class, if it is known, has a frame.
///
/// `parents`: the parent of every node in level order, the root its own; `probabilities`: of every node.
///
/// ```
/// use heliacal_report::{FigureStyle, figures::tree_probabilities};
///
/// // all { supernova { Ia, II }, AGN }
/// let names = ["all", "supernova", "AGN", "Ia", "II"];
/// let figure =
///     tree_probabilities(&[0, 0, 0, 1, 1], &names, &[1.0, 0.8, 0.2, 0.7, 0.1], Some(3), &FigureStyle::new())?;
/// assert!(figure.alt().contains("supernova 0.80, Ia 0.70"), "{}", figure.alt());
/// # Ok::<(), heliacal_report::ReportError>(())
/// ```
///
/// # Errors
/// [`Tree`](ReportError::Tree); [`Length`](ReportError::Length) unless there are a name and a probability per node;
/// [`Value`](ReportError::Value) of probabilities outside of 0 to 1 and of a true node that is none;
/// [`TooMany`](ReportError::TooMany) of more than 1000 nodes; [`Style`](ReportError::Style).
pub fn tree_probabilities(
    parents: &[usize],
    names: &[impl AsRef<str>],
    probabilities: &[f64],
    true_node: Option<usize>,
    style: &FigureStyle,
) -> Result<Figure> {
    check_count("nodes", parents.len(), 1000)?;
    check_length("class names", parents.len(), names.len())?;
    check_length("probabilities", parents.len(), probabilities.len())?;
    check_share("probability", probabilities)?;
    let tree = ClassTree::new(parents)?;
    if let Some(node) = true_node.filter(|&node| node >= tree.n_nodes()) {
        let (what, expected) = ("true class", "the index of a node");
        return Err(ReportError::Value { what, index: 0, value: node as f64, expected });
    }
    let size = style.tick_size();
    let row = 1.9 * size;
    let n_columns = tree.n_levels();
    let natural = (90.0 + 150.0 * n_columns as f64, (24.0 + row * tree.n_leaves() as f64).max(140.0));
    let mut sheet = Sheet::new(style, natural)?;
    let bar = ColourBar {
        map: style.sequential.unwrap_or(ColourMap::Blues),
        low: 0.0,
        high: 1.0,
        label: "probability",
    };
    let free = sheet.area.inset(0.0, 0.0, bar.width(sheet.area.height, style) + size, 0.0);
    let column = free.width / n_columns as f64;
    let row = row.min(free.height / tree.n_leaves() as f64);
    let (width, height) = (0.8 * column, 0.8 * row);
    let rows = rows(&tree);
    let start = free.y + 0.5 * (free.height - row * tree.n_leaves() as f64);
    let middle = |node: usize| start + (rows[node] + 0.5) * row;
    let left = |node: usize| free.x + tree.depth(node) as f64 * column;

    for (node, &parent) in tree.parents().iter().enumerate().skip(1) {
        let (x0, x1) = (left(parent) + width, left(node));
        let bend = 0.5 * (x0 + x1);
        let half = 0.5 + 2.5 * probabilities[node].clamp(0.0, 1.0);
        let (y0, y1) = (middle(parent), middle(node));
        let commands: [(char, &[f64]); 5] = [
            ('M', &[x0, y0 - half]),
            ('C', &[bend, y0 - half, bend, y1 - half, x1, y1 - half]),
            ('V', &[y1 + half]),
            ('C', &[bend, y1 + half, bend, y0 + half, x0, y0 + half]),
            ('z', &[]),
        ];
        sheet.canvas.path(&commands, style.background.mix(style.ink, 0.45), 0.8, None);
    }
    for (node, &probability) in probabilities.iter().enumerate() {
        let frame = Rect { x: left(node), y: middle(node) - 0.5 * height, width, height };
        let colour = bar.colour(probability);
        let stroke = if Some(node) == true_node {
            Stroke::new(style.colour(1), 3.0)
        } else {
            Stroke::new(style.muted(), 0.8)
        };
        let title = format!("{}: {probability:.3}", names[node].as_ref());
        sheet.canvas.rect(frame, Some(colour), Some(stroke), Some(&title));
        let size = size.min(0.85 * height);
        if size < 3.0 {
            continue;
        }
        let number = format!("{probability:.2}");
        let room = width - text::width(&number, size) - 1.4 * size;
        let (y, ink) = (middle(node) + 0.36 * size, colour.text_on());
        let name = text::fit(names[node].as_ref(), room, size);
        sheet.canvas.text((frame.x + 0.4 * size, y), &name, TextStyle::new(size, ink, Anchor::Start));
        sheet.canvas.text((frame.right() - 0.4 * size, y), &number, TextStyle::new(size, ink, Anchor::End));
    }
    bar.draw(&mut sheet.canvas, free.right() + size, free.y + 4.0, free.height - 8.0, style);
    let alt = alt(&tree, names, probabilities, true_node);
    Ok(sheet.finish("Class probabilities", alt))
}

/// The row of every node: leaves one below the other so that no edges cross, inner nodes half-way between their first and
/// last child.
fn rows(tree: &ClassTree) -> Vec<f64> {
    let mut rows = vec![0.0; tree.n_nodes()];
    let mut next = 0.0;
    // Depth first by a stack: deep trees must not exhaust the call stack.
    let mut stack = vec![0];
    while let Some(node) = stack.pop() {
        if tree.children(node).is_empty() {
            rows[node] = next;
            next += 1.0;
        }
        stack.extend(tree.children(node).rev());
    }
    // Children come after their parents in level order.
    for node in (0..tree.n_nodes()).rev() {
        let children = tree.children(node);
        if !children.is_empty() {
            rows[node] = 0.5 * (rows[children.start] + rows[children.end - 1]);
        }
    }
    rows
}

/// The most probable path from the root.
fn alt(
    tree: &ClassTree,
    names: &[impl AsRef<str>],
    probabilities: &[f64],
    true_node: Option<usize>,
) -> String {
    let mut path = Vec::new();
    let mut node = 0;
    while let Some(best) = tree.children(node).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]))
    {
        path.push(format!("{} {:.2}", names[best].as_ref(), probabilities[best]));
        node = best;
    }
    let truth =
        true_node.map_or(String::new(), |node| format!("; the true class is {}", names[node].as_ref()));
    format!(
        "Tree of {} classes with the probabilities of one object; most probable from level to level: {}{truth}.",
        tree.n_leaves(),
        path.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_follow_each_other_as_in_the_tree() {
        // root { 1 { 3, 4 }, 2 }: leaves from top to bottom 3, 4, 2.
        let tree = ClassTree::new(&[0, 0, 0, 1, 1]).unwrap();
        assert_eq!(rows(&tree), [1.25, 0.5, 2.0, 0.0, 1.0]);
    }
}
