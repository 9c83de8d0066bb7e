//! Colours that colour-blind readers can tell apart.

use std::fmt;

use heliacal_lightcurve::Passband;

/// A colour, sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
}

impl Colour {
    /// Black.
    pub const BLACK: Self = Self::hex(0x00_00_00);
    /// White.
    pub const WHITE: Self = Self::hex(0xff_ff_ff);
    /// The eight colours of Okabe and Ito (2008), the pale yellow last because it is faint on white.
    pub const OKABE_ITO: [Self; 8] = [
        Self::hex(0x00_72_b2),
        Self::hex(0xd5_5e_00),
        Self::hex(0x00_9e_73),
        Self::hex(0xcc_79_a7),
        Self::hex(0xe6_9f_00),
        Self::hex(0x56_b4_e9),
        Self::hex(0x33_33_33),
        Self::hex(0xd8_c8_00),
    ];

    /// From `0xrrggbb`; higher bits do not count.
    pub const fn hex(rgb: u32) -> Self {
        Self { red: (rgb >> 16) as u8, green: (rgb >> 8) as u8, blue: rgb as u8 }
    }

    /// The colour of a passband: those of Rubin Observatory's technical note RTN-045 for a light background, chosen to be
    /// told apart by colour-blind readers; ZTF's `g r i` take LSST's.
    pub const fn of_passband(passband: Passband) -> Self {
        Self::hex(match passband.letter().to_ascii_lowercase() {
            'u' => 0x0c_71_ff,
            'g' => 0x49_be_61,
            'r' => 0xc6_1c_00,
            'i' => 0xff_c2_00,
            'z' => 0xf3_41_a2,
            _ => 0x5d_00_00,
        })
    }

    /// The colour at a share `t` of the way to another; beyond the ends, the end.
    #[must_use]
    pub fn mix(self, other: Self, t: f64) -> Self {
        let t = t.clamp(0.0, 1.0);
        let channel = |a: u8, b: u8| (f64::from(a) + t * (f64::from(b) - f64::from(a))).round() as u8;
        Self {
            red: channel(self.red, other.red),
            green: channel(self.green, other.green),
            blue: channel(self.blue, other.blue),
        }
    }

    /// Relative luminance, 0 of black to 1 of white (WCAG 2.2).
    pub fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// Contrast between two colours, 1 to 21 (WCAG 2.2).
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Black or white, whichever is read better on this colour.
    #[must_use]
    pub fn text_on(self) -> Self {
        if self.contrast(Self::BLACK) >= self.contrast(Self::WHITE) { Self::BLACK } else { Self::WHITE }
    }
}

impl fmt::Display for Colour {
    /// `#0072b2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// Colours for numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColourMap {
    /// Dark blue to yellow, even to the eye (matplotlib's viridis, sampled).
    Viridis,
    /// White to dark blue: small numbers vanish into the paper.
    Blues,
    /// Blue over white to orange, for differences around zero (ends: Okabe and Ito).
    Diverging,
}

impl ColourMap {
    /// The colour of a share from 0 to 1; NaN is grey.
    pub fn at(self, t: f64) -> Colour {
        const VIRIDIS: [u32; 9] = [
            0x44_01_54, 0x47_2d_7b, 0x3b_52_8b, 0x2c_72_8e, 0x21_91_8c, 0x28_ae_80, 0x5e_c9_62, 0xad_dc_30,
            0xfd_e7_25,
        ];
        const BLUES: [u32; 5] = [0xff_ff_ff, 0xcf_e1_f2, 0x8b_bf_de, 0x34_80_bd, 0x08_30_6b];
        const DIVERGING: [u32; 5] = [0x00_4c_7d, 0x5a_a5_d1, 0xff_ff_ff, 0xe8_92_4d, 0x9c_42_00];
        if t.is_nan() {
            return Colour::hex(0xd9_d9_d9);
        }
        let stops: &[u32] = match self {
            Self::Viridis => &VIRIDIS,
            Self::Blues => &BLUES,
            Self::Diverging => &DIVERGING,
        };
        let place = t.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
        let below = (place as usize).min(stops.len() - 2);
        Colour::hex(stops[below]).mix(Colour::hex(stops[below + 1]), place - below as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        assert_eq!(Colour::BLACK.contrast(Colour::WHITE), 21.0);
        // The grey that is commonly named as the lightest allowed for text on white: 4.54.
        assert!((Colour::hex(0x76_76_76).contrast(Colour::WHITE) - 4.54).abs() < 0.005);
        assert_eq!(Colour::hex(0xff_c2_00).text_on(), Colour::BLACK);
        assert_eq!(Colour::hex(0x08_30_6b).text_on(), Colour::WHITE);
    }

    #[test]
    fn maps_run_from_end_to_end() {
        assert_eq!(ColourMap::Viridis.at(0.0), Colour::hex(0x44_01_54));
        assert_eq!(ColourMap::Viridis.at(7.0), Colour::hex(0xfd_e7_25));
        assert_eq!(ColourMap::Diverging.at(0.5), Colour::WHITE);
        assert_eq!(ColourMap::Blues.at(f64::NAN).to_string(), "#d9d9d9");
    }

    #[test]
    fn sequential_maps_change_monotonically_in_luminance() {
        for (map, sign) in [(ColourMap::Viridis, 1.0), (ColourMap::Blues, -1.0)] {
            let luminance: Vec<f64> =
                (0..=100).map(|i| sign * map.at(f64::from(i) / 100.0).luminance()).collect();
            assert!(luminance.is_sorted(), "{map:?}");
        }
    }
}
