//! Decimals: exact comparison and division of JSON numbers of any size.

use std::cmp::Ordering;

use super::Value;
use crate::budget::{TooMuchWork, WorkBudget};

/// Exact value of a number: sign, digits without leading and trailing zeros, and decimal exponent.
///
/// Equal decimals denote the same number and have the same hash.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    /// ASCII digits; empty for zero.
    digits: Vec<u8>,
    /// The number is 0.DIGITS × 10^exponent.
    exponent: i64,
}

impl Decimal {
    /// Decodes a number; `None` for other values and for an exponent out of range.
    ///
    /// Copies the digits.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => Self::of_text(itoa::Buffer::new().format(*number)),
            Value::Number(number) => Self::of_text(number.as_str()),
            _ => None,
        }
    }

    /// Decodes a text that matches the number grammar; `None` if the exponent is out of range.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let negative = mantissa.starts_with('-');
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('-');
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..zeros);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let shift = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()?;
        let exponent = exponent.parse::<i64>().ok()?.checked_add(shift)?;
        Some(Self {
            negative: negative && !digits.is_empty(),
            exponent: if digits.is_empty() { 0 } else { exponent },
            digits,
        })
    }

    /// Compares by numeric value.
    pub fn compare(&self, other: &Self) -> Ordering {
        let sign = |of: &Self| match (of.digits.is_empty(), of.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        // The digits have no trailing zeros, so a proper prefix is the smaller number.
        let size = || {
            let exponents = self.exponent.cmp(&other.exponent);
            exponents.then_with(|| self.digits.cmp(&other.digits))
        };
        match (sign(self), sign(other)) {
            (1, 1) => size(),
            (-1, -1) => size().reverse(),
            (a, b) => a.cmp(&b),
        }
    }

    /// Checks whether the number is an integer.
    pub fn is_integer(&self) -> bool {
        i64::try_from(self.digits.len()).is_ok_and(|digits| digits <= self.exponent.max(0))
    }

    /// Checks whether the number is zero.
    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Converts a non-negative integer to `u64`, saturating; `None` for other numbers.
    pub fn to_count(&self) -> Option<u64> {
        if self.negative || !self.is_integer() {
            return None;
        }
        let zeros = self.exponent - i64::try_from(self.digits.len()).ok()?;
        let digits = self.digits.iter().try_fold(0_u64, |sum, digit| {
            sum.checked_mul(10)?.checked_add((digit - b'0').into())
        });
        let power = u32::try_from(zeros)
            .ok()
            .and_then(|zeros| 10_u64.checked_pow(zeros));
        let count = digits
            .zip(power)
            .and_then(|(digits, power)| digits.checked_mul(power));
        Some(if self.is_zero() {
            0
        } else {
            count.unwrap_or(u64::MAX)
        })
    }

    /// Checks whether the number is an integer multiple of a non-zero divisor, by long division.
    ///
    /// # Errors
    /// The division exceeds the work budget. The cost is one unit per digit of the number and digit
    /// of the divisor.
    pub fn is_multiple_of(&self, divisor: &Self, work: &WorkBudget) -> Result<bool, TooMuchWork> {
        if self.is_zero() {
            return Ok(true);
        }
        let end = |of: &Self| {
            of.exponent
                .saturating_sub(i64::try_from(of.digits.len()).unwrap_or(i64::MAX))
        };
        // Both are integers without trailing zeros, times a power of ten. The exponent of the
        // dividend must be the larger one: an integer without trailing zeros is not a multiple of
        // ten.
        let Ok(zeros) = u64::try_from(end(self).saturating_sub(end(divisor))) else {
            return Ok(false);
        };
        let zeros = usize::try_from(zeros).unwrap_or(usize::MAX);
        let steps = self.digits.len().saturating_add(zeros);
        work.charge_len(steps.saturating_mul(divisor.digits.len()))?;
        let digits = self.digits.iter().copied();
        let digits = digits.chain(std::iter::repeat_n(b'0', zeros));
        Ok(match as_small(&divisor.digits) {
            Some(divisor) => {
                digits.fold(0_u128, |rest, digit| {
                    (rest * 10 + u128::from(digit - b'0')) % divisor
                }) == 0
            }
            None => divides(&divisor.digits, digits),
        })
    }
}

