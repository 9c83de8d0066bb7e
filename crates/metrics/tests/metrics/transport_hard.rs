//! Problems on which a careless simplex method cycles, stalls or rounds wrongly.

use heliacal_metrics::Pmf;
use heliacal_metrics::transport::{CostMatrix, NetworkSimplex};

/// Pivots per node that none of these problems may exceed (the worst takes 14); the method gives up at a hundred per pair
/// of nodes.
const MAX_PIVOTS_PER_NODE: u64 = 20;

struct Random(u64);

impl Random {
    /// Knuth's MMIX multiplier; the high bits are good enough to make problems.
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn uniform(n: usize) -> Pmf {
    Pmf::new(vec![1.0 / n as f64; n]).unwrap()
}

/// The least cost of an assignment (Kuhn 1955, Munkres 1957, with shortest augmenting paths): another algorithm, on
/// integers.
fn assignment(n: usize, cost: impl Fn(usize, usize) -> i64) -> i64 {
    let (mut u, mut v) = (vec![0; n + 1], vec![0; n + 1]);
    let mut row_of = vec![0; n + 1];
    for row in 1..=n {
        row_of[0] = row;
        let (mut column, mut least) = (0, vec![i64::MAX; n + 1]);
        let (mut used, mut way) = (vec![false; n + 1], vec![0; n + 1]);
        while row_of[column] != 0 {
            used[column] = true;
            let (i, mut delta, mut next) = (row_of[column], i64::MAX, 0);
            for j in 1..=n {
                if !used[j] {
                    let reduced = cost(i - 1, j - 1) - u[i] - v[j];
                    if reduced < least[j] {
                        (least[j], way[j]) = (reduced, column);
                    }
                    if least[j] < delta {
                        (delta, next) = (least[j], j);
                    }
                }
            }
            for j in 0..=n {
                if used[j] {
                    u[row_of[j]] += delta;
                    v[j] -= delta;
                } else {
                    least[j] = least[j].saturating_sub(delta);
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[way[column]];
            column = way[column];
        }
    }
    -v[0]
}

/// Equal masses: each basis of the unperturbed problem holds n - 1 empty edges.
#[track_caller]
fn check_assignment(n: usize, what: &str, cost: impl Fn(usize, usize) -> i64) {
    let values = (0..n * n).map(|at| cost(at / n, at % n) as f64).collect();
    let costs = CostMatrix::new(n, values).unwrap();
    let expected = assignment(n, &cost) as f64;
    for mut simplex in [NetworkSimplex::new(&costs), NetworkSimplex::new(&costs).without_short_cut()] {
        let w1 = simplex.w1(&uniform(n), &uniform(n)).unwrap();
        let largest = costs.as_slice().iter().copied().fold(1.0, f64::max);
        assert!((w1 - expected / n as f64).abs() < 1e-12 * largest, "{what}, n = {n}: {w1}");
        assert!(
            simplex.n_pivots() <= MAX_PIVOTS_PER_NODE * 2 * n as u64,
            "{what}: {} pivots",
            simplex.n_pivots()
        );
        if n.is_power_of_two() {
            assert_eq!(w1 * n as f64, expected, "{what}, n = {n}");
        }
    }
}

#[test]
fn assignments() {
    let mut random = Random(1);
    for n in [1, 2, 3, 4, 5, 8, 16, 31, 64, 100, 128, 200] {
        let table: Vec<i64> = (0..n * n).map(|_| random.below(1000) as i64).collect();
        check_assignment(n, "random", |i, j| table[i * n + j]);
        check_assignment(n, "0 or 1", |i, j| table[i * n + j] % 2);
        check_assignment(n, "mostly 1", |i, j| i64::from(table[i * n + j] % 10 > 0));
        check_assignment(n, "three values", |i, j| table[i * n + j] % 3);
        check_assignment(n, "all zero", |_, _| 0);
        check_assignment(n, "all equal", |_, _| 7);
        check_assignment(n, "sum", |i, j| (i + j) as i64);
        check_assignment(n, "product", |i, j| (i * j) as i64);
        check_assignment(n, "product back to front", |i, j| (i * (n - 1 - j)) as i64);
        check_assignment(n, "square", |i, j| i.abs_diff(j).pow(2) as i64);
        check_assignment(n, "far from the diagonal", |i, j| (n - 1 - i.abs_diff(j)) as i64);
        check_assignment(n, "ring", |i, j| i.abs_diff(j).min(n - i.abs_diff(j)) as i64);
        check_assignment(n, "one cheap row", |i, j| if i == n / 2 { j as i64 } else { 1000 });
        check_assignment(n, "diagonal dear", |i, j| i64::from(i == j));
    }
}

/// Gassner's transportation problem (1964) of four equal sources and sinks: the plain method, entering cells of negative
/// reduced cost, can go round twelve degenerate bases of the plan on the diagonal (checked by listing them all).
#[test]
fn gassner_does_not_cycle() {
    let table = [[3, 5, 5, 11], [9, 7, 9, 15], [7, 7, 11, 13], [13, 13, 13, 17]];
    check_assignment(4, "Gassner", |i, j| table[i][j]);
    // In all orders of sources and sinks, so that no start is lucky.
    for shift in 0..4 {
        for flip in 0..4 {
            check_assignment(4, "Gassner, reordered", |i, j| table[(i + shift) % 4][j ^ flip]);
        }
    }
}

/// Masses of few sizes, so that most groups of sources balance some group of sinks.
#[test]
fn coarse_masses() {
    let mut random = Random(2);
    for n in [4, 16, 64, 150] {
        for _ in 0..40 {
            let mut pmf = || {
                let mut units = vec![0_u32; n];
                (0..64).for_each(|_| units[random.below(n as u64) as usize] += 1);
                Pmf::new(units.into_iter().map(|count| f64::from(count) / 64.0).collect()).unwrap()
            };
            let (a, b) = (pmf(), pmf());
            let n_values = 1 + random.below(5);
            let values = (0..n * n).map(|_| random.below(n_values) as f64).collect();
            let costs = CostMatrix::new(n, values).unwrap();
            let mut simplex = NetworkSimplex::new(&costs);
            let w1 = simplex.w1(&a, &b).unwrap();
            assert_eq!(w1 * 64.0, (w1 * 64.0).round(), "an integer number of units");
            assert!(simplex.n_pivots() <= MAX_PIVOTS_PER_NODE * 2 * n as u64);
            let dual = simplex.potentials(&a, &b).unwrap();
            let sum = |p: &Pmf, u: &[f64]| p.as_slice().iter().zip(u).map(|(p, u)| p * u).sum::<f64>();
            // Integer prices on integer masses: the proof of the optimum is exact.
            assert_eq!(sum(&a, &dual.before) + sum(&b, &dual.after), w1);
            for (i, u) in dual.before.iter().enumerate() {
                assert!(dual.after.iter().zip(&costs.as_slice()[i * n..]).all(|(v, cost)| u + v <= *cost));
            }
        }
    }
}

/// Masses from 1 down to the smallest denormal.
#[test]
fn masses_over_all_magnitudes() {
    let mut random = Random(3);
    for n in [2, 5, 19, 60] {
        for _ in 0..200 {
            let mut pmf = || {
                let mut weights: Vec<f64> =
                    (0..n).map(|_| 2.0_f64.powi(-(random.below(1074) as i32))).collect();
                weights[random.below(n as u64) as usize] = 1.0;
                Pmf::normalized(weights).unwrap()
            };
            let (a, b) = (pmf(), pmf());
            let costs = CostMatrix::line(n).unwrap();
            let line = heliacal_metrics::transport::LineCost::even(n).unwrap();
            let expected = heliacal_metrics::transport::line_w1(&a, &b, &line).unwrap();
            for mut simplex in [NetworkSimplex::new(&costs), NetworkSimplex::new(&costs).without_short_cut()]
            {
                let w1 = simplex.w1(&a, &b).unwrap();
                assert!((w1 - expected).abs() < 1e-12 * n as f64, "{w1} {expected}");
            }
        }
    }
}

/// Costs from 1e-320 to 1e300, alone and mixed.
#[test]
fn costs_over_all_magnitudes() {
    let a = Pmf::new(vec![0.5, 0.5, 0.0]).unwrap();
    let b = Pmf::new(vec![0.0, 0.25, 0.75]).unwrap();
    for scale in [2.0_f64.powi(-1060), 2.0_f64.powi(-500), 1.0, 2.0_f64.powi(990)] {
        let costs = [0.0, 4.0, 8.0, 1.0, 2.0, 16.0, 3.0, 3.0, 0.0].map(|cost| cost * scale).to_vec();
        let w1 = NetworkSimplex::new(&CostMatrix::new(3, costs).unwrap()).w1(&a, &b).unwrap();
        // All of class 0 to class 2; of class 1 a quarter stays and a quarter goes to class 2.
        assert_eq!(w1, 8.5 * scale);
    }
    let mixed = CostMatrix::new(3, vec![0.0, 1e300, 1e300, 1e-300, 0.0, 1.0, 1.0, 1e-300, 0.0]).unwrap();
    let w1 = NetworkSimplex::new(&mixed).w1(&a, &b).unwrap();
    assert!((w1 / 5e299 - 1.0).abs() < 1e-12, "{w1}");
}
