//! A basis of the transportation problem as a spanning tree, and its pivots.

/// No node.
const NONE: u32 = u32::MAX;

/// Row lengths are multiples of this, so that loops over a row run in whole vectors.
const LANES: usize = 4;

/// Each pricing round looks at rows until it has seen this many cells, all of them in small problems. Between 128 and
/// 1024 the time changes by less than a tenth for 5 to 300 classes (bench `transport`).
const BLOCK_CELLS: usize = 512;

/// A node of the tree: sources come first, then sinks.
#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    depth: u32,
    first_child: u32,
    next_sibling: u32,
    previous_sibling: u32,
    /// On the edge to the parent, from its source to its sink.
    flow: i64,
}

/// A spanning tree over sources and sinks with the flow on each edge, and potentials under which its edges cost
/// nothing.
///
/// Flows are integers, costs and potentials are integers held in floats and below 2^53: nothing is ever rounded. No
/// flow is ever zero if no group of some but not all nodes has supplies equal to its demands, which the caller sees to;
/// then exactly one edge leaves in each pivot, the total cost falls by at least one unit, and no basis comes twice.
#[derive(Debug, Default)]
pub(super) struct Basis {
    n_sources: usize,
    n_sinks: usize,
    /// Length of a row of costs, `n_sinks` rounded up; beyond the sinks costs are infinite.
    stride: usize,
    costs: Vec<f64>,
    /// `u_i` of each source.
    source_potentials: Vec<f64>,
    /// `-v_j` of each sink, 0 beyond: a cell's reduced cost is `c_ij - u_i - v_j`.
    sink_potentials: Vec<f64>,
    nodes: Vec<Node>,
    /// Nodes in the order in which the start was found, parents after their children.
    order: Vec<u32>,
}

/// A cell that would lower the total cost.
#[derive(Debug, Clone, Copy)]
struct Entering {
    source: usize,
    sink: usize,
    reduced_cost: f64,
}

impl Basis {
    /// Takes the costs between some sources and some sinks, as rows and columns of a square matrix.
    pub fn set_costs(&mut self, square: &[f64], n_classes: usize, sources: &[usize], sinks: &[usize]) {
        self.n_sources = sources.len();
        self.n_sinks = sinks.len();
        self.stride = sinks.len().next_multiple_of(LANES);
        self.costs.clear();
        for &source in sources {
            let row = &square[source * n_classes..][..n_classes];
            self.costs.extend(sinks.iter().map(|&sink| row[sink]));
            self.costs.resize(self.costs.len().next_multiple_of(LANES), f64::INFINITY);
        }
    }

    /// Finds a first tree: each source in turn ships to the sink that is cheapest for it and not yet full. Uses up the
    /// supplies and demands.
    pub fn start(&mut self, supply: &mut [i64], demand: &mut [i64]) {
        let n_sources = self.n_sources;
        let root = Node {
            parent: NONE,
            depth: 0,
            first_child: NONE,
            next_sibling: NONE,
            previous_sibling: NONE,
            flow: 0,
        };
        self.nodes.clear();
        self.nodes.resize(n_sources + self.n_sinks, root);
        self.order.clear();
        // While the start is sought, the potential of a full sink is infinite and it is never the cheapest.
        self.sink_potentials.clear();
        self.sink_potentials.resize(self.stride, 0.0);
        self.lower_columns();
        for (source, supply) in supply.iter_mut().enumerate() {
            while *supply > 0 {
                let row = &self.costs[source * self.stride..][..self.stride];
                let sink = cheapest_column(row, &self.sink_potentials);
                let units = (*supply).min(demand[sink]);
                *supply -= units;
                demand[sink] -= units;
                // The one that is done hangs below the other, which may get more. Both are done only at the very end,
                // where the last source is the root.
                let is_full = demand[sink] == 0;
                let (done, other) =
                    if is_full { (n_sources + sink, source) } else { (source, n_sources + sink) };
                self.nodes[done].flow = units;
                self.nodes[done].parent = other as u32;
                self.order.push(done as u32);
                if is_full {
                    self.sink_potentials[sink] = f64::INFINITY;
                }
            }
        }
        self.finish_start();
    }

    /// Starts from the cheapest source of each sink, so that the first tree is chosen by regrets, not by costs.
    fn lower_columns(&mut self) {
        let potentials = &mut self.sink_potentials;
        potentials.fill(f64::INFINITY);
        for row in self.costs.chunks_exact(self.stride) {
            for (least, &cost) in potentials.iter_mut().zip(row) {
                *least = if cost < *least { cost } else { *least };
            }
        }
        for (column, least) in potentials.iter_mut().enumerate() {
            *least = if column < self.n_sinks { -*least } else { 0.0 };
        }
    }

