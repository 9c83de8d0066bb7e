//! One light curve as a CSV file.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use heliacal_lightcurve::{LightCurve, Observation, Passband, PhotometricSystem};

use crate::conventions::DETECTION;
use crate::{ErrorKind, Location, Result, atomic};

/// FLUXCAL's zero point \[mag\].
const ZERO_POINT: f64 = 27.5;
/// A line is not longer \[byte\]: what is, is no CSV file.
const MAX_LINE: u64 = 1 << 16;

const TIME: [&str; 4] = ["time", "mjd", "hmjd", "obsmjd"];
const BAND: [&str; 4] = ["band", "filter", "passband", "flt"];
const MAG: [&str; 3] = ["mag", "magnitude", "magpsf"];
const MAG_ERR: [&str; 5] = ["magerr", "mag_err", "e_mag", "sigmapsf", "magnitude_err"];
const FLUX: [&str; 2] = ["flux", "fluxcal"];
const FLUX_ERR: [&str; 5] = ["fluxerr", "flux_err", "fluxcalerr", "fluxcal_err", "e_flux"];
const DETECTED: [&str; 3] = ["detection", "detected", "photflag"];

/// How a CSV file is read.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvOptions {
    /// What one-letter band names mean.
    pub photometric_system: PhotometricSystem,
    /// Zero point of a column `flux` \[mag\]; fluxes are multiplied by `10^(0.4 (27.5 - zero point))`.
    pub flux_zero_point: f64,
    /// Where a file of fluxes does not say which rows are detections: those with `flux / flux_err` of at least this.
    pub detection_snr: f64,
}

impl Default for CsvOptions {
    /// LSST's bands, fluxes already FLUXCAL, detections at five sigma.
    fn default() -> Self {
        Self { photometric_system: PhotometricSystem::Lsst, flux_zero_point: ZERO_POINT, detection_snr: 5.0 }
    }
}

/// Reads a light curve from a file of comma-separated values with a header line: a time (`time`, `mjd`), a band (`band`,
/// `filter`) and either a magnitude with its error (`mag`, `magerr`) or a flux with its error (`flux`, `fluxerr`), in any
/// order and case; other columns are skipped, and so are empty lines and those that begin with `#`. Values may stand in
/// double quotes.
///
/// ```text
/// FLUXCAL    = 10^(0.4 (27.5 - mag))
/// FLUXCALERR = FLUXCAL * magerr * ln 10 / 2.5
/// ```
///
/// Every magnitude is a detection. Fluxes are detections as a column `detection` (0, 1, true, false) or `photflag` (bit
/// 4096) says, else by [`CsvOptions::detection_snr`].
///
/// ```
/// use heliacal_io::{CsvOptions, read_csv_light_curve};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("star.csv");
/// std::fs::write(&path, "time,mag,magerr,band\n60003,25.0,0.1,r\n60000,27.5,0.2,g\n")?;
///
/// let light_curve = read_csv_light_curve(&path, &CsvOptions::default())?;
/// assert_eq!(light_curve.mjd(), [60000.0, 60003.0]);
/// assert_eq!(light_curve.flux(), [1.0, 10.0]); // 2.5 mag are a factor of ten
/// assert!((light_curve.flux_err()[1] - 0.921_034).abs() < 1e-6);
/// assert_eq!(light_curve.detection(), [true, true]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// - [`ErrorKind::Io`]: the file cannot be read.
/// - [`ErrorKind::MissingColumn`]: the header lacks a time, a band, or a magnitude or flux with its error.
/// - [`ErrorKind::Invalid`]: a value is not what its column should hold, or a line has too few or too many; the row of the
///   location is the line of the file.
pub fn read_csv_light_curve(path: impl AsRef<Path>, options: &CsvOptions) -> Result<LightCurve> {
    let path = path.as_ref();
    let mut lines =
        Lines { path, reader: BufReader::new(atomic::open(path)?), number: 0, text: String::new() };
    if !lines.advance()? {
        let found = "nothing".to_owned();
        return Err(lines.at(None).error(ErrorKind::Invalid { expected: "a header line".to_owned(), found }));
    }
    let header = lines.fields()?;
    let columns = Columns::find(&header).map_err(|kind| lines.at(None).error(kind))?;
    let mut observations = Vec::new();
    while lines.advance()? {
        let row = lines.fields()?;
        if row.len() != header.len() {
            let expected = format!("{} values, as the header", header.len());
            return Err(lines.at(None).error(ErrorKind::Invalid { expected, found: row.len().to_string() }));
        }
        let observation = columns.observation(&row, options);
        observations.push(observation.map_err(|(column, kind)| lines.at(Some(&header[column])).error(kind))?);
    }
    LightCurve::from_observations(observations).map_err(|error| Location::file(path).error(error))
}

