//! How two scalars compare.

use core::cmp::Ordering;

use hookgate_sdk::Scalar;

/// Equal values of one kind; numbers by what they are, not by how they are written.
pub(crate) fn equal(a: &Scalar, b: &Scalar) -> bool {
    a == b || order(a, b) == Some(Ordering::Equal)
}

/// Numbers by size, texts by their code points; nothing else has an order.
pub(crate) fn order(a: &Scalar, b: &Scalar) -> Option<Ordering> {
    match (a, b) {
        (Scalar::Text(a), Scalar::Text(b)) => Some(a.cmp(b)),
        (Scalar::Integer(a), Scalar::Integer(b)) => Some(a.cmp(b)),
        _ => number(a)?.partial_cmp(&number(b)?),
    }
}

/// The nearest float. Only integers among themselves are compared beyond its 53 bits.
fn number(scalar: &Scalar) -> Option<f64> {
    match scalar {
        Scalar::Integer(value) => Some(*value as f64),
        Scalar::Decimal(value) => Some(*value),
        Scalar::RawNumber(text) => text.parse().ok(),
        _ => None,
    }
}