    /// Links children, and sets depths and potentials from the root down.
    fn finish_start(&mut self) {
        let root = self.n_sources - 1;
        self.source_potentials.clear();
        self.source_potentials.resize(self.n_sources, 0.0);
        self.sink_potentials[self.n_sinks..].fill(0.0);
        for at in (0..self.order.len()).rev() {
            let node = self.order[at] as usize;
            let parent = self.nodes[node].parent as usize;
            self.adopt(node, parent);
            self.nodes[node].depth = self.nodes[parent].depth + 1;
            if node < self.n_sources {
                let sink = parent - self.n_sources;
                self.source_potentials[node] = self.cost(node, sink) + self.sink_potentials[sink];
            } else {
                let sink = node - self.n_sources;
                self.sink_potentials[sink] = self.source_potentials[parent] - self.cost(parent, sink);
            }
        }
        debug_assert_eq!(self.nodes[root].parent, NONE);
    }

    /// Pivots until no cell would lower the cost. Gives the number of pivots, or nothing past the limit.
    pub fn optimize(&mut self, limit: u64) -> Option<u64> {
        let mut row = 0;
        let mut n_pivots = 0;
        while let Some(entering) = self.price(&mut row) {
            if n_pivots == limit {
                return None;
            }
            self.pivot(entering);
            n_pivots += 1;
        }
        Some(n_pivots)
    }

    /// The flow on each edge of the tree: source, sink, units.
    pub fn flows(&self) -> impl Iterator<Item = (usize, usize, i64)> {
        self.nodes.iter().enumerate().filter(|(_, node)| node.parent != NONE).map(|(at, node)| {
            let parent = node.parent as usize;
            let (source, sink) = if at < self.n_sources { (at, parent) } else { (parent, at) };
            (source, sink - self.n_sources, node.flow)
        })
    }

    /// `v_j` of each sink, in units of cost.
    pub fn sink_prices(&self) -> impl Iterator<Item = f64> {
        self.sink_potentials[..self.n_sinks].iter().map(|potential| -potential)
    }

    fn cost(&self, source: usize, sink: usize) -> f64 {
        self.costs[source * self.stride + sink]
    }

    /// The best cell of some rows, beginning where the last search ended; nothing if no cell of any row helps.
    fn price(&self, row: &mut usize) -> Option<Entering> {
        let mut best = (0.0, 0);
        let mut n_cells = 0;
        for _ in 0..self.n_sources {
            let source = *row;
            *row = if source + 1 == self.n_sources { 0 } else { source + 1 };
            let costs = &self.costs[source * self.stride..][..self.stride];
            let reduced_cost = least(costs, &self.sink_potentials) - self.source_potentials[source];
            if reduced_cost < best.0 {
                best = (reduced_cost, source);
            }
            n_cells += self.stride;
            if n_cells >= BLOCK_CELLS && best.0 < 0.0 {
                break;
            }
        }
        let (reduced_cost, source) = best;
        (reduced_cost < 0.0).then(|| {
            let costs = &self.costs[source * self.stride..][..self.stride];
            Entering { source, sink: cheapest_column(costs, &self.sink_potentials), reduced_cost }
        })
    }

    /// Sends as much as possible around the cycle that the entering cell closes, and exchanges it for the edge that
    /// this empties.
    fn pivot(&mut self, Entering { source, sink, reduced_cost }: Entering) {
        let n_sources = self.n_sources;
        let sink = n_sources + sink;
        // Going up from the entering source, edges above sources lose flow; from the entering sink, those above sinks.
        let mut units = i64::MAX;
        let (mut leaving, mut leaves_source_side) = (source, true);
        let (mut x, mut y) = (source, sink);
        while x != y {
            let (node_x, node_y) = (&self.nodes[x], &self.nodes[y]);
            if node_x.depth >= node_y.depth {
                if x < n_sources && node_x.flow < units {
                    (units, leaving, leaves_source_side) = (node_x.flow, x, true);
                }
                x = node_x.parent as usize;
            } else {
                if y >= n_sources && node_y.flow < units {
                    (units, leaving, leaves_source_side) = (node_y.flow, y, false);
                }
                y = node_y.parent as usize;
            }
        }
        debug_assert!(units > 0, "no basis is degenerate");
        let top = x;
        x = source;
        while x != top {
            let node = &mut self.nodes[x];
            node.flow += if x < n_sources { -units } else { units };
            x = node.parent as usize;
        }
        y = sink;
        while y != top {
            let node = &mut self.nodes[y];
            node.flow += if y < n_sources { units } else { -units };
            y = node.parent as usize;
        }
        let (top_of_moved, new_parent, shift) =
            if leaves_source_side { (source, sink, reduced_cost) } else { (sink, source, -reduced_cost) };
        self.hang(top_of_moved, new_parent, leaving, units);
        self.shift_subtree(top_of_moved, shift);
    }