/// The lines of a file that say something.
struct Lines<'p, R> {
    path: &'p Path,
    reader: R,
    number: u64,
    text: String,
}

impl<R: BufRead> Lines<'_, R> {
    /// Goes to the next line, if there is one.
    fn advance(&mut self) -> Result<bool> {
        loop {
            self.text.clear();
            self.number += 1;
            let read = self.reader.by_ref().take(MAX_LINE).read_line(&mut self.text);
            let read = read.map_err(|source| self.at(None).error(source))?;
            if read as u64 == MAX_LINE && !self.text.ends_with('\n') {
                let expected = format!("lines shorter than {MAX_LINE} bytes");
                let found = "a longer one".to_owned();
                return Err(self.at(None).error(ErrorKind::Invalid { expected, found }));
            }
            if self.number == 1 && self.text.starts_with('\u{feff}') {
                self.text.remove(0); // byte order mark, as spreadsheets write it
            }
            let text = self.text.trim();
            if read == 0 || !text.is_empty() && !text.starts_with('#') {
                return Ok(read > 0);
            }
        }
    }

    /// The values of the line, without blanks and quotes around them.
    fn fields(&self) -> Result<Vec<String>> {
        let mut fields = vec![String::new()];
        let (mut is_quoted, mut was_quoted) = (false, false);
        let mut letters = self.text.trim_end_matches(['\r', '\n']).chars().peekable();
        while let Some(letter) = letters.next() {
            let last = fields.len() - 1;
            match letter {
                '"' if is_quoted && letters.next_if_eq(&'"').is_some() => fields[last].push('"'),
                '"' if is_quoted => (is_quoted, was_quoted) = (false, true),
                '"' if fields[last].trim().is_empty() && !was_quoted => {
                    fields[last].clear();
                    is_quoted = true;
                }
                ',' if !is_quoted => {
                    fields.push(String::new());
                    was_quoted = false;
                }
                letter if was_quoted && letter.is_whitespace() => {}
                '"' => return Err(self.quoting()),
                _ if was_quoted => return Err(self.quoting()),
                letter => fields[last].push(letter),
            }
        }
        if is_quoted {
            return Err(self.quoting());
        }
        Ok(fields.into_iter().map(|field| field.trim().to_owned()).collect())
    }

    fn quoting(&self) -> crate::Error {
        let expected = "values in quotes that open and close around them".to_owned();
        self.at(None).error(ErrorKind::Invalid { expected, found: "a quote elsewhere".to_owned() })
    }

    fn at(&self, column: Option<&str>) -> Location {
        let mut location = Location::file(self.path).row(self.number);
        location.column = column.map(str::to_owned);
        location
    }
}

/// Where the columns are.
struct Columns {
    time: usize,
    band: usize,
    brightness: usize,
    error: usize,
    is_magnitude: bool,
    detection: Option<usize>,
}

impl Columns {
    fn find(header: &[String]) -> Result<Self, ErrorKind> {
        let find = |names: &[&str]| {
            names.iter().find_map(|name| header.iter().position(|column| column.eq_ignore_ascii_case(name)))
        };
        let required = |names: &[&str]| {
            find(names).ok_or_else(|| ErrorKind::MissingColumn {
                expected: names.join(" or "),
                found: header.to_vec(),
            })
        };
        let (time, band) = (required(&TIME)?, required(&BAND)?);
        let (brightness, error, is_magnitude) = match (find(&MAG), find(&FLUX)) {
            (Some(mag), None) => (mag, required(&MAG_ERR)?, true),
            (None, Some(flux)) => (flux, required(&FLUX_ERR)?, false),
            (None, None) => return Err(required(&[&MAG[..], &FLUX[..]].concat()).expect_err("there is none")),
            (Some(_), Some(_)) => {
                let found = "both".to_owned();
                return Err(ErrorKind::Invalid { expected: "magnitudes or fluxes".to_owned(), found });
            }
        };
        Ok(Self { time, band, brightness, error, is_magnitude, detection: find(&DETECTED) })
    }

