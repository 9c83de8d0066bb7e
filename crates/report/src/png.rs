//! SVG to PNG.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};

use crate::error::{ReportError, Result};

/// 400 MB while it is drawn.
const MOST_PIXELS: u64 = 100_000_000;

pub(crate) fn render(svg: &str, (width, height): (f64, f64), scale: f64) -> Result<Vec<u8>> {
    let size = |length: f64| (length * scale).round();
    let pixels = size(width) * size(height);
    if !(1.0..=MOST_PIXELS as f64).contains(&pixels) {
        return Err(ReportError::PngSize { width, height, scale, limit: MOST_PIXELS });
    }
    let refused = |reason: String| ReportError::Png { reason };
    let options = usvg::Options { fontdb: fonts(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| refused(error.to_string()))?;
    let mut pixmap = Pixmap::new(size(width) as u32, size(height) as u32).ok_or(ReportError::PngSize {
        width,
        height,
        scale,
        limit: MOST_PIXELS,
    })?;
    resvg::render(&tree, Transform::from_scale(scale as f32, scale as f32), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| refused(error.to_string()))
}

/// DejaVu Sans in two weights, and nothing of the machine's: fresh machines have no fonts, and pictures that depend on what
/// is installed cannot be compared.
fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    FONTS
        .get_or_init(|| {
            let mut fonts = fontdb::Database::new();
            fonts.load_font_source(fontdb::Source::Binary(Arc::new(dejavu::sans::regular())));
            fonts.load_font_source(fontdb::Source::Binary(Arc::new(dejavu::sans::bold())));
            // Whatever family an SVG names, this is what there is.
            fonts.set_sans_serif_family("DejaVu Sans");
            fonts.set_serif_family("DejaVu Sans");
            fonts.set_monospace_family("DejaVu Sans");
            Arc::new(fonts)
        })
        .clone()
}
