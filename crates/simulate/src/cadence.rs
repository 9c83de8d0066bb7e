//! When a place on the sky is visited.

use heliacal_lightcurve::Passband;

use crate::error::SimulateError;
use crate::photometry::BANDS;
use crate::random::Random;

/// Days of a year.
const YEAR: f64 = 365.25;
/// A new moon: 2000 January 6.76 \[MJD\], and the mean length of a month \[day\].
const NEW_MOON: (f64, f64) = (51_549.76, 29.530_588);
/// A vernal equinox: 2025 March 20.38 \[MJD\].
const EQUINOX: f64 = 60_754.38;
/// Local midnight at the observatory, as a fraction of a UT day.
const MIDNIGHT: f64 = 0.19;
/// Shortest time between two visits \[day\]: 26 s. Two blocks of a deep field may fall into one night and meet.
const SHORTEST_GAP: f64 = 3e-4;
/// Most visits to one place in the whole survey; LSST's deep fields get some 20,000 in ten years.
const MOST_VISITS: f64 = 1e5;

/// When the survey visits a place.
///
/// Nights with visits follow each other after gaps of `mean (0.3 + 0.7 x)` days, x exponential, within a season around the
/// date at which the place stands opposite the Sun. In such a night there are two visits half an hour apart, in bands
/// drawn independently; in a deep field eight, each about a minute after the other. Over a month each band comes as often as `visits_per_year`
/// says, u and g around new moon and Y around full moon.
///
/// Left out: weather, rolling cadence, airmass, filter changes, dithers; what LSST really does is in its operations
/// simulations (Naghib et al. 2019, AJ 157, 151).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Cadence {
    /// Begin of the survey \[MJD\].
    pub begin: f64,
    /// Length of the survey \[day\].
    pub days: f64,
    /// Visits in u g r i z Y to an ordinary place in a year; not all 0.
    pub visits_per_year: [f64; 6],
    /// Time between the two visits of a night \[minute\], at least 0.5; it scatters by 15 %.
    pub pair_gap_minutes: f64,
    /// Shortest and longest season \[day\].
    pub season_days: (f64, f64),
    /// How many times more visits a deep field gets.
    pub deep_factor: f64,
}

impl Default for Cadence {
    /// Three years of LSST's wide survey, as in ELAsTiCC.
    fn default() -> Self {
        Self {
            begin: 61_000.0,
            days: 3.0 * YEAR,
            visits_per_year: [6.3, 6.8, 18.1, 18.8, 16.6, 16.3],
            pair_gap_minutes: 33.0,
            season_days: (150.0, 230.0),
            deep_factor: 8.0,
        }
    }
}

/// Which part of the survey a place belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Field {
    /// The wide survey.
    Wide,
    /// A deep field.
    Deep,
}

/// One exposure of a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visit {
    /// When \[MJD\], to the fourth decimal as SNANA writes times. No two visits to a place are simultaneous.
    pub mjd: f64,
    /// In which of LSST's passbands.
    pub band: Passband,
}

/// A visit whose band counts u g r i z Y from 0, so that it is an index of every array of six.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Exposure {
    pub mjd: f64,
    pub band: usize,
}

impl Cadence {
    /// End of the survey \[MJD\].
    pub fn end(&self) -> f64 {
        self.begin + self.days
    }

    /// The visits to a place at this right ascension \[deg\], in order of time. The same seed gives the same visits.
    ///
    /// # Errors
    /// [`SimulateError::Config`] with the number that makes no sense.
    ///
    /// ```
    /// use heliacal_simulate::{Cadence, Field};
    ///
    /// let cadence = Cadence::default();
    /// let visits = cadence.visits(120.0, Field::Wide, 1)?;
    /// assert!((150..350).contains(&visits.len())); // 82.9 a year in three years: 249 on average
    /// assert!(visits.iter().all(|visit| visit.mjd >= cadence.begin && visit.mjd <= cadence.end()));
    /// # Ok::<(), heliacal_simulate::SimulateError>(())
    /// ```
    pub fn visits(&self, ra: f64, field: Field, seed: u64) -> Result<Vec<Visit>, SimulateError> {
        if !ra.is_finite() {
            let (field, expected) = ("right ascension", "a finite number");
            return Err(SimulateError::Config { field, expected, found: ra });
        }
        self.check()?;
        let exposures = self.draw(ra, field, &mut Random::new(seed, 0, 0));
        Ok(exposures.iter().map(|&Exposure { mjd, band }| Visit { mjd, band: BANDS[band] }).collect())
    }

