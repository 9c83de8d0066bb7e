//! How light curves are measured: the axes of brightness and time, and the points between them.

use heliacal_lightcurve::{LightCurveView, NoDetection, Observation, Passband};

use crate::canvas::{Canvas, Marker, Stroke};
use crate::colour::Colour;
use crate::error::{ReportError, Result};
use crate::legend::{Entries, Swatch};
use crate::panel::{Axis, Panel};
use crate::scale::Scale;
use crate::style::FigureStyle;

/// What stands on the vertical axis of a light curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Brightness {
    /// Flux \[FLUXCAL\], negative where noise made it so.
    #[default]
    Flux,
    /// AB magnitude, `27.5 - 2.5 log10 FLUXCAL`, brighter upwards. An observation below three standard deviations is drawn
    /// as an upper limit: a hollow marker with an arrow, at the magnitude of three standard deviations.
    Magnitude,
}

/// What stands on the horizontal axis.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum TimeAxis {
    /// Modified Julian Date.
    #[default]
    Mjd,
    /// Days since the first detection.
    DaysSinceTrigger,
    /// Phase within a period, 0 at the first observation; two cycles are drawn.
    Phase {
        /// The period \[day\], above 0.
        period: f64,
    },
}

/// Zero point of FLUXCAL \[mag\].
const ZERO_POINT: f64 = 27.5;
/// Observations below so many standard deviations have no magnitude, but an upper limit.
const LIMIT: f64 = 3.0;

/// One observation as it is drawn.
#[derive(Clone, Copy)]
struct Point {
    x: f64,
    y: f64,
    low: f64,
    high: f64,
    passband: Passband,
    detection: bool,
    is_limit: bool,
}

impl Brightness {
    fn point(self, observation: &Observation, x: f64) -> Point {
        let Observation { passband, detection, .. } = *observation;
        let (flux, error) = (f64::from(observation.flux), f64::from(observation.flux_err));
        let magnitude = |flux: f64| ZERO_POINT - 2.5 * flux.log10();
        let point = |y, low, high, is_limit| Point { x, y, low, high, passband, detection, is_limit };
        match self {
            Self::Flux => point(flux, flux - error, flux + error, false),
            Self::Magnitude if flux > LIMIT * error => {
                // dm = (2.5 / ln 10) dF / F
                let spread = 2.5 / std::f64::consts::LN_10 * error / flux;
                point(magnitude(flux), magnitude(flux) - spread, magnitude(flux) + spread, false)
            }
            // An error of 0 has no limit; infinity is not drawn.
            Self::Magnitude => {
                let limit = magnitude(LIMIT * error);
                point(limit, limit, limit, true)
            }
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Flux => "flux [FLUXCAL]",
            Self::Magnitude => "AB magnitude",
        }
    }
}

impl TimeAxis {
    /// What is subtracted from an MJD.
    pub(super) fn origin(self, light_curve: LightCurveView<'_>) -> Result<f64> {
        match self {
            Self::Mjd => Ok(0.0),
            Self::DaysSinceTrigger => {
                let n_observations = light_curve.len();
                let trigger = light_curve.first_detection().ok_or(NoDetection { n_observations })?;
                Ok(light_curve.mjd()[trigger])
            }
            Self::Phase { period } if period > 0.0 && period.is_finite() => {
                Ok(light_curve.mjd().first().copied().unwrap_or(0.0))
            }
            Self::Phase { period } => Err(ReportError::Value {
                what: "period",
                index: 0,
                value: period,
                expected: "a finite number of days above 0",
            }),
        }
    }

    /// Where a time after the origin is drawn: once, or in each of two cycles.
    fn places(self, days: f64) -> impl Iterator<Item = f64> {
        let (first, second) = match self {
            Self::Phase { period } => {
                let phase = (days / period).rem_euclid(1.0);
                (phase, Some(phase + 1.0))
            }
            _ => (days, None),
        };
        [Some(first), second].into_iter().flatten()
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Mjd => "MJD [day]",
            Self::DaysSinceTrigger => "time since trigger [day]",
            Self::Phase { .. } => "phase",
        }
    }
}

/// A light curve, ready to be drawn into a panel.
pub(super) struct Points {
    brightness: Brightness,
    n_observations: usize,
    drawn: Vec<Point>,
}

impl Points {
    pub(super) fn new(
        light_curve: LightCurveView<'_>,
        brightness: Brightness,
        time: TimeAxis,
    ) -> Result<Self> {
        let origin = time.origin(light_curve)?;
        let points = light_curve.iter().flat_map(|observation| {
            time.places(observation.mjd - origin).map(move |x| brightness.point(&observation, x))
        });
        Ok(Self {
            brightness,
            n_observations: light_curve.len(),
            drawn: points.filter(|point| point.y.is_finite()).collect(),
        })
    }

