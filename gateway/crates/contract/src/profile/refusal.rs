//! Refusals at product-specific routes: codes, built-in texts and texts of a profile.
//!
//! A profile's texts are in `door.messages`. The set of codes is smaller than that of the API's
//! codes and does not mention the gateway, since customers of a product read them. `api` maps its
//! problems to refusals. Pure.

use std::collections::BTreeMap;

/// Placeholder in a text, written in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// `{code}`: code of the refusal.
    Code,
    /// `{status}`: HTTP status.
    Status,
    /// `{request_id}`: id of the response, if `headers.request_id` names a header for it.
    RequestId,
    /// `{reason}`: problem of this request.
    Reason,
    /// `{field}`: first invalid field.
    Field,
    /// `{key}`: expected location of the API key.
    Key,
    /// `{method}`: method of the request.
    Method,
    /// `{limit}`: maximum count.
    Limit,
    /// `{retry_after}`: seconds after which a retry makes sense.
    RetryAfter,
}

impl Placeholder {
    const ALL: &[Self] = &[
        Self::Code,
        Self::Status,
        Self::RequestId,
        Self::Reason,
        Self::Field,
        Self::Key,
        Self::Method,
        Self::Limit,
        Self::RetryAfter,
    ];
    /// Placeholders of every refusal.
    const COMMON: &[Self] = &[Self::Code, Self::Status, Self::RequestId];

    /// Name of the placeholder, without braces.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Status => "status",
            Self::RequestId => "request_id",
            Self::Reason => "reason",
            Self::Field => "field",
            Self::Key => "key",
            Self::Method => "method",
            Self::Limit => "limit",
            Self::RetryAfter => "retry_after",
        }
    }

    fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.word() == word)
    }
}

macro_rules! refusals {
    ($($variant:ident = $code:literal [$($own:ident)*] $text:literal, $plain:literal;)*) => {
        /// Refusal as a product's customers see it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Refusal {
            $(#[doc = $plain] $variant,)*
        }

        impl Refusal {
            /// All refusals.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Stable word for programs.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// Built-in text, with placeholders.
            const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Built-in text without placeholders.
            pub const fn plain(self) -> &'static str {
                match self { $(Self::$variant => $plain,)* }
            }

            /// Placeholders in addition to the common ones.
            const fn own(self) -> &'static [Placeholder] {
                match self { $(Self::$variant => &[$(Placeholder::$own,)*],)* }
            }
        }
    };
}

