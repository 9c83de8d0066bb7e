//! Laws that hold for all PMFs and costs.

use heliacal_metrics::transport::{
    CostMatrix, GroundCost, LineCost, NetworkSimplex, TransportPlan, TreeCost,
};
use heliacal_metrics::{ClassTree, Pmf, PmfHistory};
use proptest::prelude::*;

/// Rounding of sums of up to 30 products below 10.
const ROUNDING: f64 = 1e-12;

/// The tolerance of the linear program.
#[cfg(feature = "lp")]
const LP_TOLERANCE: f64 = 1e-9;

/// Weights with zeros, ties and tiny values among them.
fn weight() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 0.0..1.0, 2 => Just(0.0), 2 => Just(0.5), 1 => 0.0..1e-12, 1 => Just(5e-324)]
}

fn pmf(n: usize) -> impl Strategy<Value = Pmf> {
    (prop::collection::vec(weight(), n), 0..n).prop_map(|(mut weights, at)| {
        weights[at] += 0.25;
        Pmf::normalized(weights).unwrap()
    })
}

fn pair() -> impl Strategy<Value = (Pmf, Pmf)> {
    (1_usize..30).prop_flat_map(|n| (pmf(n), pmf(n)))
}

fn any_costs(n: usize) -> impl Strategy<Value = CostMatrix> {
    let cost = prop_oneof![0.0..10.0, (0_u8..4).prop_map(f64::from)];
    prop::collection::vec(cost, n * n).prop_map(move |values| CostMatrix::new(n, values).unwrap())
}

/// Distances of points in a cube, some of them the same point.
fn distances(n: usize) -> impl Strategy<Value = CostMatrix> {
    prop::collection::vec(prop::array::uniform3(prop_oneof![0.0..1.0, Just(0.5)]), n).prop_map(
        move |points| {
            let squares =
                |p: &[f64; 3], q: &[f64; 3]| p.iter().zip(q).map(|(p, q)| (p - q).powi(2)).sum::<f64>();
            let values = points.iter().flat_map(|p| points.iter().map(move |q| squares(p, q).sqrt()));
            CostMatrix::new(n, values.collect()).unwrap()
        },
    )
}

/// A tree of 1 to 25 nodes in level order, with edge lengths.
fn tree_cost() -> impl Strategy<Value = TreeCost> {
    prop::collection::vec((0.0..1.0, prop_oneof![0.0..3.0, Just(1.0), Just(0.0)]), 0..25).prop_map(|nodes| {
        let mut parents = vec![0_usize];
        let mut lengths = vec![0.0];
        for (node, (place, length)) in nodes.into_iter().enumerate() {
            let first = parents[node];
            let parent = first + (place * place * ((node + 1 - first) as f64)) as usize;
            parents.push(parent.min(node));
            lengths.push(length);
        }
        TreeCost::new(ClassTree::new(&parents).unwrap(), lengths).unwrap()
    })
}

fn simplex(a: &Pmf, b: &Pmf, costs: &CostMatrix) -> f64 {
    NetworkSimplex::new(costs).w1(a, b).unwrap()
}

#[track_caller]
fn near(a: f64, b: f64) {
    assert!((a - b).abs() <= ROUNDING * (1.0 + a.abs()), "{a} and {b}");
}

/// Non-negative flows, sums that are the masses, and the cost that is said.
#[track_caller]
fn check_plan(plan: &TransportPlan, a: &Pmf, b: &Pmf, costs: &CostMatrix, w1: f64) {
    near(plan.cost(costs).unwrap(), w1);
    assert!(plan.flows().iter().all(|flow| flow.mass > 0.0));
    for (sums, masses) in [(plan.row_sums(), a), (plan.column_sums(), b)] {
        for (sum, mass) in sums.iter().zip(masses.as_slice()) {
            assert!((sum - mass).abs() < 1e-13, "{sum} of {mass}");
        }
    }
}