    /// Whether the numbers make sense, and visits can be counted.
    pub(crate) fn check(&self) -> Result<(), SimulateError> {
        let season = self.season_days;
        let visits = self
            .visits_per_year
            .into_iter()
            .map(|visits| ("cadence.visits_per_year", visits, "from 0 to 10,000", 0.0, 1e4));
        let others = [
            ("cadence.begin", self.begin, "a day from 0 to 200,000", 0.0, 2e5),
            ("cadence.days", self.days, "from 1 to 20,000 days", 1.0, 2e4),
            ("cadence.deep_factor", self.deep_factor, "from 0 to 100", 0.0, 100.0),
            ("cadence.pair_gap_minutes", self.pair_gap_minutes, "from 0.5 to 120 minutes", 0.5, 120.0),
            ("cadence.season_days", season.0, "from 1 to 365 days", 1.0, 365.0),
            ("cadence.season_days", season.1, "from the shortest to 365 days", season.0, 365.0),
        ];
        let fault = |field, expected, found| Err(SimulateError::Config { field, expected, found });
        if let Some((field, found, expected, ..)) =
            visits.chain(others).find(|&(_, value, _, low, high)| !(low..=high).contains(&value))
        {
            return fault(field, expected, found);
        }
        let per_year: f64 = self.visits_per_year.iter().sum();
        if per_year <= 0.0 {
            return fault("sum of cadence.visits_per_year", "a number above 0", per_year);
        }
        let most = per_year * self.deep_factor.max(1.0) * self.days / YEAR;
        if most > MOST_VISITS {
            let field = "visits to a place, visits_per_year × deep_factor × years,";
            return fault(field, "at most 100,000", most);
        }
        Ok(())
    }

    pub(crate) fn draw(&self, ra: f64, field: Field, random: &mut Random) -> Vec<Exposure> {
        let per_year: f64 = self.visits_per_year.iter().sum();
        let season = random.uniform(self.season_days.0, self.season_days.1);
        let (block, factor, minutes) = match field {
            Field::Wide => (2, 1.0, self.pair_gap_minutes),
            Field::Deep => (8, self.deep_factor, 1.0),
        };
        let mut visits = Vec::new();
        if per_year * factor <= 0.0 {
            return visits;
        }
        visits.reserve((1.3 * per_year * factor * self.days / YEAR) as usize);
        // All visits of a year fall into its season.
        let mean_gap = f64::from(block) * season / (per_year * factor);
        let tilt = self.moon_tilt(per_year);
        // Opposite the Sun: its right ascension, taken as growing evenly, is that of the place plus half a turn.
        let mut opposition = EQUINOX + ((ra + 180.0) / 360.0).rem_euclid(1.0) * 365.2422;
        opposition -= ((opposition - self.begin + 0.5 * season) / 365.2422).floor() * 365.2422;
        while opposition - 0.5 * season < self.end() {
            let (first, last) = (opposition - 0.5 * season, opposition + 0.5 * season);
            // Begun early, so that the first night of a season is like any other.
            let mut time = first - 6.0 * mean_gap;
            loop {
                time += mean_gap * (0.3 + random.exponential(0.7));
                if time > last {
                    break;
                }
                if time < first {
                    continue;
                }
                self.push_night(time, block, minutes, tilt, &mut visits, random);
            }
            opposition += 365.2422;
        }
        visits.sort_by(|a, b| a.mjd.total_cmp(&b.mjd));
        let mut earliest = f64::NEG_INFINITY;
        for visit in &mut visits {
            visit.mjd = to_fourth_decimal(visit.mjd.max(earliest));
            earliest = visit.mjd + SHORTEST_GAP;
        }
        visits.retain(|visit| visit.mjd <= self.end());
        visits
    }