    /// Times, as drawn.
    pub(super) fn times(&self) -> impl Iterator<Item = f64> + '_ {
        self.drawn.iter().map(|point| point.x)
    }

    /// An axis that holds all points and the error bars of detections. Forced photometry may have errors far larger than
    /// the signal: its bars end at the frame.
    pub(super) fn axis(&self) -> Axis {
        let bars =
            self.drawn.iter().filter(|point| point.detection).flat_map(|point| [point.low, point.high]);
        let mut values: Vec<f64> = self.drawn.iter().map(|point| point.y).chain(bars).collect();
        if self.brightness == Brightness::Flux {
            values.push(0.0);
        }
        let scale = match (self.brightness, Scale::around(values, 0.06)) {
            (Brightness::Magnitude, Scale::Linear { low, high }) => Scale::Linear { low: high, high: low },
            (_, scale) => scale,
        };
        Axis::new(self.brightness.label(), scale)
    }

    /// The passbands that occur, blue to red.
    pub(super) fn passbands(&self) -> Vec<Passband> {
        let mut bands: Vec<Passband> = self.drawn.iter().map(|point| point.passband).collect();
        bands.sort_unstable();
        bands.dedup();
        bands
    }

    /// Error bars below hollow markers below filled ones. Bars that their marker hides are left out.
    pub(super) fn draw(&self, canvas: &mut Canvas, panel: &Panel, radius: f64, style: &FigureStyle) {
        let within = |y: f64| y.clamp(panel.frame.y, panel.frame.bottom());
        for band in self.passbands() {
            let stroke = Stroke::new(Colour::of_passband(band), 0.8);
            let of_band =
                |is_limit| self.drawn.iter().filter(move |p| p.passband == band && p.is_limit == is_limit);
            let bars =
                of_band(false).map(|p| (panel.x(p.x), within(panel.y(p.low)), within(panel.y(p.high))));
            canvas.vertical_lines(bars.filter(|(_, low, high)| low - high > 2.0 * radius), stroke, false);
            let arrows =
                of_band(true).map(|p| (panel.x(p.x), panel.y(p.y), within(panel.y(p.y) + 4.0 * radius)));
            canvas.vertical_lines(arrows, stroke, true);
        }
        for detection in [false, true] {
            for band in self.passbands() {
                let points = self.drawn.iter().filter(|p| p.passband == band && p.detection == detection);
                let places = points.map(|point| panel.at(point.x, point.y));
                let fill = if detection { Colour::of_passband(band) } else { style.background };
                canvas.markers(marker(band), places, radius, fill, Some(Stroke::new(outline(band), 0.8)));
            }
        }
    }

    /// Swatches of the passbands, and of what a hollow marker is if there is one.
    pub(super) fn legend(&self, style: &FigureStyle) -> Entries {
        let bands = self.passbands();
        let is_mixed = bands.iter().any(|band| band.system() != bands[0].system());
        let mut entries: Entries = bands
            .iter()
            .map(|&band| {
                let name = if is_mixed { band.to_string() } else { band.letter().to_string() };
                (Swatch::Marker(marker(band), Colour::of_passband(band), outline(band)), name)
            })
            .collect();
        if self.drawn.iter().any(|point| !point.detection && !point.is_limit) {
            let swatch = Swatch::Marker(Marker::Circle, style.background, style.muted());
            entries.push((swatch, "not detected".into()));
        }
        if self.drawn.iter().any(|point| point.is_limit) {
            entries.push((Swatch::Limit(style.muted()), format!("below {LIMIT}σ: limit")));
        }
        entries
    }

    /// Number of observations and bands: the numbers of a sentence.
    pub(super) fn describe(&self) -> String {
        let bands: String = self.passbands().iter().map(|band| band.letter()).collect();
        format!("{} observations in {bands}", self.n_observations)
    }
}

/// The symbols of Rubin Observatory's technical note RTN-045.
fn marker(band: Passband) -> Marker {
    match band.letter() {
        'u' => Marker::Circle,
        'g' => Marker::TriangleUp,
        'r' => Marker::TriangleDown,
        'i' => Marker::Square,
        'z' => Marker::Star,
        _ => Marker::Pentagon,
    }
}

/// A darker edge: the yellow of the i band is faint on white.
fn outline(band: Passband) -> Colour {
    Colour::of_passband(band).mix(Colour::BLACK, 0.35)
}

/// A time axis that holds all of these.
pub(super) fn time_axis(time: TimeAxis, times: impl IntoIterator<Item = f64>) -> Axis {
    Axis::new(time.label(), Scale::around(times, 0.03))
}
