//! The payload, the metadata and the settings of a plugin call: handles to JSON that the gateway
//! holds.
//!
//! A *pointer* is an RFC 6901 JSON pointer. A *pattern* adds `*`, `**` and `~name`;
//! `wit/plugin.wit` defines both.

use core::ops::Deref;

use crate::backend::Json;
use crate::{AccessError, Kind, Redaction, Scalar, pointer};

/// The settings of a step.
///
/// ```
/// # use hookgate_sdk::testing;
/// # testing::event("a.b").data(r#"{}"#).settings(r#"{"limit":5}"#).with(|event| {
/// let settings: hookgate_sdk::Settings = event.settings();
/// assert_eq!(settings.get_i64("/limit"), Some(5));
/// # });
/// ```
pub type Settings<'a> = View<'a>;

/// The operations of the WIT resource `json` on the types of this crate. Implemented by the
/// bindings for `wasm32` and natively by the test double; [`View`] and [`Document`] are the public
/// interface to them.
pub(crate) trait Operations {
    fn kind_of(&self, pointer: &str) -> Kind;
    fn length(&self, pointer: &str) -> Option<u32>;
    fn keys(&self, pointer: &str, offset: u32, max: u32) -> Result<Vec<String>, AccessError>;
    fn get(&self, pointer: &str) -> Result<Scalar, AccessError>;
    fn get_many(&self, pointers: &[&str]) -> Vec<Option<Scalar>>;
    fn get_json(&self, pointer: &str) -> Result<String, AccessError>;
    fn find(&self, pattern: &str, max: u32) -> Result<Vec<String>, AccessError>;
    fn set(&self, pointer: &str, value: &Scalar) -> Result<(), AccessError>;
    fn set_json(&self, pointer: &str, value: &str) -> Result<(), AccessError>;
    fn remove(&self, pattern: &str) -> Result<u32, AccessError>;
    fn move_to(&self, source: &str, target: &str) -> Result<(), AccessError>;
    fn redact(&self, patterns: &[&str], how: &Redaction) -> Result<u32, AccessError>;
    fn retain(&self, patterns: &[&str]) -> Result<u32, AccessError>;
}

/// Read-only JSON. Every operation is one call into the gateway and counts towards the limit of a
/// call.
///
/// ```
/// # use hookgate_sdk::{testing, Description, Event, Failure, Plugin, Verdict};
/// # struct P;
/// # impl Plugin for P {
/// #   fn describe() -> Description { Description::new("p", "0.1.0", "") }
/// fn handle(event: &Event) -> Result<Verdict, Failure> {
///     let limit = event.settings().get_i64("/limit").unwrap_or(100);
///     match event.data().get_i64("/total") {
///         Some(total) if total < limit => Ok(Verdict::Drop("below the limit".into())),
///         _ => Ok(Verdict::Pass),
///     }
/// }
/// # }
/// # let outcome = testing::event("invoice.paid").data(r#"{"total":5}"#).settings(r#"{"limit":10}"#).run::<P>();
/// # assert_eq!(outcome.verdict, Ok(Verdict::Drop("below the limit".into())));
/// ```
#[derive(Clone, Copy)]
pub struct View<'a> {
    json: &'a Json,
}

impl<'a> View<'a> {
    pub(crate) fn new(json: &'a Json) -> Self {
        Self { json }
    }

    /// The kind of the value at a pointer.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"n":null}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.kind_of("/n"), hookgate_sdk::Kind::Null);
    /// # });
    /// ```
    #[must_use]
    pub fn kind_of(&self, pointer: &str) -> Kind {
        Operations::kind_of(self.json, pointer)
    }

    /// Returns `true` if there is a value at the pointer, `null` included.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"n":null}"#).with(|event| {
    /// let data = event.data();
    /// assert!(data.has("/n") && !data.has("/m"));
    /// # });
    /// ```
    #[must_use]
    pub fn has(&self, pointer: &str) -> bool {
        self.kind_of(pointer) != Kind::Absent
    }

    /// Number of members of an object, elements of an array or bytes of a string; else `None`.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"items":[1,2]}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.length("/items"), Some(2));
    /// # });
    /// ```
    #[must_use]
    pub fn length(&self, pointer: &str) -> Option<u32> {
        Operations::length(self.json, pointer)
    }