    fn push_night(
        &self,
        time: f64,
        block: u32,
        minutes: f64,
        tilt: [f64; 6],
        visits: &mut Vec<Exposure>,
        random: &mut Random,
    ) {
        // The night around the drawn time, and a moment of it within four and a half hours of midnight.
        let begin = (time - MIDNIGHT).round() + MIDNIGHT + random.uniform(-0.17, 0.17);
        let moon = (std::f64::consts::TAU * (begin - NEW_MOON.0) / NEW_MOON.1).cos();
        let mut time = begin;
        for visit in 0..block {
            let gap = minutes * random.uniform(0.85, 1.15);
            if visit > 0 {
                time += gap / 1440.0;
            }
            let mjd = to_fourth_decimal(time);
            let weight: [f64; 6] =
                std::array::from_fn(|b| (self.visits_per_year[b] * (1.0 + tilt[b] * moon)).max(0.0));
            let mut left = random.unit() * weight.iter().sum::<f64>();
            let band = weight.iter().position(|w| {
                left -= w;
                left <= 0.0
            });
            if mjd >= self.begin && mjd <= self.end() {
                visits.push(Exposure { mjd, band: band.unwrap_or(2) });
            }
        }
    }

    /// How much more often a band is used at new moon than on average; the weighted sum is zero, so that neither the
    /// number of visits nor the share of a band depends on it.
    fn moon_tilt(&self, per_year: f64) -> [f64; 6] {
        let mut tilt = [0.9, 0.6, 0.1, 0.0, -0.2, 0.0];
        let dark: f64 = tilt.iter().zip(self.visits_per_year).map(|(tilt, visits)| tilt * visits).sum();
        let last = self.visits_per_year[5];
        if last > 0.02 * per_year && (dark / last).abs() <= 1.0 {
            tilt[5] = -dark / last;
            tilt
        } else {
            [0.0; 6]
        }
    }
}

