//! Figures on a page.

use maud::{Markup, PreEscaped, html};

use crate::Figure;
use crate::error::Result;

/// A figure with its caption; where it could not be drawn, why.
pub(super) fn illustration(figure: &Result<Figure>, caption: &str) -> Markup {
    match figure {
        Ok(figure) => drawn(figure, caption),
        Err(error) => html! { p.note { "Not drawn: " (error) ". " (caption) } },
    }
}

/// A figure with its caption.
pub(super) fn drawn(figure: &Figure, caption: &str) -> Markup {
    html! {
        figure {
            // The SVG is this crate's own: names in it are escaped already.
            div.scroll { (PreEscaped(figure.svg())) }
            figcaption { (caption) }
        }
    }
}