    /// Returns up to `max` keys of the object at a pointer, from `offset` on, in document order.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"a":1,"b":2}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.keys("", 0, 10).unwrap(), ["a", "b"]);
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AccessError::BadPointer`], [`AccessError::Absent`] or [`AccessError::WrongKind`].
    pub fn keys(&self, pointer: &str, offset: u32, max: u32) -> Result<Vec<String>, AccessError> {
        Operations::keys(self.json, pointer, offset, max)
    }

    /// The scalar at a pointer.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"n":7}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.get("/n"), Ok(hookgate_sdk::Scalar::Integer(7)));
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AccessError::BadPointer`], [`AccessError::Absent`] or, for an array or object,
    /// [`AccessError::WrongKind`].
    pub fn get(&self, pointer: &str) -> Result<Scalar, AccessError> {
        Operations::get(self.json, pointer)
    }

    /// The string at a pointer; `None` if the value is absent or of another kind.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"status":"live"}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.get_str("/status").as_deref(), Some("live"));
    /// # });
    /// ```
    #[must_use]
    pub fn get_str(&self, pointer: &str) -> Option<String> {
        match self.get(pointer) {
            Ok(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The boolean at a pointer; `None` if the value is absent or of another kind.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"test":true}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.get_bool("/test"), Some(true));
    /// # });
    /// ```
    #[must_use]
    pub fn get_bool(&self, pointer: &str) -> Option<bool> {
        match self.get(pointer) {
            Ok(Scalar::Boolean(value)) => Some(value),
            _ => None,
        }
    }

    /// The integer at a pointer; `None` if the value is absent or of another kind.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"n":7,"price":7.5}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!((data.get_i64("/n"), data.get_i64("/price")), (Some(7), None));
    /// # });
    /// ```
    #[must_use]
    pub fn get_i64(&self, pointer: &str) -> Option<i64> {
        match self.get(pointer) {
            Ok(Scalar::Integer(value)) => Some(value),
            _ => None,
        }
    }

    /// The strings of the array at a pointer, without its other elements; empty without an array.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"tags":["a",5,"b"]}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.get_strs("/tags"), ["a", "b"]);
    /// # });
    /// ```
    #[must_use]
    pub fn get_strs(&self, pointer: &str) -> Vec<String> {
        if self.kind_of(pointer) != Kind::Array {
            return Vec::new();
        }
        let pointers: Vec<String> = (0..self.length(pointer).unwrap_or(0))
            .map(|index| pointer::element(pointer, index as usize))
            .collect();
        let pointers: Vec<&str> = pointers.iter().map(String::as_str).collect();
        let texts = self
            .get_many(&pointers)
            .into_iter()
            .filter_map(|scalar| match scalar {
                Some(Scalar::Text(text)) => Some(text),
                _ => None,
            });
        texts.collect()
    }

    /// The scalars at several pointers in one operation; `None` for a pointer without a scalar.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"a":1}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.get_many(&["/a", "/b"]), [Some(1_i64.into()), None]);
    /// # });
    /// ```
    #[must_use]
    pub fn get_many(&self, pointers: &[&str]) -> Vec<Option<Scalar>> {
        Operations::get_many(self.json, pointers)
    }

    /// The subtree at a pointer as compact JSON text.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"price":{"net":12.50}}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.get_json("/price").unwrap(), r#"{"net":12.50}"#);
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AccessError::BadPointer`] or [`AccessError::Absent`].
    pub fn get_json(&self, pointer: &str) -> Result<String, AccessError> {
        Operations::get_json(self.json, pointer)
    }

    /// Pointers of up to `max` places that a pattern matches, in document order.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"items":[{"sku":"A"},{"sku":"B"}]}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.find("/items/*/sku", 10).unwrap(), ["/items/0/sku", "/items/1/sku"]);
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AccessError::BadPointer`].
    pub fn find(&self, pattern: &str, max: u32) -> Result<Vec<String>, AccessError> {
        Operations::find(self.json, pattern, max)
    }
}

/// JSON that can be read and changed in place: the event's data. Every operation of [`View`] is
/// available.
///
/// ```
/// # use hookgate_sdk::{testing, Description, Event, Failure, Plugin, Redaction, Verdict};
/// # struct P;
/// # impl Plugin for P {
/// #   fn describe() -> Description { Description::new("p", "0.1.0", "") }
/// fn handle(event: &Event) -> Result<Verdict, Failure> {
///     let data = event.data();
///     data.redact(&["/**/~email|phone"], &Redaction::Mask("***".into()))?;
///     data.rename("/cust_id", "/customer_id")?;
///     data.set("/seen", true)?;
///     Ok(Verdict::Pass)
/// }
/// # }
/// # let outcome = testing::event("a.b").data(r#"{"cust_id":5,"billing":{"E-Mail":"x"}}"#).run::<P>();
/// # assert_eq!(outcome.data, r#"{"billing":{"E-Mail":"***"},"customer_id":5,"seen":true}"#);
/// ```
#[derive(Clone, Copy)]
pub struct Document<'a> {
    view: View<'a>,
}