/// What one closed form says, against the simplex with and without short cut, all plans, and the linear program.
#[track_caller]
fn check_all_ways(cost: &GroundCost, costs: &CostMatrix, a: &Pmf, b: &Pmf) {
    let mut solver = cost.solver();
    let w1 = solver.w1(a, b).unwrap();
    near(w1, simplex(a, b, costs));
    let mut general = NetworkSimplex::new(costs).without_short_cut();
    near(w1, general.w1(a, b).unwrap());
    check_plan(&solver.plan(a, b).unwrap(), a, b, costs, w1);
    check_plan(&general.plan(a, b).unwrap(), a, b, costs, w1);
    check_plan(&NetworkSimplex::new(costs).plan(a, b).unwrap(), a, b, costs, w1);
    check_lp(costs, a, b, w1);
}

#[track_caller]
#[cfg(feature = "lp")]
fn check_lp(costs: &CostMatrix, a: &Pmf, b: &Pmf, w1: f64) {
    let lp = heliacal_metrics::transport::lp_w1(a, b, costs).unwrap();
    let largest = costs.as_slice().iter().copied().fold(1.0, f64::max);
    assert!((lp - w1).abs() < LP_TOLERANCE * largest, "linear program {lp}, not {w1}");
}

#[cfg(not(feature = "lp"))]
fn check_lp(_: &CostMatrix, _: &Pmf, _: &Pmf, _: f64) {}

