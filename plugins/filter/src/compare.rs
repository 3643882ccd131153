//! How two scalars compare.

use core::cmp::Ordering;

use hookgate_sdk::Scalar;

/// Equal values of one kind; numbers by what they denote, not by how they are written.
pub(crate) fn equal(a: &Scalar, b: &Scalar) -> bool {
    a == b || order(a, b) == Some(Ordering::Equal)
}

/// Numbers by what they denote, exactly and whatever their size; texts by their code points; nothing else has an order.
pub(crate) fn order(a: &Scalar, b: &Scalar) -> Option<Ordering> {
    match (a, b) {
        (Scalar::Text(a), Scalar::Text(b)) => Some(a.cmp(b)),
        (Scalar::Integer(a), Scalar::Integer(b)) => Some(a.cmp(b)),
        // The shortest texts of two floats, which is what they stand for here, are in the order of the floats.
        (Scalar::Decimal(a), Scalar::Decimal(b)) => a.partial_cmp(b),
        _ => Some(Digits::of(a)?.compare(&Digits::of(b)?)),
    }
}

/// What a number denotes: its sign, its digits without zeros at the ends, and the power of ten after the first digit.
struct Digits {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Digits {
    /// Nothing of what is no number, or when its exponent is out of all bounds.
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

    /// Of what is not zero. Without zeros at their ends, a shorter beginning of others' digits is less.
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