impl<'a> Deref for Document<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &Self::Target {
        &self.view
    }
}

impl<'a> Document<'a> {
    pub(crate) fn new(json: &'a Json) -> Self {
        Self {
            view: View::new(json),
        }
    }

    /// Sets a scalar. The parent must exist; a member is appended or replaced in place; `-` appends
    /// to an array.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"tags":[]}"#).with(|event| {
    /// let data = event.data();
    /// data.set("/seen", true).unwrap();
    /// data.set("/tags/-", "new").unwrap();
    /// assert_eq!(data.get_json("").unwrap(), r#"{"tags":["new"],"seen":true}"#);
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AccessError::BadPointer`], [`AccessError::Absent`], [`AccessError::WrongKind`] or
    /// [`AccessError::Limit`].
    pub fn set(&self, pointer: &str, value: impl Into<Scalar>) -> Result<(), AccessError> {
        Operations::set(self.view.json, pointer, &value.into())
    }

    /// Sets a subtree given as JSON text; otherwise equal to [`Document::set`].
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{}"#).with(|event| {
    /// let data = event.data();
    /// data.set_json("/price", r#"{"net":12.50}"#).unwrap();
    /// assert_eq!(data.get_json("").unwrap(), r#"{"price":{"net":12.50}}"#);
    /// # });
    /// ```
    ///
    /// # Errors
    /// Those of [`Document::set`], and [`AccessError::BadJson`].
    pub fn set_json(&self, pointer: &str, value: &str) -> Result<(), AccessError> {
        Operations::set_json(self.view.json, pointer, value)
    }

    /// Removes every place that a pattern matches. Returns their number.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"a":{"internal":1},"b":[{"internal":2}]}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.remove("/**/internal"), Ok(2));
    /// assert_eq!(data.get_json("").unwrap(), r#"{"a":{},"b":[{}]}"#);
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AccessError::BadPointer`].
    pub fn remove(&self, pattern: &str) -> Result<u32, AccessError> {
        Operations::remove(self.view.json, pattern)
    }

    /// Moves a subtree; replaces a member at the target.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"cust":5}"#).with(|event| {
    /// let data = event.data();
    /// data.rename("/cust", "/customer").unwrap();
    /// assert_eq!(data.get_json("").unwrap(), r#"{"customer":5}"#);
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AccessError::BadPointer`], [`AccessError::Absent`], [`AccessError::WrongKind`] or
    /// [`AccessError::Limit`].
    pub fn rename(&self, source: &str, target: &str) -> Result<(), AccessError> {
        Operations::move_to(self.view.json, source, target)
    }

    /// Redacts every place that one of the patterns matches, in one pass. Returns their number.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"phone":"+49 30 1234567"}"#).with(|event| {
    /// let data = event.data();
    /// assert_eq!(data.redact(&["/**/~phone"], &hookgate_sdk::Redaction::KeepLast(3)), Ok(1));
    /// assert_eq!(data.get_str("/phone").unwrap(), "***********567");
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AccessError::BadPointer`] or [`AccessError::Limit`].
    pub fn redact(&self, patterns: &[&str], how: &Redaction) -> Result<u32, AccessError> {
        Operations::redact(self.view.json, patterns, how)
    }

    /// Removes everything except the matches of the patterns and their ancestors. Returns the
    /// number of removed places.
    ///
    /// ```
    /// # use hookgate_sdk::testing;
    /// # testing::event("a.b").data(r#"{"id":1,"secret":2,"items":[{"sku":"A","cost":3}]}"#).with(|event| {
    /// let data = event.data();
    /// data.retain(&["/id", "/items/*/sku"]).unwrap();
    /// assert_eq!(data.get_json("").unwrap(), r#"{"id":1,"items":[{"sku":"A"}]}"#);
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AccessError::BadPointer`].
    pub fn retain(&self, patterns: &[&str]) -> Result<u32, AccessError> {
        Operations::retain(self.view.json, patterns)
    }
}
