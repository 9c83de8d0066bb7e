//! One line of a header: 80 characters.

/// Length of a card.
pub(crate) const CARD: usize = 80;

/// What stands on a card.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// `T` or `F`.
    Logical(bool),
    /// A number without point.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// Text in quotes, quotes and trailing blanks removed.
    Text(String),
    /// Anything else, such as no value at all.
    Other,
}

/// A card as the header needs it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Card {
    /// `KEYWORD = value`, with or without HIERARCH.
    Keyword(String, Value),
    /// `CONTINUE 'more text'`.
    Continue(String),
    /// `END`.
    End,
    /// COMMENT, HISTORY, blanks.
    Comment,
}

impl Card {
    /// Reads 80 bytes; those that are not ASCII count as `?`. What makes no sense is a comment: a header is judged by
    /// the keywords that are needed.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let line: String = bytes
            .iter()
            .map(|&b| if b.is_ascii_graphic() || b == b' ' { char::from(b) } else { '?' })
            .collect();
        let (head, rest) = line.split_at(line.len().min(8));
        match head.trim_end() {
            "END" if rest.trim().is_empty() => Self::End,
            "CONTINUE" => match parse_value(rest) {
                Value::Text(text) => Self::Continue(text),
                _ => Self::Comment,
            },
            "HIERARCH" => match rest.split_once('=') {
                Some((name, value)) => Self::Keyword(name.trim().to_owned(), parse_value(value)),
                None => Self::Comment,
            },
            "COMMENT" | "HISTORY" | "" => Self::Comment,
            name => match rest.strip_prefix('=') {
                Some(value) => Self::Keyword(name.to_owned(), parse_value(value)),
                None => Self::Comment,
            },
        }
    }
}

fn parse_value(text: &str) -> Value {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('\'') {
        return Value::Text(unquote(quoted));
    }
    let text = text.split('/').next().unwrap_or("").trim();
    match text {
        "T" => return Value::Logical(true),
        "F" => return Value::Logical(false),
        _ => {}
    }
    if let Ok(number) = text.parse() {
        return Value::Integer(number);
    }
    // FITS allows D for the exponent; Rust's "inf" and "nan" are no FITS numbers.
    match text.replace(['D', 'd'], "E").parse::<f64>() {
        Ok(number) if number.is_finite() => Value::Real(number),
        _ => Value::Other,
    }
}

/// What stands between the opening quote, already removed, and the closing one; a quote inside is doubled. SNANA cuts
/// long cards so that the closing one may be missing.
fn unquote(quoted: &str) -> String {
    let mut text = String::new();
    let mut characters = quoted.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\'' && characters.next_if_eq(&'\'').is_none() {
            break;
        }
        text.push(character);
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(card: &str) -> Value {
        match Card::parse(format!("{card:<80}").as_bytes()) {
            Card::Keyword(_, value) => value,
            other => panic!("{card}: {other:?}"),
        }
    }

    #[test]
    fn values_are_read_in_all_their_forms() {
        assert_eq!(value("SIMPLE  =                    T / file does conform"), Value::Logical(true));
        assert_eq!(value("BITPIX  =                  -32 / bits"), Value::Integer(-32));
        assert_eq!(value("TZERO5  =           2147483648"), Value::Integer(2_147_483_648));
        assert_eq!(value("SIM_MWRV=                  3.1 / RV"), Value::Real(3.1));
        assert_eq!(value("TSCAL1  = 1.5D+01"), Value::Real(15.0));
        assert_eq!(value("SURVEY  = 'LSST    '           / Survey"), Value::Text("LSST".into()));
        assert_eq!(value("NAME    = 'it''s / here'"), Value::Text("it's / here".into()));
        assert_eq!(value("NAME    = 'no end"), Value::Text("no end".into()));
        assert_eq!(value("NAME    = ''"), Value::Text(String::new()));
        assert_eq!(value("NAXIS   = nan"), Value::Other);
        assert_eq!(value("NAXIS   ="), Value::Other);
    }

    #[test]
    fn long_names_and_other_cards_are_recognised() {
        let parse = |card: &str| Card::parse(format!("{card:<80}").as_bytes());
        assert_eq!(
            parse("HIERARCH PHOTFLAG_DETECT = 4096 / PHOTFLAG mask"),
            Card::Keyword("PHOTFLAG_DETECT".into(), Value::Integer(4096))
        );
        assert_eq!(
            parse("HIERARCH KCOR_FILE= '/global/ROO'"),
            Card::Keyword("KCOR_FILE".into(), Value::Text("/global/ROO".into()))
        );
        assert_eq!(parse("CONTINUE  'libs/a.simlib' / SIMLIB"), Card::Continue("libs/a.simlib".into()));
        assert_eq!(parse("END"), Card::End);
        assert_eq!(parse("COMMENT   = 5"), Card::Comment);
        assert_eq!(parse(""), Card::Comment);
        assert_eq!(Card::parse(&[0xff; 80]), Card::Comment);
        assert_eq!(Card::parse(b"END"), Card::End);
    }
}
