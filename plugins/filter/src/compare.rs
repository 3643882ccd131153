//! Comparison of two scalars.

use core::cmp::Ordering;

use hookgate_sdk::Scalar;

/// Returns `true` for equal values of one kind; numbers are compared by value, not by notation.
pub(crate) fn equal(a: &Scalar, b: &Scalar) -> bool {
    a == b || order(a, b) == Some(Ordering::Equal)
}

/// Orders numbers by value, exactly and at any size, and strings by code points; nothing else has
/// an order.
pub(crate) fn order(a: &Scalar, b: &Scalar) -> Option<Ordering> {
    match (a, b) {
        (Scalar::Text(a), Scalar::Text(b)) => Some(a.cmp(b)),
        (Scalar::Integer(a), Scalar::Integer(b)) => Some(a.cmp(b)),
        // The scalars hold the shortest texts of two floats, whose order is that of the floats.
        (Scalar::Decimal(a), Scalar::Decimal(b)) => a.partial_cmp(b),
        _ => Some(Digits::of(a)?.compare(&Digits::of(b)?)),
    }
}

/// A normalised number: its sign, its digits without zeros at the ends, and the power of ten after
/// the first digit.
struct Digits {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Digits {
    /// Normalises a number; `None` for another kind, and for an exponent out of range.
    fn of(scalar: &Scalar) -> Option<Self> {
        match scalar {
            Scalar::Integer(value) => Self::of_text(&value.to_string()),
            Scalar::Decimal(value) => Self::of_text(&format!("{value:e}")),
            Scalar::RawNumber(text) => Self::of_text(text),
            _ => None,
        }
    }

    fn of_text(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let shift = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()?;
        Some(Self {
            negative,
            exponent: exponent.parse::<i64>().ok()?.checked_add(shift)?,
            digits,
        })
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self.sign(), other.sign()) {
            (1, 1) => self.compare_size(other),
            (-1, -1) => other.compare_size(self),
            (a, b) => a.cmp(&b),
        }
    }

    /// Compares magnitudes of numbers other than zero. Digits have no zeros at their ends, so a
    /// proper prefix is less.
    fn compare_size(&self, other: &Self) -> Ordering {
        let exponents = self.exponent.cmp(&other.exponent);
        exponents.then_with(|| self.digits.cmp(&other.digits))
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}