    /// Hangs the part of the tree that the leaving edge cuts off below a new parent, by its node `from`: the nodes from
    /// there up to the leaving edge turn around.
    fn hang(&mut self, from: usize, new_parent: usize, leaving: usize, units: i64) {
        let (mut node, mut parent, mut flow) = (from, new_parent, units);
        loop {
            let Node { parent: old_parent, flow: old_flow, .. } = self.nodes[node];
            self.disown(node);
            self.adopt(node, parent);
            self.nodes[node].flow = flow;
            if node == leaving {
                break;
            }
            (parent, flow, node) = (node, old_flow, old_parent as usize);
        }
    }

    fn disown(&mut self, node: usize) {
        let Node { parent, next_sibling, previous_sibling, .. } = self.nodes[node];
        if previous_sibling == NONE {
            self.nodes[parent as usize].first_child = next_sibling;
        } else {
            self.nodes[previous_sibling as usize].next_sibling = next_sibling;
        }
        if next_sibling != NONE {
            self.nodes[next_sibling as usize].previous_sibling = previous_sibling;
        }
    }

    fn adopt(&mut self, node: usize, parent: usize) {
        let next = std::mem::replace(&mut self.nodes[parent].first_child, node as u32);
        if next != NONE {
            self.nodes[next as usize].previous_sibling = node as u32;
        }
        let child = &mut self.nodes[node];
        child.parent = parent as u32;
        child.next_sibling = next;
        child.previous_sibling = NONE;
    }

    /// Adds to the potentials at and below a node, so that the edge above it costs nothing, and sets depths.
    fn shift_subtree(&mut self, top: usize, shift: f64) {
        let mut at = top;
        loop {
            let depth = self.nodes[self.nodes[at].parent as usize].depth + 1;
            let node = &mut self.nodes[at];
            node.depth = depth;
            let (first_child, mut next, mut parent) = (node.first_child, node.next_sibling, node.parent);
            if at < self.n_sources {
                self.source_potentials[at] += shift;
            } else {
                // The negative of v_j, which falls where u_i rises.
                self.sink_potentials[at - self.n_sources] += shift;
            }
            if first_child != NONE {
                at = first_child as usize;
                continue;
            }
            while at != top && next == NONE {
                at = parent as usize;
                (next, parent) = (self.nodes[at].next_sibling, self.nodes[at].parent);
            }
            if at == top {
                return;
            }
            at = next as usize;
        }
    }
}

/// The least sum of a cost and a potential. Both slices have one length, a multiple of [`LANES`].
#[inline]
fn least(costs: &[f64], potentials: &[f64]) -> f64 {
    let mut least = [f64::INFINITY; LANES];
    let (costs, _) = costs.as_chunks::<LANES>();
    let (potentials, _) = potentials.as_chunks::<LANES>();
    for (costs, potentials) in costs.iter().zip(potentials) {
        for lane in 0..LANES {
            let sum = costs[lane] + potentials[lane];
            least[lane] = if sum < least[lane] { sum } else { least[lane] };
        }
    }
    least.into_iter().fold(f64::INFINITY, |a, b| if b < a { b } else { a })
}

/// The first column where the sum of cost and potential is least.
#[inline]
fn cheapest_column(costs: &[f64], potentials: &[f64]) -> usize {
    let least = least(costs, potentials);
    // The same sums again: equality is exact.
    costs.iter().zip(potentials).position(|(cost, potential)| cost + potential == least).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pivots_by_hand() {
        // Greedy by columns first: 0 -> 0, then source 1 must take what is left.
        let mut basis = Basis::default();
        basis.set_costs(&[1.0, 2.0, 1.0, 4.0], 2, &[0, 1], &[0, 1]);
        basis.start(&mut [41, 61], &mut [40, 62]);
        let start: i64 = basis.flows().map(|(i, j, units)| basis.cost(i, j) as i64 * units).sum();
        assert_eq!(basis.optimize(0), None);
        assert_eq!(basis.optimize(10), Some(1));
        let mut flows: Vec<_> = basis.flows().collect();
        flows.sort_unstable();
        assert_eq!(flows, [(0, 1, 41), (1, 0, 40), (1, 1, 21)]);
        let cost: i64 = basis.flows().map(|(i, j, units)| basis.cost(i, j) as i64 * units).sum();
        assert!(cost == 206 && cost <= start);
    }

    #[test]
    fn least_is_found_in_padded_rows() {
        let inf = f64::INFINITY;
        assert_eq!(least(&[5.0, 3.0, inf, inf], &[-1.0, 2.0, 0.0, 0.0]), 4.0);
        assert_eq!(cheapest_column(&[5.0, 3.0, 2.0, 9.0, 2.0, inf, inf, inf], &[0.0; 8]), 2);
    }
}