proptest! {
    #[test]
    fn unit_cost_all_ways((a, b) in pair()) {
        let costs = CostMatrix::unit(a.n_classes()).unwrap();
        check_all_ways(&GroundCost::Unit, &costs, &a, &b);
        let w1 = simplex(&a, &b, &costs);
        prop_assert!((0.0..=1.0 + ROUNDING).contains(&w1));
    }

    #[test]
    fn line_all_ways(
        ((a, b), positions) in (1_usize..30).prop_flat_map(|n| {
            let position = prop_oneof![-3.0..3.0, Just(1.0)];
            ((pmf(n), pmf(n)), prop::collection::vec(position, n))
        }),
    ) {
        let n = positions.len();
        let cost = LineCost::new(positions.clone()).unwrap();
        let values = (0..n * n).map(|at| f64::abs(positions[at / n] - positions[at % n])).collect();
        check_all_ways(&GroundCost::Line(cost), &CostMatrix::new(n, values).unwrap(), &a, &b);
    }

    #[test]
    fn tree_all_ways(
        (cost, a, b) in tree_cost().prop_flat_map(|cost| {
            let n = cost.n_classes();
            (Just(cost), pmf(n), pmf(n))
        }),
    ) {
        let costs = CostMatrix::from_tree(&cost);
        check_all_ways(&GroundCost::Tree(cost), &costs, &a, &b);
    }

    #[test]
    fn any_matrix_all_ways(
        (costs, a, b) in (1_usize..25).prop_flat_map(|n| (any_costs(n), pmf(n), pmf(n))),
    ) {
        check_all_ways(&GroundCost::Matrix(costs.clone()), &costs, &a, &b);
    }

    /// Weak duality makes feasible prices of the same value a proof that no plan is cheaper.
    #[test]
    fn prices_prove_the_optimum(
        (any, metric, a, b) in
            (1_usize..25).prop_flat_map(|n| (any_costs(n), distances(n), pmf(n), pmf(n))),
    ) {
        for costs in [any, metric] {
            let n = costs.n_classes();
            let mut simplex = NetworkSimplex::new(&costs);
            let w1 = simplex.w1(&a, &b).unwrap();
            let plan = simplex.plan(&a, &b).unwrap().dense();
            let prices = simplex.potentials(&a, &b).unwrap();
            let sum = |p: &Pmf, u: &[f64]| p.as_slice().iter().zip(u).map(|(p, u)| p * u).sum::<f64>();
            near(sum(&a, &prices.before) + sum(&b, &prices.after), w1);
            for (at, &mass) in plan.iter().enumerate() {
                let reduced = costs.as_slice()[at] - prices.before[at / n] - prices.after[at % n];
                prop_assert!(reduced > -ROUNDING * 10.0, "cell {at}: {reduced}");
                // Complementary slackness: mass only where the price is the cost.
                prop_assert!(mass < 1e-13 || reduced < ROUNDING * 10.0, "cell {at}: {reduced}");
            }
        }
    }

    #[test]
    fn metric_axioms(
        (costs, a, b, c) in (1_usize..15).prop_flat_map(|n| (distances(n), pmf(n), pmf(n), pmf(n))),
    ) {
        let w1 = |a, b| simplex(a, b, &costs);
        prop_assert_eq!(w1(&a, &a), 0.0);
        near(w1(&a, &b), w1(&b, &a));
        prop_assert!(w1(&a, &c) <= w1(&a, &b) + w1(&b, &c) + ROUNDING);
        prop_assert!(w1(&a, &b) >= 0.0);
        if costs.is_metric().is_ok() && w1(&a, &b) == 0.0 {
            prop_assert!(a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| (a - b).abs() < 1e-14));
        }
    }

    /// A fee for leaving each class and one for reaching it is paid whatever the plan. The diagonal is then not zero, and
    /// common mass still may stay.
    #[test]
    fn fees_add_up(
        (costs, a, b, fees) in (1_usize..20).prop_flat_map(|n| {
            (distances(n), pmf(n), pmf(n), prop::collection::vec((0.0..2.0, 0.0..2.0), n))
        }),
    ) {
        let n = fees.len();
        let with_fees = (0..n * n).map(|at| costs.as_slice()[at] + fees[at / n].0 + fees[at % n].1).collect();
        let with_fees = CostMatrix::new(n, with_fees).unwrap();
        let leaving: f64 = a.as_slice().iter().zip(&fees).map(|(p, fee)| p * fee.0).sum();
        let reaching: f64 = b.as_slice().iter().zip(&fees).map(|(p, fee)| p * fee.1).sum();
        let w1 = simplex(&a, &b, &costs) + leaving + reaching;
        check_all_ways(&GroundCost::Matrix(with_fees.clone()), &with_fees, &a, &b);
        near(w1, simplex(&a, &b, &with_fees));
    }

    #[test]
    fn order_of_classes_is_no_matter(
        (costs, a, b, order) in (1_usize..20).prop_flat_map(|n| {
            (any_costs(n), pmf(n), pmf(n), Just((0..n).collect::<Vec<_>>()).prop_shuffle())
        }),
    ) {
        let n = order.len();
        let reorder = |p: &Pmf| Pmf::new(order.iter().map(|&class| p.as_slice()[class]).collect()).unwrap();
        let values = (0..n * n).map(|at| costs.as_slice()[order[at / n] * n + order[at % n]]).collect();
        let reordered = CostMatrix::new(n, values).unwrap();
        near(simplex(&a, &b, &costs), simplex(&reorder(&a), &reorder(&b), &reordered));
        near(GroundCost::Unit.solver().w1(&a, &b).unwrap(), GroundCost::Unit.solver().w1(&reorder(&a), &reorder(&b)).unwrap());
    }

    /// Three classes and few units: all plans can be tried.
    #[test]
    fn brute_force(costs in any_costs(3), cuts in prop::array::uniform4(0_u32..=8)) {
        let units = |x: u32, y: u32| { let (x, y) = (x.min(y), x.max(y)); [x, y - x, 8 - y] };
        let (a, b) = (units(cuts[0], cuts[1]), units(cuts[2], cuts[3]));
        let c = costs.as_slice();
        let mut best = f64::INFINITY;
        for (x00, x01) in (0..=a[0]).flat_map(|x| (0..=a[0] - x).map(move |y| (x, y))) {
            for (x10, x11) in (0..=a[1]).flat_map(|x| (0..=a[1] - x).map(move |y| (x, y))) {
                if x00 + x10 > b[0] || x01 + x11 > b[1] || a[0] - x00 - x01 + a[1] - x10 - x11 > b[2] {
                    continue;
                }
                let x = [x00, x01, a[0] - x00 - x01, x10, x11, a[1] - x10 - x11];
                let rest = [b[0] - x00 - x10, b[1] - x01 - x11, b[2] - x[2] - x[5]];
                let cost = x.iter().chain(&rest).zip(c).map(|(&units, cost)| f64::from(units) * cost).sum();
                best = f64::min(best, cost);
            }
        }
        let pmf = |units: [u32; 3]| Pmf::new(units.iter().map(|&u| f64::from(u) / 8.0).collect()).unwrap();
        near(simplex(&pmf(a), &pmf(b), &costs), best / 8.0);
    }

    /// One solver for many problems, one problem after another, batches and single calls: the same digits.
    #[test]
    fn batches_and_reused_memory_change_no_digit(
        (costs, histories) in (1_usize..12).prop_flat_map(|n| {
            let history = prop::collection::vec(pmf(n), 1..6).prop_map(move |steps| {
                PmfHistory::new(n, steps.iter().flat_map(|p| p.as_slice().to_vec()).collect()).unwrap()
            });
            (any_costs(n), prop::collection::vec(history, 1..20))
        }),
    ) {
        let n = costs.n_classes();
        for cost in [GroundCost::Unit, GroundCost::Line(LineCost::even(n).unwrap()), GroundCost::Matrix(costs)] {
            let batch = cost.consecutive_batch(&histories).unwrap();
            let mut reused = cost.solver();
            for (history, w1) in histories.iter().zip(&batch) {
                let mut out = vec![1.0];
                reused.consecutive(history, &mut out).unwrap();
                prop_assert_eq!(&out, w1);
                reused.consecutive_rows(n, history.as_slice(), &mut out).unwrap();
                prop_assert_eq!(&out, w1);
                let pmf = |step| Pmf::new(history.step(step).to_vec()).unwrap();
                for (t, value) in w1.iter().enumerate() {
                    prop_assert_eq!(cost.solver().w1(&pmf(t), &pmf(t + 1)).unwrap(), *value);
                }
            }
        }
    }

    /// Sums that are off by up to 1e-4: the simplex scales, the closed form does not.
    #[test]
    fn sums_within_tolerance((a, b) in pair(), off in -0.9e-4..0.9e-4) {
        let scaled = Pmf::new(b.as_slice().iter().map(|p| p * (1.0 + off)).collect()).unwrap();
        let costs = CostMatrix::unit(a.n_classes()).unwrap();
        near(simplex(&a, &scaled, &costs), simplex(&a, &b, &costs));
        let direct = GroundCost::Unit.solver().w1(&a, &scaled).unwrap();
        let half: f64 = a.as_slice().iter().zip(scaled.as_slice()).map(|(a, b)| (a - b).abs()).sum::<f64>() * 0.5;
        near(direct, half);
        prop_assert!((direct - simplex(&a, &b, &costs)).abs() < 1e-4);
    }
}

#[cfg(feature = "serde")]
#[test]
fn written_and_read_back() {
    let tree = TreeCost::hops(ClassTree::new(&[0, 0, 0, 1, 1]).unwrap());
    for cost in [
        GroundCost::Unit,
        GroundCost::Line(LineCost::new(vec![0.5, 2.0, 0.1]).unwrap()),
        GroundCost::Matrix(CostMatrix::from_tree(&tree)),
        GroundCost::Tree(tree),
    ] {
        let text = serde_json::to_string(&cost).unwrap();
        assert_eq!(serde_json::from_str::<GroundCost>(&text).unwrap(), cost, "{text}");
    }
    let bad = r#"{"matrix":{"n_classes":1,"values":[-1.0]}}"#;
    assert!(
        serde_json::from_str::<GroundCost>(bad)
            .unwrap_err()
            .to_string()
            .contains("from class 0 to class 0 is -1")
    );
    let plan = r#"{"n_classes":2,"flows":[{"from":0,"to":5,"mass":0.5}]}"#;
    assert!(serde_json::from_str::<TransportPlan>(plan).is_err());
}
