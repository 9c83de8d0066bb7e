//! The frame of every page: head, style, contents, script.

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::error::Result;
use crate::file;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What a page may load: nothing. Style and script that stand in it are all it has.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// A complete HTML file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page(String);

impl Page {
    /// The file's text.
    pub fn html(&self) -> &str {
        &self.0
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`Write`](crate::ReportError::Write).
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        file::write(path.as_ref(), self.0.as_bytes())
    }

    pub(super) fn new(title: &str, lead: &str, sections: &[Section]) -> Self {
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="generator" content=(concat!("heliacal-report ", env!("CARGO_PKG_VERSION")));
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#main" { "Skip to the results" }
                    header {
                        h1 { (title) }
                        p.lead { (lead) }
                        nav aria-label="Contents" {
                            ul {
                                @for section in sections { li { a href={ "#" (section.id) } { (section.heading) } } }
                            }
                        }
                    }
                    main id="main" tabindex="-1" {
                        @for section in sections {
                            section aria-labelledby=(section.id) {
                                h2 id=(section.id) { (section.heading) }
                                (section.body)
                            }
                        }
                    }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        };
        // What HTML forbids even as text, should a name contain it.
        let forbidden = |c: char| c.is_control() && c != '\n' && c != '\t';
        Self(markup.into_string().replace(forbidden, "\u{fffd}"))
    }
}

/// A part of a page under a heading of its own.
#[derive(Debug)]
pub(super) struct Section {
    pub id: &'static str,
    pub heading: &'static str,
    pub body: Markup,
}

impl Section {
    pub const fn new(id: &'static str, heading: &'static str, body: Markup) -> Self {
        Self { id, heading, body }
    }
}
