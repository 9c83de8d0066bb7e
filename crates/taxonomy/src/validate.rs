//! From loose nodes to a level order, or to the fault that forbids one.

use std::collections::{HashMap, HashSet};

use crate::error::TaxonomyError;

/// The greatest depth of a node, the root being at 0.
///
/// Deeper nesting is an error and not a stack overflow; published class trees end at depth 4.
pub const MAX_DEPTH: usize = 32;
/// The greatest number of nodes.
pub const MAX_NODES: usize = 65_536;

/// A name and the position of the parent in the same list, `None` for the root.
pub(crate) type LooseNode = (String, Option<usize>);

/// Replaces the names of parents by their positions.
pub(crate) fn with_parent_positions(
    pairs: Vec<(String, Option<String>)>,
) -> Result<Vec<LooseNode>, TaxonomyError> {
    let mut positions: HashMap<&str, usize> = HashMap::with_capacity(pairs.len());
    for (position, (name, parent)) in pairs.iter().enumerate() {
        let first_position = *positions.entry(name).or_insert(position);
        if let (Some(first), Some(second)) = (&pairs[first_position].1, parent)
            && first != second
            && !name.trim().is_empty()
        {
            let (name, first, second) = (name.clone(), first.clone(), second.clone());
            return Err(TaxonomyError::SeveralParents { name, first, second });
        }
    }
    let parents = pairs
        .iter()
        .map(|(name, parent)| {
            let unknown =
                |parent: &String| TaxonomyError::UnknownParent { name: name.clone(), parent: parent.clone() };
            parent.as_ref().map(|p| positions.get(p.as_str()).copied().ok_or_else(|| unknown(p))).transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(pairs.into_iter().map(|(name, _)| name).zip(parents).collect())
}

/// The positions of the nodes in level order: breadth first, children in the order of the list.
pub(crate) fn level_order(nodes: &[LooseNode]) -> Result<Vec<usize>, TaxonomyError> {
    if nodes.len() > MAX_NODES {
        return Err(TaxonomyError::TooManyNodes { max_nodes: MAX_NODES });
    }
    let name_of = |position: usize| nodes[position].0.clone();
    let mut seen = HashSet::with_capacity(nodes.len());
    let mut children = vec![Vec::new(); nodes.len()];
    let mut root = None;
    for (position, (name, parent)) in nodes.iter().enumerate() {
        if name.trim().is_empty() {
            return Err(TaxonomyError::EmptyName { parent: parent.map(name_of) });
        }
        if !seen.insert(name) {
            return Err(TaxonomyError::DuplicateName { name: name.clone() });
        }
        match (parent, root) {
            (Some(parent), _) => children[*parent].push(position),
            (None, None) => root = Some(position),
            (None, Some(first)) => {
                return Err(TaxonomyError::SeveralRoots { first: name_of(first), second: name.clone() });
            }
        }
    }
    let mut order = Vec::with_capacity(nodes.len());
    let mut level: Vec<usize> = root.into_iter().collect();
    for depth in 0.. {
        if level.is_empty() {
            break;
        }
        if depth > MAX_DEPTH {
            let parent = nodes[level[0]].1.expect("only the root has no parent, and it is at depth 0");
            return Err(TaxonomyError::TooDeep { name: name_of(parent), max_depth: MAX_DEPTH });
        }
        let next = level.iter().flat_map(|&node| children[node].iter().copied()).collect();
        order.append(&mut level);
        level = next;
    }
    if order.len() < nodes.len() {
        return Err(TaxonomyError::Cycle { name: name_of(on_a_cycle(nodes, &order)) });
    }
    if nodes.is_empty() { Err(TaxonomyError::NoNode) } else { Ok(order) }
}

/// A node on a cycle, given the nodes that the root reaches, which are not all.
fn on_a_cycle(nodes: &[LooseNode], reached: &[usize]) -> usize {
    let mut is_reached = vec![false; nodes.len()];
    for &node in reached {
        is_reached[node] = true;
    }
    let start = is_reached.iter().position(|&reached| !reached).expect("a node was not reached");
    // The path upwards never meets the root; after as many steps as there are nodes it goes in circles.
    (0..nodes.len()).fold(start, |node, _| nodes[node].1.expect("the root reaches itself"))
}

#[cfg(test)]
mod tests {
    use crate::{MAX_DEPTH, MAX_NODES, Taxonomy, TaxonomyError};

    fn fault(pairs: &[(&str, Option<&str>)]) -> TaxonomyError {
        Taxonomy::from_pairs("t", pairs.iter().copied()).unwrap_err()
    }

    #[test]
    fn every_fault_has_its_own_error_with_the_name() {
        assert_eq!(fault(&[]), TaxonomyError::NoNode);
        assert_eq!(fault(&[(" ", None)]), TaxonomyError::EmptyName { parent: None });
        assert_eq!(
            fault(&[("a", None), ("", Some("a"))]),
            TaxonomyError::EmptyName { parent: Some("a".into()) }
        );
        assert_eq!(
            fault(&[("a", None), ("b", Some("a")), ("b", Some("a"))]),
            TaxonomyError::DuplicateName { name: "b".into() }
        );
        assert_eq!(
            fault(&[("a", None), ("b", None)]),
            TaxonomyError::SeveralRoots { first: "a".into(), second: "b".into() }
        );
        assert_eq!(
            fault(&[("a", None), ("b", Some("a")), ("c", Some("a")), ("c", Some("b"))]),
            TaxonomyError::SeveralParents { name: "c".into(), first: "a".into(), second: "b".into() }
        );
        assert_eq!(
            fault(&[("a", None), ("b", Some("x"))]),
            TaxonomyError::UnknownParent { name: "b".into(), parent: "x".into() }
        );
    }

    #[test]
    fn a_cycle_is_named_by_a_node_on_it() {
        assert_eq!(fault(&[("a", Some("a"))]), TaxonomyError::Cycle { name: "a".into() });
        // "d" hangs below the cycle b -> c -> b and is not on it.
        let pairs = [("d", Some("c")), ("a", None), ("b", Some("c")), ("c", Some("b"))];
        assert!(matches!(fault(&pairs), TaxonomyError::Cycle { name } if name == "b" || name == "c"));
        assert!(matches!(fault(&[("a", Some("b")), ("b", Some("a"))]), TaxonomyError::Cycle { .. }));
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let chain = |depth: usize| {
            let pair = |i: usize| (i.to_string(), (i > 0).then(|| (i - 1).to_string()));
            Taxonomy::from_pairs("chain", (0..=depth).rev().map(pair))
        };
        assert_eq!(chain(MAX_DEPTH).unwrap().n_levels(), MAX_DEPTH + 1);
        let name = MAX_DEPTH.to_string();
        for depth in [MAX_DEPTH + 1, 60_000] {
            assert_eq!(
                chain(depth),
                Err(TaxonomyError::TooDeep { name: name.clone(), max_depth: MAX_DEPTH })
            );
        }
        let star = |n: usize| {
            Taxonomy::from_pairs("star", (0..n).map(|i| (i.to_string(), (i > 0).then(|| "0".to_owned()))))
        };
        assert_eq!(star(MAX_NODES).unwrap().n_leaves(), MAX_NODES - 1);
        assert_eq!(star(MAX_NODES + 1), Err(TaxonomyError::TooManyNodes { max_nodes: MAX_NODES }));
    }
}
