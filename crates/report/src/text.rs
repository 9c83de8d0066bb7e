//! Text in figures: what XML allows, how wide it is, what fits.

use std::borrow::Cow;

/// Advance widths of DejaVu Sans from blank to `~` \[1/1000 of the font size\].
const WIDTHS: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636,
    636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295,
    295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838,
    500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521,
    392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];

/// Width of a text \[px\]: exact for ASCII in DejaVu Sans, an upper guess for the rest.
pub(crate) fn width(text: &str, font_size: f64) -> f64 {
    let thousandths: f64 = text.chars().map(char_width).sum();
    thousandths * font_size / 1000.0
}

fn char_width(c: char) -> f64 {
    match c {
        ' '..='~' => f64::from(WIDTHS[c as usize - ' ' as usize]),
        '⁰'..='⁹' | '¹' | '²' | '³' => 401.0,
        '·' | 'ι' => 350.0,
        // Combining marks stand on the letter before.
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' => 0.0,
        // Latin, Greek and Cyrillic letters.
        '\u{a0}'..='\u{52f}' => 720.0,
        _ => 1000.0,
    }
}

/// The text, or as much of its beginning as fits, with an ellipsis.
pub(crate) fn fit(text: &str, room: f64, font_size: f64) -> Cow<'_, str> {
    if width(text, font_size) <= room {
        return Cow::Borrowed(text);
    }
    let mut left = room - width("…", font_size);
    let mut kept = String::new();
    for c in text.chars() {
        left -= char_width(c) * font_size / 1000.0;
        if left < 0.0 {
            break;
        }
        kept.push(c);
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    Cow::Owned(kept)
}

/// Appends text so that it is text in XML, whatever it holds. Characters that XML forbids, and those that turn the direction
/// of the writing around, become U+FFFD.
pub(crate) fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{fffe}'
            | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        assert_eq!(width("SNIa", 1000.0), 635.0 + 748.0 + 295.0 + 613.0);
        assert_eq!(width("", 12.0), 0.0);
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        assert_eq!(fit("SNIa", 100.0, 12.0), "SNIa");
        let long = "x".repeat(200);
        let short = fit(&long, 60.0, 12.0);
        assert!(short.ends_with('…') && width(&short, 12.0) <= 60.0 && short.len() > 4, "{short}");
        assert_eq!(fit("abc", 0.0, 12.0), "…");
    }

    #[test]
    fn markup_and_control_characters_become_text() {
        let mut out = String::new();
        escape_into(&mut out, "<a href='x'>\"&\u{0}\u{202e}\n☄");
        assert_eq!(out, "&lt;a href=&#39;x&#39;&gt;&quot;&amp;\u{fffd}\u{fffd} ☄");
    }
}
