//! Decimals: numbers decoded so that they are compared and divided exactly, whatever their size.

use std::cmp::Ordering;

use super::Value;
use crate::budget::{TooMuchWork, WorkBudget};

/// What a number denotes: sign, digits without zeros at the ends, and the power of ten before the first digit. Equal ones
/// denote the same number, and hash alike.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    /// As ASCII; none: the number is zero.
    digits: Vec<u8>,
    /// The number is 0.DIGITS × 10^exponent.
    exponent: i64,
}

impl Decimal {
    /// Of a number; nothing for what is none, or whose exponent is out of all bounds. Copies the digits.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => Self::of_text(itoa::Buffer::new().format(*number)),
            Value::Number(number) => Self::of_text(number.as_str()),
            _ => None,
        }
    }

    /// Of a text that is a number by the grammar; nothing when its exponent is out of all bounds.
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

    /// By what is denoted.
    pub fn compare(&self, other: &Self) -> Ordering {
        let sign = |of: &Self| match (of.digits.is_empty(), of.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        // The digits have no zeros at their ends, so that a shorter beginning of others is less.
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

    /// Tells whether it has no fraction.
    pub fn is_integer(&self) -> bool {
        i64::try_from(self.digits.len()).is_ok_and(|digits| digits <= self.exponent.max(0))
    }

    /// Tells whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// The number, if it is an integer of at least zero; the largest there is for a larger one.
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

    /// Tells whether it is an integer times a divisor that is not zero, by long division.
    ///
    /// # Errors
    /// When the division takes more work than there is: a digit of this by one of the divisor is a unit.
    pub fn is_multiple_of(&self, divisor: &Self, work: &WorkBudget) -> Result<bool, TooMuchWork> {
        if self.is_zero() {
            return Ok(true);
        }
        let end = |of: &Self| {
            of.exponent
                .saturating_sub(i64::try_from(of.digits.len()).unwrap_or(i64::MAX))
        };
        // Both are integers without zeros at the end, times a power of ten. This one's is to be the larger: an integer that
        // ends in no zero is no multiple of ten.
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

/// Digits as a number that can be multiplied by ten.
fn as_small(digits: &[u8]) -> Option<u128> {
    let small = digits.len() <= SMALL_DIGITS;
    small.then(|| {
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'))
    })
}

/// Tells whether a number divides another, whose digits come one after the other.
fn divides(divisor: &[u8], digits: impl Iterator<Item = u8>) -> bool {
    // The rest is one digit longer than the divisor while the next digit is in it and has not been divided.
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

/// As many digits as a `u128` holds with one more behind them.
const SMALL_DIGITS: usize = 36;

/// Without the digits: they may be anyone's personal data.
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