    /// An error comes with the column.
    fn observation(&self, row: &[String], options: &CsvOptions) -> Result<Observation, (usize, ErrorKind)> {
        let invalid = |column: usize, expected: &str| {
            (
                column,
                ErrorKind::Invalid { expected: expected.to_owned(), found: format!("{:?}", row[column]) },
            )
        };
        let number = |column: usize| match row[column].parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(invalid(column, "a finite number")),
        };
        let mjd = number(self.time)?;
        let passband = Passband::parse(&row[self.band], options.photometric_system)
            .map_err(|_| invalid(self.band, &format!("a passband of {}", options.photometric_system)))?;
        let (brightness, error) = (number(self.brightness)?, number(self.error)?);
        if error < 0.0 {
            return Err(invalid(self.error, "a number of at least 0"));
        }
        let (flux, flux_err) = if self.is_magnitude {
            let flux = 10_f64.powf(0.4 * (ZERO_POINT - brightness));
            (flux, flux * error * std::f64::consts::LN_10 / 2.5)
        } else {
            let scale = 10_f64.powf(0.4 * (ZERO_POINT - options.flux_zero_point));
            (brightness * scale, error * scale)
        };
        for (column, value) in [(self.brightness, flux), (self.error, flux_err)] {
            if !(value as f32).is_finite() {
                return Err(invalid(column, "a brightness that fits FLUXCAL"));
            }
        }
        let detection = match (self.is_magnitude, self.detection) {
            (true, _) => true,
            (false, None) => flux >= options.detection_snr * flux_err,
            (false, Some(column)) => match &*row[column].to_ascii_lowercase() {
                "1" | "true" => true,
                "0" | "false" => false,
                bits => bits.parse::<i64>().map_err(|_| invalid(column, "0, 1 or bits"))? & DETECTION != 0,
            },
        };
        Ok(Observation { mjd, flux: flux as f32, flux_err: flux_err as f32, passband, detection })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, options: &CsvOptions) -> Result<LightCurve> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lc.csv");
        std::fs::write(&path, text).unwrap();
        read_csv_light_curve(&path, options)
    }

    #[test]
    fn columns_stand_in_any_order_under_any_of_their_names() {
        let expected =
            read("time,mag,magerr,band\n1,20,0.1,r\n2,21,0.2,g\n", &CsvOptions::default()).unwrap();
        for text in [
            "\u{feff}Filter, MagErr ,MJD,ra,mag\r\n r ,0.1,1,9,20\r\n\r\ng,0.2,2,9,21",
            "# made by hand\n\"band\",\"mag\",\"magerr\",\"time\"\n\"r\",20,0.1,1\n#\n\"g\" ,21,0.2,\"2\"\n",
            "time,mag,magerr,band,note\n2,21,0.2,g,\"a, \"\"b\"\"\"\n1,20,0.1,r,\n",
        ] {
            assert_eq!(read(text, &CsvOptions::default()).unwrap(), expected, "{text}");
        }
        assert!(read("time,mag,magerr,band\n", &CsvOptions::default()).unwrap().is_empty());
    }

    #[test]
    fn fluxes_are_scaled_and_detected() {
        let options = CsvOptions { flux_zero_point: 30.0, ..CsvOptions::default() };
        let light_curve = read("mjd,band,flux,fluxerr\n1,g,-5,1\n2,r,50,10\n3,i,49,10\n", &options).unwrap();
        assert_eq!(light_curve.flux(), [-0.5, 5.0, 4.9]);
        assert_eq!(light_curve.detection(), [false, true, false]);
        let flagged = read("mjd,band,flux,fluxerr,photflag\n1,g,1,1,4096\n2,r,50,1,0\n", &options).unwrap();
        assert_eq!(flagged.detection(), [true, false]);
        assert!(read("mjd,band,flux,fluxerr,photflag\n1,g,1,1,yes\n", &options).is_err());
    }

    #[test]
    fn errors_name_line_and_column() {
        let message = |text: &str| read(text, &CsvOptions::default()).unwrap_err().to_string();
        let ends = |text: &str, end: &str| {
            let message = message(text);
            assert!(message.ends_with(end), "{message}");
        };
        ends(
            "time,mag,magerr,band\n1,20,0.1,r\n\n2,,0.1,r\n",
            "row 4, column mag: found \"\", expected a finite number",
        );
        ends(
            "time,mag,magerr,band\n1,20,-1,r\n",
            "row 2, column magerr: found \"-1\", expected a number of at least 0",
        );
        ends(
            "time,mag,magerr,band\n1,20,1,R\n",
            "row 2, column band: found \"R\", expected a passband of LSST",
        );
        ends("time,mag,magerr,band\n1,20,1\n", "row 2: found 3, expected 4 values, as the header");
        ends(
            "time,mag,magerr,band\n1,-200,1,r\n",
            "column mag: found \"-200\", expected a brightness that fits FLUXCAL",
        );
        ends(
            "time,mag,band\n",
            "no column magerr or mag_err or e_mag or sigmapsf or magnitude_err; there are time, mag, band",
        );
        ends("", "row 1: found nothing, expected a header line");
        ends(
            "time,mag,magerr,band\n1,\"20,1,r\n",
            "found a quote elsewhere, expected values in quotes that open and close around them",
        );
        ends(
            "time,mag,magerr,band\n1,2\"0,1,r\n",
            "found a quote elsewhere, expected values in quotes that open and close around them",
        );
        assert!(message(&"x".repeat(1 << 17)).contains("a longer one"));
    }
}
