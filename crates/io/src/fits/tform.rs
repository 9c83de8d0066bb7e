//! TFORMn: what a column of a binary table holds.

use std::fmt;

/// Type of the elements of a column (standard 4.0, table 18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `L`.
    Logical,
    /// `X`.
    Bit,
    /// `B`, unsigned.
    U8,
    /// `I`.
    I16,
    /// `J`.
    I32,
    /// `K`.
    I64,
    /// `A`.
    Text,
    /// `E`.
    F32,
    /// `D`.
    F64,
    /// `C`.
    Complex32,
    /// `M`.
    Complex64,
    /// `P`.
    Descriptor32,
    /// `Q`.
    Descriptor64,
}

/// A TFORM: repeat count and type, such as `16A` or `E`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TForm {
    pub(crate) repeat: u64,
    pub(crate) kind: Kind,
}

impl TForm {
    /// Reads `rTa`: a missing `r` is 1, and what follows the letter (`PE(20)`, `12A4`) is not looked at.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let repeat = if digits == 0 { 1 } else { text[..digits].parse().ok()? };
        let kind = match text.as_bytes().get(digits)? {
            b'L' => Kind::Logical,
            b'X' => Kind::Bit,
            b'B' => Kind::U8,
            b'I' => Kind::I16,
            b'J' => Kind::I32,
            b'K' => Kind::I64,
            b'A' => Kind::Text,
            b'E' => Kind::F32,
            b'D' => Kind::F64,
            b'C' => Kind::Complex32,
            b'M' => Kind::Complex64,
            b'P' => Kind::Descriptor32,
            b'Q' => Kind::Descriptor64,
            _ => return None,
        };
        Some(Self { repeat, kind })
    }

    /// Bytes in a row; none where that is more than a u64 holds.
    pub(crate) fn width(self) -> Option<u64> {
        let element = match self.kind {
            Kind::Bit => return Some(self.repeat.div_ceil(8)),
            Kind::Logical | Kind::U8 | Kind::Text => 1,
            Kind::I16 => 2,
            Kind::I32 | Kind::F32 => 4,
            Kind::I64 | Kind::F64 | Kind::Complex32 | Kind::Descriptor32 => 8,
            Kind::Complex64 | Kind::Descriptor64 => 16,
        };
        self.repeat.checked_mul(element)
    }

    /// Whether a row holds exactly one number.
    pub(crate) fn is_number(self) -> bool {
        self.is_integer() || (self.repeat == 1 && matches!(self.kind, Kind::F32 | Kind::F64))
    }

    /// Whether a row holds exactly one integer.
    pub(crate) fn is_integer(self) -> bool {
        self.repeat == 1 && matches!(self.kind, Kind::U8 | Kind::I16 | Kind::I32 | Kind::I64)
    }
}

impl fmt::Display for TForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.kind {
            Kind::Logical => 'L',
            Kind::Bit => 'X',
            Kind::U8 => 'B',
            Kind::I16 => 'I',
            Kind::I32 => 'J',
            Kind::I64 => 'K',
            Kind::Text => 'A',
            Kind::F32 => 'E',
            Kind::F64 => 'D',
            Kind::Complex32 => 'C',
            Kind::Complex64 => 'M',
            Kind::Descriptor32 => 'P',
            Kind::Descriptor64 => 'Q',
        };
        write!(f, "{}{letter}", self.repeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_standard() {
        for (text, width) in [
            ("L", 1),
            ("1X", 1),
            ("8X", 1),
            ("9X", 2),
            ("0X", 0),
            ("3B", 3),
            ("I", 2),
            ("1J", 4),
            ("K", 8),
            ("16A", 16),
            ("16A4", 16),
            ("0A", 0),
            ("E", 4),
            ("2D", 16),
            ("C", 8),
            ("M", 16),
            ("1PE(400)", 8),
            ("0P", 0),
            ("QD", 16),
            (" 1E  ", 4),
        ] {
            assert_eq!(TForm::parse(text).and_then(TForm::width), Some(width), "{text}");
        }
        for text in ["", "12", "Z", "1e", "-1E", "99999999999999999999E", "\u{e9}"] {
            assert_eq!(TForm::parse(text), None, "{text}");
        }
        assert_eq!(TForm::parse("18446744073709551615D").and_then(TForm::width), None);
        assert_eq!(TForm::parse("18446744073709551615X").and_then(TForm::width), Some(1 << 61));
    }
}
