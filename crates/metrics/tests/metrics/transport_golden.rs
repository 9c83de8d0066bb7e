//! All 196 problems of `fixtures/emd`: exact where an integer is given, POT's value where not.

use heliacal_metrics::transport::{
    CostMatrix, GroundCost, LineCost, NetworkSimplex, TransportPlan, TreeCost, line_plan, line_w1, tree_plan,
    tree_w1, unit_plan, unit_w1,
};
use heliacal_metrics::{ClassTree, Pmf};
use serde_json::Value;

/// POT computes in doubles and stops at reduced costs of about 1e-14: values in [0, 2] agree far below this.
const POT_TOLERANCE: f64 = 1e-9;

/// The parents of ORACLE's 26 nodes in level order.
const ORACLE: [usize; 26] = [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6, 6, 6, 6];

struct Problem {
    id: u64,
    cost: String,
    a: Pmf,
    b: Pmf,
    matrix: CostMatrix,
    /// The optimum times 2^24.
    exact: Option<u64>,
    emd: f64,
}

fn oracle() -> TreeCost {
    TreeCost::hops(ClassTree::new(&ORACLE).unwrap())
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).unwrap()
}

fn problems() -> Vec<Problem> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/emd/emd_golden.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let hops = CostMatrix::from_rows(&rows(&golden["oracle_tree_hops"])).unwrap();
    assert_eq!(hops, CostMatrix::from_tree(&oracle()));
    let pmf = |value: &Value| Pmf::new(serde_json::from_value(value.clone()).unwrap()).unwrap();
    let problems: Vec<Problem> = golden["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| {
            let cost = pair["cost"].as_str().unwrap().to_owned();
            let n = pair["n"].as_u64().unwrap() as usize;
            let matrix = match cost.as_str() {
                "unit" => CostMatrix::unit(n).unwrap(),
                "integer_line" => CostMatrix::line(n).unwrap(),
                "oracle_tree_hops" => hops.clone(),
                _ => CostMatrix::from_rows(&rows(&pair["M"])).unwrap(),
            };
            Problem {
                id: pair["id"].as_u64().unwrap(),
                cost,
                a: pmf(&pair["a"]),
                b: pmf(&pair["b"]),
                matrix,
                exact: pair["emd_exact_times_2p24"].as_u64(),
                emd: pair["emd"].as_f64().unwrap(),
            }
        })
        .collect();
    assert_eq!(problems.len(), 196);
    problems
}

impl Problem {
    #[track_caller]
    fn check(&self, value: f64, way: &str) {
        let Self { id, cost, .. } = self;
        match self.exact {
            Some(exact) => assert_eq!(value * 16_777_216.0, exact as f64, "{way} of problem {id}, {cost}"),
            None => assert!((value - self.emd).abs() < POT_TOLERANCE, "{way} of problem {id}: {value}"),
        }
    }

    #[track_caller]
    fn check_plan(&self, plan: &TransportPlan, way: &str) {
        self.check(plan.cost(&self.matrix).unwrap(), way);
        assert_eq!(plan.row_sums(), self.a.as_slice(), "{way}: rows of problem {}", self.id);
        assert_eq!(plan.column_sums(), self.b.as_slice(), "{way}: columns of problem {}", self.id);
    }
}

#[test]
fn network_simplex_is_exact() {
    for problem in problems() {
        let simplex = NetworkSimplex::new(&problem.matrix);
        let general = NetworkSimplex::new(&problem.matrix).without_short_cut();
        for (mut simplex, way) in [(simplex, "simplex"), (general, "simplex without short cut")] {
            problem.check(simplex.w1(&problem.a, &problem.b).unwrap(), way);
            problem.check_plan(&simplex.plan(&problem.a, &problem.b).unwrap(), way);
        }
        let cost = GroundCost::Matrix(problem.matrix.clone());
        problem.check(cost.solver().w1(&problem.a, &problem.b).unwrap(), "ground cost");
    }
}

#[test]
fn closed_forms_are_exact() {
    let mut n_checked = 0;
    for problem in problems() {
        let (a, b) = (&problem.a, &problem.b);
        let (value, plan) = match problem.cost.as_str() {
            "unit" => (unit_w1(a, b), unit_plan(a, b)),
            "integer_line" => {
                let cost = LineCost::even(a.n_classes()).unwrap();
                (line_w1(a, b, &cost), line_plan(a, b, &cost))
            }
            "oracle_tree_hops" => (tree_w1(a, b, &oracle()), tree_plan(a, b, &oracle())),
            _ => continue,
        };
        problem.check(value.unwrap(), "closed form");
        problem.check_plan(&plan.unwrap(), "closed form");
        n_checked += 1;
    }
    assert_eq!(n_checked, 104);
}

/// HiGHS calls five of these problems infeasible; with masses scaled up microlp solves all of them.
#[cfg(feature = "lp")]
#[test]
fn linear_program_agrees() {
    for problem in problems() {
        let value = heliacal_metrics::transport::lp_w1(&problem.a, &problem.b, &problem.matrix).unwrap();
        let Problem { id, emd, .. } = problem;
        assert!((value - emd).abs() < 1e-9, "problem {id}: {value}, not {emd}");
    }
}