refusals! {
    InvalidJson = "invalid_json" [Reason] "{reason}", "The body is not valid JSON.";
    DuplicateKey = "duplicate_key" [Reason] "{reason}", "An object of the body names a key twice.";
    TooDeep = "too_deep" [Reason] "{reason}", "The JSON is nested too deeply.";
    InvalidParameter = "invalid_parameter" [Reason] "{reason}", "A header or query parameter is not valid.";
    InvalidCursor = "invalid_cursor" [] "The cursor is not valid. Send one exactly as a page gave it, or none to begin at the start.",
        "The cursor is not valid.";
    BodyIncomplete = "body_incomplete" [] "The body ended early. Send the request again.", "The body ended early.";
    KeyMissing = "key_missing" [Key] "The request has no API key. Send it as `{key}`.", "The request has no API key.";
    KeyUnknown = "key_unknown" [] "The API key is not known.", "The API key is not known.";
    KeyExpired = "key_expired" [] "The API key has expired.", "The API key has expired.";
    ScopeMissing = "scope_missing" [] "The API key may not be used for this.", "The API key may not be used for this.";
    Forbidden = "forbidden" [] "The API key may not be used for this.", "The API key may not be used for this.";
    RouteUnknown = "route_unknown" [] "There is nothing at this address.", "There is nothing at this address.";
    NotFound = "not_found" [] "There is nothing under this id.", "There is nothing under this id.";
    MethodNotAllowed = "method_not_allowed" [Method] "This address does not take {method}.", "This address does not take the method.";
    BodyTimeout = "body_timeout" [] "The body came too slowly. Send the request again.", "The body came too slowly.";
    Conflict = "conflict" [] "It was changed by another request at the same time. Send the request again.",
        "It was changed by another request at the same time.";
    AlreadyExists = "already_exists" [] "It exists already.", "It exists already.";
    WrongState = "wrong_state" [] "Its state does not allow this.", "Its state does not allow this.";
    InUse = "in_use" [] "It is in use.", "It is in use.";
    ReadOnly = "read_only" [] "It cannot be changed here.", "It cannot be changed here.";
    RequestUnderWay = "request_under_way" [RetryAfter]
        "A request with this idempotency key is being answered. Send it again with the same key in {retry_after} s.",
        "A request with this idempotency key is being answered.";
    OutcomeUnknown = "outcome_unknown" []
        "It is not known whether the request with this idempotency key was done. Read what it would have changed before you send it again.",
        "It is not known whether the request with this idempotency key was done.";
    AnswerLost = "answer_lost" [] "The request with this idempotency key was done, and its answer can no longer be shown.",
        "The request with this idempotency key was done, and its answer can no longer be shown.";
    IdempotencyKeyReused = "idempotency_key_reused" [] "The idempotency key was used for another request. Use a new one.",
        "The idempotency key was used for another request.";
    CursorExpired = "cursor_expired" [] "The cursor has expired. Begin without one.", "The cursor has expired.";
    BodyTooLarge = "body_too_large" [] "The body is too large.", "The body is too large.";
    UnsupportedMediaType = "unsupported_media_type" [] "Send JSON, with `Content-Type: application/json`.",
        "The content type is not understood.";
    UnsupportedEncoding = "unsupported_encoding" [] "Send the body as it is, without `Content-Encoding`.",
        "The content encoding is not understood.";
    InvalidField = "invalid_field" [Reason Field] "{reason}", "A field is not valid.";
    AddressRefused = "address_refused" [Reason Field] "{reason}",
        "The URL's address is not public, and nothing is sent there.";
    InvalidEvent = "invalid_event" [Reason Field] "{reason}", "The event is not valid.";
    EventTypeUnknown = "event_type_unknown" [] "There is no such event type.", "There is no such event type.";
    EventRejected = "event_rejected" [] "The event was not accepted.", "The event was not accepted.";
    LimitReached = "limit_reached" [Reason Limit] "{reason}", "There are as many as there may be.";
    TooManyRequests = "too_many_requests" [RetryAfter] "Too many requests at once. Send the request again in {retry_after} s.",
        "Too many requests at once.";
    QuotaExceeded = "quota_exceeded" [Limit RetryAfter] "Too much was sent in a short time. Send the request again in {retry_after} s.",
        "Too much was sent in a short time.";
    TooManyWaiting = "too_many_waiting" [RetryAfter] "Too many requests wait for new events. Ask without waiting, or again in {retry_after} s.",
        "Too many requests wait for new events.";
    InternalError = "internal_error" [] "Something went wrong on our side.", "Something went wrong on our side.";
    Unavailable = "unavailable" [RetryAfter] "The service is not available at the moment. Send the request again in {retry_after} s.",
        "The service is not available at the moment.";
    LoopDetected = "loop_detected" [] "The request is a delivery that has come back.", "The request is a delivery that has come back.";
}

impl Refusal {
    /// Refusal with this code.
    pub fn named(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.code() == code)
    }

    /// Placeholders that a text of this refusal may contain.
    fn placeholders(self) -> impl Iterator<Item = Placeholder> {
        Placeholder::COMMON.iter().chain(self.own()).copied()
    }
}

/// Texts of a profile, by refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Messages(BTreeMap<Refusal, String>);

/// Reason for which a text is not valid for a refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// Empty, too long, or with control characters.
    #[error("a text has 1 to {MAX_TEXT} characters, none of them a control character")]
    Text,
    /// Unbalanced brace.
    #[error("a `{{` without its `}}`")]
    Unclosed,
    /// Unknown placeholder.
    #[error("`{{{name}}}` does not stand for anything here{}", meant.map(|name| format!(" (did you mean `{{{name}}}`?)")).unwrap_or_default())]
    Unknown {
        /// Name of the placeholder.
        name: String,
        /// Placeholder that was probably meant.
        meant: Option<&'static str>,
        /// List of the known placeholders.
        known: String,
    },
    /// `{request_id}` although responses have no id.
    #[error("answers have no id: name the header that holds it")]
    NoRequestId,
}

