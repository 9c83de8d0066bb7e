//! A strict reader of the HTML that pages are written in.

use std::collections::HashSet;

const VOID: [&str; 2] = ["meta", "br"];

/// Panics with the fault and where it is: an element that is not closed or closed by another, an attribute that is not quoted or
/// comes twice, an id that comes twice, a stray `<`, a character that HTML forbids. Gives the names of all elements.
pub fn check(html: &str) -> Vec<String> {
    let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    let (mut open, mut all, mut ids) = (Vec::<String>::new(), Vec::new(), HashSet::new());
    let control = |c: char| c.is_control() && !['\n', '\t', '\r'].contains(&c);
    assert!(!html.contains(control), "a control character");
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let near: String = rest.chars().take(120).collect();
        if let Some(closing) = rest.strip_prefix('/') {
            let end = closing.find('>').unwrap_or_else(|| panic!("no end: {near}"));
            assert_eq!(open.pop().as_deref(), Some(&closing[..end]), "closes another: {near}");
            rest = &closing[end + 1..];
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(0);
        assert!(end > 0, "a stray <: {near}");
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut seen = HashSet::new();
        let is_closed = loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>") {
                rest = after;
                break true;
            }
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break false;
            }
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-:_".contains(c)));
            let end = end.filter(|&end| end > 0).unwrap_or_else(|| panic!("no attribute: {near}"));
            let attribute = &rest[..end];
            assert!(seen.insert(attribute), "{attribute} twice: {near}");
            rest = &rest[end..];
            if let Some(value) = rest.strip_prefix("=\"") {
                let end = value.find('"').unwrap_or_else(|| panic!("no closing quote: {near}"));
                assert!(attribute != "id" || ids.insert(value[..end].to_owned()), "id twice: {near}");
                rest = &value[end + 1..];
            }
        };
        all.push(name.clone());
        if ["script", "style"].contains(&&*name) {
            let end = rest.find(&format!("</{name}>")).expect("script and style end");
            rest = &rest[end + name.len() + 3..];
        } else if !VOID.contains(&&*name) && !is_closed {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    all
}

#[test]
#[should_panic(expected = "closes another")]
fn finds_what_is_not_closed() {
    check("<!DOCTYPE html><p><b></p>");
}

#[test]
#[should_panic(expected = "a stray <")]
fn finds_what_is_not_escaped() {
    check("<!DOCTYPE html><p>1 < 2</p>");
}
