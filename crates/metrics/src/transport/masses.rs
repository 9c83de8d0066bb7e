//! Two PMFs as integers with the same sum.

/// Masses before and after on a common integer grid.
///
/// Plans are made of these integers: sums and differences are exact, ties are ties, and no flow is negative by
/// rounding. The step of the grid is a power of two, 2^-55 at 16 to 31 classes and 2^-51 at 300, and each mass
/// is cut off to a whole number of steps: the masses before fall short by less than one. The masses after are scaled to
/// the total before first, which rounds them; of equal totals the scale is 1, and then all masses that are multiples of
/// the step are exact. What the two totals still differ by goes to the largest mass after.
#[derive(Debug, Default)]
pub(super) struct GridMasses {
    pub before: Vec<i64>,
    pub after: Vec<i64>,
    /// The mass of one unit.
    step: f64,
}

/// Bits that a perturbation of up to `n_classes` units to either side needs below the unit.
pub(super) fn perturbation_bits(n_classes: usize) -> u32 {
    usize::BITS - n_classes.leading_zeros() + 1
}

/// An exact power of two, for exponents of normal numbers.
pub(super) fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent.clamp(-1022, 1023) + 1023) as u64) << 52)
}

impl GridMasses {
    /// Masses of two PMFs of one length, the second scaled to the total of the first.
    pub fn of(a: &[f64], b: &[f64]) -> Self {
        let mut masses = Self::default();
        masses.set(a, b);
        masses
    }

    /// As [`of`](Self::of), in the memory of the last ones.
    pub fn set(&mut self, a: &[f64], b: &[f64]) {
        // A total of 1.0001 at most comes to little more than 2^61 once the perturbation's bits stand below the unit: an i64
        // has room for it.
        let bits = 61 - perturbation_bits(a.len()) as i32;
        let units = power_of_two(bits);
        self.step = power_of_two(-bits);
        let (total_a, total_b): (f64, f64) = (a.iter().sum(), b.iter().sum());
        // Of equal totals the ratio is 1 and leaves every digit alone.
        let units_b = units * (total_a / total_b);
        self.before.clear();
        self.before.extend(a.iter().map(|&mass| (mass * units) as i64));
        self.after.clear();
        self.after.extend(b.iter().map(|&mass| (mass * units_b) as i64));
        let short = self.before.iter().sum::<i64>() - self.after.iter().sum::<i64>();
        // About a unit per class, and what the sums and the scale round by: far less than the largest mass.
        if short != 0
            && let Some(largest) = self.after.iter_mut().max_by_key(|mass| **mass)
        {
            *largest += short;
        }
    }

    /// A number of units as a mass.
    pub fn mass(&self, units: i64) -> f64 {
        units as f64 * self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_masses_are_exact_and_totals_meet() {
        let masses = GridMasses::of(&[0.75, 0.25, 0.0], &[0.5, 0.5, 0.0]);
        assert_eq!([masses.mass(masses.before[0]), masses.mass(masses.after[1])], [0.75, 0.5]);
        assert_eq!((masses.before[2], masses.after[2]), (0, 0));
        let third = 1.0 / 3.0;
        let masses = GridMasses::of(&[third, third, third], &[0.1, 0.2, 0.7]);
        assert_eq!(masses.before.iter().sum::<i64>(), masses.after.iter().sum::<i64>());
        for (units, mass) in masses.after.iter().zip([0.1, 0.2, 0.7]) {
            assert!((masses.mass(*units) - mass).abs() < 1e-15);
        }
    }

    #[test]
    fn the_second_is_scaled_to_the_first() {
        let masses = GridMasses::of(&[0.5, 0.5], &[0.2, 0.80008]);
        let after = masses.mass(masses.after[0]);
        assert!((after - 0.2 / 1.00008).abs() < 1e-15, "{after}");
        let masses = GridMasses::of(&[5e-324, 1.0], &[1.0, 5e-324]);
        assert_eq!((masses.before[0], masses.after[1]), (0, 0));
    }

    #[test]
    fn powers() {
        assert_eq!(
            (power_of_two(0), power_of_two(-3), power_of_two(60)),
            (1.0, 0.125, 1e60_f64.min((1_u64 << 60) as f64))
        );
        assert_eq!((perturbation_bits(1), perturbation_bits(31), perturbation_bits(32)), (2, 6, 7));
    }
}
