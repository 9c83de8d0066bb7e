//! Names that nobody knows, and the known ones they may have been meant to be.

/// How many known names an error offers.
const N_NEAREST: usize = 3;
/// Characters compared; names in use are shorter, and hostile input must not cost more.
const MAX_COMPARED: usize = 64;

/// A name that is not known, with the known names nearest to it.
///
/// Nearest by edit distance (insertions, deletions, substitutions) of the names in lower case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {name:?}{}", self.hint())]
pub struct UnknownName {
    /// What was looked up: `class of oracle`, `SNANA model`, ...
    pub kind: String,
    /// The name as given.
    pub name: String,
    /// At most three known names, the nearest first; none when no known name shares anything with the given one.
    pub nearest: Vec<String>,
}

impl UnknownName {
    pub(crate) fn new<'a>(kind: impl Into<String>, name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        Self::among(kind, name, &[name], known)
    }

    /// As [`new`](Self::new) where any of several spellings of the name may have been meant.
    pub(crate) fn among<'a>(
        kind: impl Into<String>,
        name: &str,
        spellings: &[&str],
        known: impl Iterator<Item = &'a str>,
    ) -> Self {
        let spellings: Vec<Vec<char>> = spellings.iter().map(|spelling| folded(spelling)).collect();
        let mut ranked: Vec<(usize, &str)> = known
            .filter_map(|known| {
                let other = folded(known);
                let reach = |name: &Vec<char>| {
                    let distance = edit_distance(name, &other);
                    (distance < name.len().max(other.len())).then_some(distance)
                };
                Some((spellings.iter().filter_map(reach).min()?, known))
            })
            .collect();
        ranked.sort_by_key(|&(distance, _)| distance); // stable: equally near names keep their order
        let nearest = ranked.into_iter().take(N_NEAREST).map(|(_, known)| known.to_owned()).collect();
        Self { kind: kind.into(), name: name.to_owned(), nearest }
    }

    fn hint(&self) -> String {
        if self.nearest.is_empty() {
            String::new()
        } else {
            format!(", nearest known: {}", self.nearest.join(", "))
        }
    }
}

fn folded(name: &str) -> Vec<char> {
    name.chars().flat_map(char::to_lowercase).take(MAX_COMPARED).collect()
}

/// Levenshtein distance, one row of the table at a time.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_hand() {
        let distance = |a, b| edit_distance(&folded(a), &folded(b));
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("SNIbc", "SNIb/c"), 1);
        assert_eq!(distance("rr lyrae", "RR Lyrae"), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }

    #[test]
    fn the_error_offers_the_nearest_names_and_no_strangers() {
        let known = ["AGN", "SNIa", "SNIb/c", "KN"];
        let error = UnknownName::new("class", "snibc", known.into_iter());
        assert_eq!(error.nearest, ["SNIb/c", "SNIa", "KN"]);
        assert_eq!(error.to_string(), "unknown class \"snibc\", nearest known: SNIb/c, SNIa, KN");
        let error = UnknownName::new("class", "???", known.into_iter());
        assert_eq!(error.to_string(), "unknown class \"???\"");
    }
}