fn to_fourth_decimal(mjd: f64) -> f64 {
    (mjd * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_band_comes_as_often_as_said() {
        let cadence = Cadence { days: 8.0 * 365.2422, ..Cadence::default() };
        for (field, factor, places) in [(Field::Wide, 1.0, 300), (Field::Deep, 8.0, 40)] {
            let mut per_year = [0.0; 6];
            for seed in 0..places {
                for visit in cadence.visits(360.0 * seed as f64 / places as f64, field, seed).unwrap() {
                    let band = BANDS.iter().position(|&band| band == visit.band).unwrap();
                    per_year[band] += 1.0 / (8.0 * places as f64);
                }
            }
            for (found, expected) in per_year.iter().zip(cadence.visits_per_year) {
                let ratio = found / (factor * expected);
                assert!((ratio - 1.0).abs() < 0.04, "{field:?} {per_year:?}");
            }
        }
    }

    #[test]
    fn visits_come_in_pairs_within_seasons() {
        let cadence = Cadence::default();
        let visits = cadence.visits(210.0, Field::Wide, 4).unwrap();
        let gaps: Vec<f64> = visits.windows(2).map(|pair| pair[1].mjd - pair[0].mjd).collect();
        let pairs = gaps.iter().filter(|gap| (25.0..41.0).contains(&(**gap * 1440.0))).count();
        assert!(pairs as f64 > 0.4 * visits.len() as f64);
        // Between seasons of 150 to 230 days lie 135 to 215, and a night or three.
        let long: Vec<_> = gaps.iter().filter(|gap| **gap > 100.0).collect();
        assert!(long.len() == 2 || long.len() == 3, "{long:?}");
        assert!(long.iter().all(|gap| (130.0..250.0).contains(*gap)), "{long:?}");
    }

    #[test]
    fn visits_are_never_simultaneous() {
        let crowded = Cadence { visits_per_year: [40.0; 6], pair_gap_minutes: 0.5, ..Cadence::default() };
        for cadence in [Cadence::default(), crowded] {
            for (field, seed) in (0..60).map(|seed| ([Field::Wide, Field::Deep][seed as usize % 2], seed)) {
                let visits = cadence.visits(6.0 * seed as f64, field, seed).unwrap();
                // Half a unit of the last digit is left for rounding.
                let apart = |pair: &[Visit]| pair[1].mjd - pair[0].mjd > SHORTEST_GAP - 0.5e-4;
                assert!(visits.windows(2).all(apart), "{field:?} {seed}");
                assert!(visits.iter().all(|v| v.mjd >= cadence.begin && v.mjd <= cadence.end()));
            }
        }
    }

    #[test]
    fn a_night_of_a_deep_field_is_eight_visits_a_minute_apart() {
        let visits = Cadence::default().visits(50.0, Field::Deep, 2).unwrap();
        let minutes: Vec<f64> = visits.windows(2).map(|v| 1440.0 * (v[1].mjd - v[0].mjd)).collect();
        // 0.85 to 1.15 minutes, and the rounding to 8.6 s.
        let within = minutes.iter().filter(|gap| (0.70..1.30).contains(*gap)).count();
        let expected = visits.len() as f64 * 7.0 / 8.0;
        assert!((within as f64 / expected - 1.0).abs() < 0.03, "{within} {expected}");
    }

    #[test]
    fn the_season_is_when_the_place_stands_opposite_the_sun() {
        // The autumn equinox, 2026 September 23 (MJD 61306): the Sun stands at 180 deg, so 0 deg is opposite.
        let visits = Cadence::default().visits(0.0, Field::Wide, 4).unwrap();
        let year = visits.iter().filter(|visit| (61_306.0 - 182.0..61_306.0 + 182.0).contains(&visit.mjd));
        let (mut n, mut sum) = (0.0, 0.0);
        for visit in year {
            n += 1.0;
            sum += visit.mjd;
        }
        assert!((sum / n - 61_306.0).abs() < 15.0, "{}", sum / n);
    }

    #[test]
    fn dark_nights_are_blue() {
        let cadence = Cadence { days: 3650.0, ..Cadence::default() };
        let (mut dark, mut all) = (0.0, 0.0);
        for visit in (0..40)
            .flat_map(|seed| cadence.visits(0.0, Field::Wide, seed).unwrap())
            .filter(|visit| visit.band == Passband::LsstU)
        {
            let moon = (std::f64::consts::TAU * (visit.mjd - NEW_MOON.0) / NEW_MOON.1).cos();
            dark += if moon > 0.0 { 1.0 } else { 0.0 };
            all += 1.0;
        }
        // Half plus 0.9/π.
        assert!((dark / all - 0.786_f64).abs() < 0.03, "{}", dark / all);
    }

    #[test]
    fn a_survey_without_visits_or_with_endless_ones_is_refused() {
        let refused = |cadence: Cadence| cadence.visits(0.0, Field::Wide, 1).unwrap_err().to_string();
        assert_eq!(
            refused(Cadence { visits_per_year: [0.0; 6], ..Cadence::default() }),
            "configuration: sum of cadence.visits_per_year is 0, expected a number above 0"
        );
        let endless =
            Cadence { visits_per_year: [1e4; 6], days: 2e4, deep_factor: 100.0, ..Cadence::default() };
        assert!(refused(endless).contains("expected at most 100,000"));
        let at_once = Cadence { pair_gap_minutes: 0.0, ..Cadence::default() };
        assert!(refused(at_once).contains("pair_gap_minutes is 0"));
        let cadence = Cadence::default();
        assert!(cadence.visits(f64::NAN, Field::Wide, 1).is_err());
        let never_ending = Cadence { season_days: (0.0, 0.0), ..Cadence::default() };
        assert!(never_ending.visits(0.0, Field::Wide, 1).is_err());
    }
}
