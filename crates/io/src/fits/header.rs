//! The header of an HDU.

use std::path::Path;

use super::BLOCK;
use super::card::{CARD, Card, Value};
use super::stream::Stream;
use crate::{Error, ErrorKind, Location, Result};

/// More blocks than a header of 999 columns with 20 cards each needs.
const MAX_BLOCKS: usize = 640;

/// Keywords and values, the first of each name.
#[derive(Debug)]
pub(crate) struct Header {
    location: Location,
    cards: Vec<(String, Value)>,
}

impl Header {
    /// Reads blocks up to END. None where the file ends before the first of them.
    pub(crate) fn read(stream: &mut Stream, path: &Path, hdu: usize) -> Result<Option<Self>> {
        let location = Location::file(path).hdu(hdu);
        let mut cards: Vec<(String, Value)> = Vec::new();
        let mut continues = false;
        let mut block = [0; BLOCK];
        for n_blocks in 0..MAX_BLOCKS {
            let found = stream.fill(&mut block).map_err(|source| location.clone().error(source))?;
            if found == 0 && n_blocks == 0 {
                return Ok(None);
            }
            if n_blocks == 0 && !block.starts_with(if hdu == 0 { b"SIMPLE  =" } else { b"XTENSION=" }) {
                return Err(location.error(ErrorKind::Invalid {
                    expected: if hdu == 0 { "keyword SIMPLE" } else { "keyword XTENSION" }.into(),
                    found: format!("{:?}", String::from_utf8_lossy(&block[..found.min(8)])),
                }));
            }
            if found < BLOCK {
                let before = (n_blocks * BLOCK) as u64;
                return Err(location.error(ErrorKind::Truncated {
                    expected: before + BLOCK as u64,
                    found: before + found as u64,
                    unit: "bytes of a header",
                }));
            }
            for card in block.chunks_exact(CARD) {
                match Card::parse(card) {
                    Card::End => return Ok(Some(Self { location, cards })),
                    Card::Keyword(name, value) => {
                        continues = matches!(value, Value::Text(_));
                        cards.push((name, value));
                    }
                    Card::Continue(more) if continues => {
                        if let Some((_, Value::Text(text))) = cards.last_mut() {
                            text.truncate(text.strip_suffix('&').unwrap_or(text).len());
                            text.push_str(&more);
                        }
                    }
                    Card::Continue(_) | Card::Comment => continues = false,
                }
            }
        }
        Err(location
            .error(ErrorKind::Unsupported { what: format!("a header of more than {MAX_BLOCKS} blocks") }))
    }

    /// Where the header stands.
    pub(crate) fn location(&self) -> Location {
        self.location.clone()
    }

    /// All keywords in order.
    pub(crate) fn cards(&self) -> &[(String, Value)] {
        &self.cards
    }

    /// The value of a keyword.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.cards.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The value of a keyword that holds text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The value of a keyword that holds an integer.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// A required size: an integer of at least zero.
    pub(crate) fn size(&self, name: &str) -> Result<u64> {
        match self.get(name) {
            Some(&Value::Integer(number)) if number >= 0 => Ok(number.unsigned_abs()),
            found => Err(self.invalid(name, "an integer of at least 0", found)),
        }
    }

    /// Fails unless a keyword has this value.
    pub(crate) fn expect(&self, name: &str, expected: &Value) -> Result<()> {
        match self.get(name) {
            Some(found) if found == expected => Ok(()),
            found => Err(self.invalid(name, &show(expected), found)),
        }
    }

    fn invalid(&self, name: &str, expected: &str, found: Option<&Value>) -> Error {
        self.location.clone().error(ErrorKind::Invalid {
            expected: format!("{name} to be {expected}"),
            found: found.map_or_else(|| "no such keyword".into(), show),
        })
    }

    /// Bytes of data after this header, without padding.
    pub(crate) fn data_bytes(&self) -> Result<u64> {
        let bits = match self.get("BITPIX") {
            Some(&Value::Integer(bits @ (8 | 16 | 32 | 64 | -32 | -64))) => bits.unsigned_abs(),
            found => return Err(self.invalid("BITPIX", "one of 8, 16, 32, 64, -32, -64", found)),
        };
        let n_axes = self.size("NAXIS")?;
        if n_axes > 999 {
            return Err(self.invalid("NAXIS", "at most 999", self.get("NAXIS")));
        }
        let optional = |name| if self.get(name).is_some() { self.size(name).map(Some) } else { Ok(None) };
        let groups = optional("GCOUNT")?.unwrap_or(1);
        let heap = optional("PCOUNT")?.unwrap_or(0);
        let mut elements = u64::from(n_axes > 0);
        for axis in 1..=n_axes {
            elements = elements.saturating_mul(self.size(&format!("NAXIS{axis}"))?);
        }
        elements
            .checked_add(heap)
            .and_then(|n| n.checked_mul(groups))
            .and_then(|n| n.checked_mul(bits / 8))
            .filter(|&n| elements < u64::MAX && n < u64::MAX - BLOCK as u64)
            .ok_or_else(|| {
                self.location().error(ErrorKind::Unsupported { what: "a data unit of such a size".into() })
            })
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Logical(true) => "T".into(),
        Value::Logical(false) => "F".into(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Other => "no value".into(),
    }
}