impl Messages {
    /// Adds a text of a refusal.
    ///
    /// `has_id`: responses have an id.
    ///
    /// # Errors
    /// The text is not valid for the refusal.
    pub fn add(&mut self, refusal: Refusal, text: &str, has_id: bool) -> Result<(), BadMessage> {
        if text.trim().is_empty() || text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
            return Err(BadMessage::Text);
        }
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(BadMessage::Unclosed)?;
            let found = refusal.placeholders().find(|known| known.word() == name);
            match found {
                Some(Placeholder::RequestId) if !has_id => return Err(BadMessage::NoRequestId),
                Some(_) => {}
                None => {
                    let words: Vec<_> = refusal.placeholders().map(Placeholder::word).collect();
                    let braced: Vec<_> = words.iter().map(|word| format!("{{{word}}}")).collect();
                    return Err(BadMessage::Unknown {
                        meant: hookgate_domain::nearest(name, &words),
                        known: braced.join(", "),
                        name: name.chars().take(MAX_VALUE).collect(),
                    });
                }
            }
            rest = after;
        }
        self.0.insert(refusal, text.to_owned());
        Ok(())
    }

    /// Text of a refusal.
    ///
    /// Uses the profile's text, or the built-in one if a placeholder has no value in this
    /// occurrence.
    pub fn text(&self, refusal: Refusal, value: impl Fn(Placeholder) -> Option<String>) -> String {
        let own = self.0.get(&refusal).map(String::as_str);
        let mut filled = own.into_iter().chain([refusal.text()]);
        let filled = filled.find_map(|text| fill(text, &value));
        filled.unwrap_or_else(|| refusal.plain().to_owned())
    }
}

/// Fills the placeholders of a text; `None` if a value is missing.
fn fill(text: &str, value: impl Fn(Placeholder) -> Option<String>) -> Option<String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(&bounded(&value(Placeholder::named(name)?)?));
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

/// Sanitises a value for a text: at most `MAX_VALUE` characters, no control characters.
pub fn bounded(value: &str) -> String {
    let mut shown: String = value
        .chars()
        .take(MAX_VALUE)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if value.chars().nth(MAX_VALUE).is_some() {
        shown.push('…');
    }
    shown
}

const MAX_TEXT: usize = 500;
const MAX_VALUE: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_texts_fill_and_name_nothing_internal() {
        let value = |placeholder: Placeholder| Some(format!("<{}>", placeholder.word()));
        for refusal in Refusal::ALL {
            let code = refusal.code();
            assert_eq!(Refusal::named(code), Some(*refusal));
            let filled = Messages::default().text(*refusal, value);
            assert!(!filled.contains(['{', '}']), "{code}: {filled}");
            let mut checked = Messages::default();
            assert_eq!(checked.add(*refusal, refusal.text(), false), Ok(()), "{code}");
            for text in [code, refusal.text(), refusal.plain()] {
                for word in [
                    "gateway", "operator", "config", "hookgate", "tenant", "plugin", "/docs",
                ] {
                    assert!(!text.to_lowercase().contains(word), "{code}: {text}");
                }
            }
        }
    }

    #[test]
    fn messages_take_known_placeholders_only() {
        let add = |text: &str, has_id| Messages::default().add(Refusal::LimitReached, text, has_id);
        assert_eq!(add("At most {limit} ({code}, {status}).", false), Ok(()));
        assert_eq!(add("See {request_id}", true), Ok(()));
        assert_eq!(add("See {request_id}", false), Err(BadMessage::NoRequestId));
        let told = |text| add(text, true).unwrap_err().to_string();
        assert!(told("At most {limits}").contains("did you mean `{limit}`?"));
        assert!(told("{retry_after}").contains("does not stand for anything here"));
        assert!(told("{limit").contains("without its"));
        for text in ["", "  ", "a\nb", &"x".repeat(MAX_TEXT + 1)] {
            assert_eq!(add(text, true), Err(BadMessage::Text));
        }
    }

    #[test]
    fn message_values_are_bounded_and_replaced_by_defaults_where_missing() {
        let mut messages = Messages::default();
        messages
            .add(Refusal::LimitReached, "Only {limit}!", false)
            .expect("a text");
        let text = |limit: Option<&str>, reason: Option<&str>| {
            messages.text(Refusal::LimitReached, |placeholder| {
                let given = match placeholder {
                    Placeholder::Limit => limit,
                    Placeholder::Reason => reason,
                    _ => None,
                };
                given.map(str::to_owned)
            })
        };
        assert_eq!(text(Some("5"), None), "Only 5!");
        assert_eq!(
            text(Some("{code}"), None),
            "Only {code}!",
            "values are no templates"
        );
        assert_eq!(text(None, Some("Full.")), "Full.");
        assert_eq!(text(None, None), Refusal::LimitReached.plain());
        assert_eq!(text(Some("a\r\nb"), None), "Only a\u{fffd}\u{fffd}b!");
        assert_eq!(
            text(Some(&"9".repeat(1_000)), None).chars().count(),
            MAX_VALUE + "Only …!".chars().count()
        );
    }
}
