//! Loop detection: refuses requests that are deliveries of gateways beyond a number of hops.

use http::HeaderMap;

use super::{Code, Problem};
use hookgate_domain::Hops;

/// Number of gateways that a request has passed, from its headers.
///
/// # Errors
/// `invalid_parameter`: not a number. `loop_detected`: the maximum is reached.
pub fn hops(headers: &HeaderMap) -> Result<Hops, Problem> {
    let bytes = |name| headers.get_all(name).into_iter().map(http::HeaderValue::as_bytes);
    let own = bytes(Hops::HEADER).chain(bytes(Hops::OLD_HEADER));
    let hops = Hops::of(own, bytes(Hops::CDN_LOOP));
    let hops = hops.map_err(|bad| Problem::new(Code::InvalidParameter, format!("The header {bad}.")))?;
    if hops >= Hops::MAX {
        let detail = format!(
            "The request has come through {} gateways already: it is a delivery that comes back.",
            hops.get()
        );
        return Err(Problem::new(Code::LoopDetected, detail));
    }
    Ok(hops)
}

/// Checks that a request is not a delivery.
/// Deliveries may not trigger further deliveries of stored events.
///
/// # Errors
/// As `hops`; `loop_detected` for a request that has passed a gateway.
pub fn from_no_delivery(headers: &HeaderMap) -> Result<(), Problem> {
    if hops(headers)? > Hops::default() {
        let detail = "The request is a delivery of a gateway, and a delivery cannot ask for deliveries.";
        return Err(Problem::new(Code::LoopDetected, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_of_a_request_are_bounded() {
        let of = |value: &'static str| {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static(Hops::HEADER),
                http::HeaderValue::from_static(value),
            )]);
            let code = |problem: Problem| problem.code();
            (
                hops(&headers).map(Hops::get).map_err(code),
                from_no_delivery(&headers).map_err(code),
            )
        };
        assert_eq!(of("0"), (Ok(0), Ok(())));
        assert_eq!(of("2"), (Ok(2), Err(Code::LoopDetected)));
        assert_eq!(of("3"), (Err(Code::LoopDetected), Err(Code::LoopDetected)));
        assert_eq!(
            of("x"),
            (Err(Code::InvalidParameter), Err(Code::InvalidParameter))
        );
        assert!(from_no_delivery(&HeaderMap::new()).is_ok());
    }
}