/// Converts digits to an integer that can be multiplied by ten without overflow.
fn as_small(digits: &[u8]) -> Option<u128> {
    let small = digits.len() <= SMALL_DIGITS;
    small.then(|| {
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'))
    })
}

/// Checks whether a number divides another, which is given digit by digit.
fn divides(divisor: &[u8], digits: impl Iterator<Item = u8>) -> bool {
    // The remainder is one digit longer than the divisor after the next digit is appended and
    // before it is reduced.
    let len = divisor.len() + 1;
    let (mut rest, mut padded) = (vec![0_u8; len], vec![0_u8; 1]);
    padded.extend(divisor.iter().map(|digit| digit - b'0'));
    for digit in digits {
        rest.rotate_left(1);
        rest[len - 1] = digit - b'0';
        while rest >= padded {
            let mut borrow = 0;
            for at in (0..len).rev() {
                let take = padded[at] + borrow;
                borrow = u8::from(rest[at] < take);
                rest[at] = rest[at] + 10 * borrow - take;
            }
        }
    }
    rest.iter().all(|&digit| digit == 0)
}

/// Maximum number of digits for which a `u128` has room for one further digit.
const SMALL_DIGITS: usize = 36;

/// Omits the digits: they can be personal data.
impl std::fmt::Debug for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "decimal of {} digits", self.digits.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::of_text(text).unwrap()
    }

    #[test]
    fn integers_are_told_from_fractions_at_any_size() {
        for (text, integer) in [
            ("0", true),
            ("-0.0", true),
            ("1.0", true),
            ("9007199254740992.5", false),
            ("1e400", true),
            ("1e-400", false),
            ("12.5e1", true),
            ("12.55e1", false),
        ] {
            assert_eq!(decimal(text).is_integer(), integer, "{text}");
        }
        for (text, count) in [
            ("0", Some(0)),
            ("2.0", Some(2)),
            ("1e2", Some(100)),
            ("-1", None),
            ("0.5", None),
            ("18446744073709551615", Some(u64::MAX)),
            ("1e400", Some(u64::MAX)),
        ] {
            assert_eq!(decimal(text).to_count(), count, "{text}");
        }
    }

    #[test]
    fn multiples_are_exact() {
        let long = format!("{}0", "123456789".repeat(6));
        let longer = format!("{}1", "123456789".repeat(6));
        for (number, divisor, multiple) in [
            ("0", "7", true),
            ("21", "7", true),
            ("-21", "7", true),
            ("22", "7", false),
            ("4.02", "0.01", true),
            ("0.0075", "0.0001", true),
            ("0.00751", "0.0001", false),
            ("1e400", "3", false),
            ("3e400", "3", true),
            ("1", "10", false),
            ("10", "100", false),
            ("12345678901234567890124", "12345678901234567890123", false),
            ("1e-400", "1e-401", true),
            ("1", "0.3", false),
            (&long, &longer, false),
            (&longer, &longer, true),
            (
                "123456789123456789123456789123456789123456789",
                "123456789123456789123456789123456789123456789e1",
                false,
            ),
            (
                "246913578246913578246913578246913578246913578",
                "123456789123456789123456789123456789123456789",
                true,
            ),
        ] {
            let work = WorkBudget::new(1 << 20);
            let is = decimal(number).is_multiple_of(&decimal(divisor), &work);
            assert_eq!(is, Ok(multiple), "{number} {divisor}");
        }
        let work = WorkBudget::new(1 << 20);
        assert!(
            decimal("1e999999999")
                .is_multiple_of(&decimal("7"), &work)
                .is_err()
        );
    }
}
