//! Colours of shares, and text that can be read on them.

/// White for nothing.
const NOTHING: [f64; 3] = [255.0, 255.0, 255.0];
/// Dark blue for all.
const ALL: [f64; 3] = [8.0, 58.0, 122.0];

/// Above this relative luminance black text has the higher contrast, and both have at least 4.5:1 there (WCAG 2, AA).
const BLACK_ABOVE: f64 = 0.179;

/// The background of a share between 0 and 1 as `#rrggbb`, and whether its text is white.
pub(super) fn heat(share: f64) -> (String, bool) {
    let [r, g, b] = colour(share);
    (format!("#{r:02x}{g:02x}{b:02x}"), luminance([r, g, b]) < BLACK_ABOVE)
}

fn colour(share: f64) -> [u8; 3] {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    [0, 1, 2].map(|i| (NOTHING[i] + share * (ALL[i] - NOTHING[i])).round() as u8)
}

/// Relative luminance of sRGB (WCAG 2).
fn luminance(colour: [u8; 3]) -> f64 {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    let [r, g, b] = colour.map(linear);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_can_be_read() {
        for step in 0..=1000 {
            let share = f64::from(step) / 1000.0;
            let (_, is_white) = heat(share);
            let text = if is_white { 1.0 } else { 0.0 };
            let background = luminance(colour(share));
            let contrast = (f64::max(text, background) + 0.05) / (f64::min(text, background) + 0.05);
            assert!(contrast >= 4.5, "{share}: {contrast}");
        }
        assert_eq!(heat(f64::NAN), ("#ffffff".to_owned(), false));
        assert_eq!(heat(1.0), ("#083a7a".to_owned(), true));
    }
}
