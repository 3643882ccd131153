//! Findings about a received request, worded for the author of its receiver.

use std::fmt;
use std::time::Duration;

use super::file::TimestampForm;

/// One finding. `Display` describes it; `fix` explains the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A header that the scheme needs is missing.
    HeaderMissing {
        /// Name of the header.
        name: String,
        /// Name of a similar header in the request.
        near: Option<String>,
    },
    /// A header does not have the format of the scheme.
    HeaderShape {
        /// Name of the header.
        name: String,
        /// Expected format.
        expected: String,
    },
    /// The timestamp does not have the format of the scheme.
    BadTimestamp(String),
    /// The timestamp denotes a time near now in another unit or format than the scheme's.
    TimestampUnit {
        /// Format of the timestamp.
        given: TimestampForm,
        /// Format of the scheme.
        expected: TimestampForm,
    },
    /// The timestamp is too old.
    TooOld {
        /// Age of the timestamp.
        age: Duration,
        /// Maximum age.
        most: Duration,
    },
    /// The timestamp is in the future.
    TooEarly {
        /// Distance from now.
        ahead: Duration,
        /// Maximum distance.
        most: Duration,
    },
    /// A secret does not have the format of this profile.
    BadSecret {
        /// Description of the problem, without the secret.
        problem: String,
        /// Set when the secret has surrounding quotes or spaces.
        untidy: bool,
    },
    /// The body does not contain the data that the scheme signs.
    NothingSigned,
    /// The signature belongs to a slightly different body: the body was changed in transit.
    BodyAltered(BodyChange),
    /// The signature was computed over another form of the body.
    BodyRead(BodyChange),
    /// The signature was computed with another interpretation of the secret.
    SecretRead(SecretReading),
    /// The signature was computed over other content than the scheme's.
    ContentRead(ContentReading),
    /// The signature is correct but has another encoding.
    SignatureWritten(&'static str),
    /// The signature matches; only the preceding findings are wrong.
    OtherwiseGenuine,
    /// No tried variant matches.
    NoMatch,
}

/// Difference between a body and the one that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyChange {
    /// Spaces or a newline at the end.
    SpaceAtTheEnd,
    /// Missing newline at the end.
    NewlineMissing,
    /// Byte order mark at the beginning.
    ByteOrderMark,
    /// `\r\n` in place of `\n`, or the reverse.
    LineEnds,
    /// Base64 encoding of the body.
    Base64,
    /// JSON text that contains the JSON text as a string.
    Quoted,
    /// Parsed and reprinted, with spaces or escapes.
    PrintedAgain,
    /// Parsed and reprinted by JavaScript.
    PrintedByJavaScript,
    /// Parsed and reprinted by Python.
    PrintedByPython,
}

/// Interpretation of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretReading {
    /// The whole text, including the prefix.
    Whole,
    /// The text after the prefix.
    WithoutPrefix,
    /// The base64-decoded text after the prefix.
    Base64,
    /// The hex-decoded text after the prefix.
    Hexadecimal,
    /// The text without surrounding quotes or spaces.
    Untidy,
}

/// Content over which a signature was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentReading {
    /// The body only.
    BodyAlone,
    /// `timestamp.body`.
    WithoutId,
    /// `id.timestamp.body`.
    WithId,
}

impl Finding {
    /// Stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HeaderMissing { .. } => "header_missing",
            Self::HeaderShape { .. } => "header_shape",
            Self::BadTimestamp(_) => "bad_timestamp",
            Self::TimestampUnit { .. } => "timestamp_unit",
            Self::TooOld { .. } => "too_old",
            Self::TooEarly { .. } => "too_early",
            Self::BadSecret { .. } => "bad_secret",
            Self::NothingSigned => "nothing_signed",
            Self::BodyAltered(_) => "body_altered",
            Self::BodyRead(_) => "body_read",
            Self::SecretRead(_) => "secret_read",
            Self::ContentRead(_) => "content_read",
            Self::SignatureWritten(_) => "signature_written",
            Self::OtherwiseGenuine => "otherwise_genuine",
            Self::NoMatch => "no_match",
        }
    }

    /// Instruction to fix the problem.
    pub fn fix(&self) -> String {
        match self {
            Self::HeaderMissing { near: Some(near), .. } => {
                format!("there is `{near}`: is it the one, renamed on the way or read under another name?")
            }
            Self::HeaderMissing { near: None, .. } => {
                "give every header that arrived; a proxy in between may drop headers, above all those with `_`".to_owned()
            }
            Self::HeaderShape { .. } => "take the header's value whole, as it arrived".to_owned(),
            Self::BadTimestamp(_) => "compare the unit: seconds since 1970 have 10 digits, milliseconds 13".to_owned(),
            Self::TimestampUnit { expected, .. } => format!(
                "sign and send the time {}; is it changed on the way, or made by a program of one's own?",
                form(*expected)
            ),
            Self::TooOld { .. } => {
                "right for a request that was kept; if it came just now, set the receiver's clock (NTP). Verify on arrival, before \
                 the request waits in a queue of your own"
                    .to_owned()
            }
            Self::TooEarly { .. } => "set the receiver's clock (NTP)".to_owned(),
            Self::BadSecret { untidy: true, .. } => "take away the quotes, spaces or line ends around it".to_owned(),
            Self::BadSecret { untidy: false, .. } => {
                "copy the secret whole, from the answer that made it or its own route; is it of another profile?".to_owned()
            }
            Self::NothingSigned => "give the body as it arrived".to_owned(),
            Self::BodyAltered(change) => change.fix().to_owned(),
            Self::BodyRead(_) => "sign and verify the bytes as they arrived, and parse them afterwards".to_owned(),
            Self::SecretRead(SecretReading::Untidy) => "trim the secret where it is read".to_owned(),
            Self::SecretRead(_) => "read the secret as the profile says (docs/receivers.md has the code)".to_owned(),
            Self::ContentRead(_) => "sign exactly what the profile signs, in its order, with `.` between".to_owned(),
            Self::SignatureWritten(_) => "encode the signature as the profile does before comparing".to_owned(),
            Self::OtherwiseGenuine => "mend what is said above".to_owned(),
            Self::NoMatch => {
                "another secret (of another endpoint, of before a rotation), or another body: compare the length with \
                 Content-Length, take the raw bytes before any parser, and capture a request with `hookgate listen`"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderMissing { name, .. } => write!(f, "the header `{name}` is missing"),
            Self::HeaderShape { name, expected } => {
                write!(
                    f,
                    "the header `{name}` does not look as this profile writes it: `{expected}`"
                )
            }
            Self::BadTimestamp(text) => {
                let shown: String = text.chars().take(40).collect();
                write!(
                    f,
                    "the timestamp `{}` is not a time as this profile writes it",
                    shown.escape_debug()
                )
            }
            Self::TimestampUnit { given, expected } => write!(
                f,
                "the timestamp is written {}; this profile writes it {}",
                form(*given),
                form(*expected)
            ),
            Self::TooOld { age, most } => {
                write!(
                    f,
                    "it was sent {} s ago; more than {} s is taken for a replay",
                    age.as_secs(),
                    most.as_secs()
                )
            }
            Self::TooEarly { ahead, most } => {
                write!(
                    f,
                    "its timestamp is {} s in the future; {} s are allowed",
                    ahead.as_secs(),
                    most.as_secs()
                )
            }
            Self::BadSecret { problem, .. } => write!(f, "the secret is not one of this profile: {problem}"),
            Self::NothingSigned => f.write_str("the body does not hold what this profile signs"),
            Self::BodyAltered(change) => write!(f, "the body is not what was sent: {}", change.altered()),
            Self::BodyRead(change) => write!(f, "the signature was made over the body {}", change.read()),
            Self::SecretRead(reading) => write!(f, "the signature was made with {}", reading.words()),
            Self::ContentRead(reading) => write!(f, "the signature was made over {}", reading.words()),
            Self::SignatureWritten(writing) => {
                write!(f, "the signature is the right one, but written as {writing}")
            }
            Self::OtherwiseGenuine => f.write_str("apart from that it is genuine: the signature matches"),
            Self::NoMatch => {
                f.write_str("no signature matches, nor does any of the usual mistakes explain it")
            }
        }
    }
}

fn form(form: TimestampForm) -> &'static str {
    match form {
        TimestampForm::Seconds => "in seconds since 1970",
        TimestampForm::Milliseconds => "in milliseconds since 1970",
        TimestampForm::Rfc3339 => "as RFC 3339 text",
    }
}

impl BodyChange {
    fn altered(self) -> &'static str {
        match self {
            Self::SpaceAtTheEnd => "it matches without the spaces or newline at its end",
            Self::NewlineMissing => "it matches with a newline at its end",
            Self::ByteOrderMark => "it matches without the byte order mark at its beginning",
            Self::LineEnds => "it matches with other line ends",
            Self::Base64 => "it matches after its base64 is decoded",
            Self::Quoted => "it matches after the JSON text in it is taken out of its quotes",
            Self::PrintedAgain => "it matches when printed compactly, so it was parsed and printed again",
            Self::PrintedByJavaScript => {
                "it matches as JavaScript prints it, so it was parsed and printed again"
            }
            Self::PrintedByPython => "it matches as Python prints it, so it was parsed and printed again",
        }
    }

    fn read(self) -> &'static str {
        match self {
            Self::SpaceAtTheEnd => "without the spaces or newline at its end",
            Self::NewlineMissing => "with a newline at its end",
            Self::ByteOrderMark => "without its byte order mark",
            Self::LineEnds => "with other line ends",
            Self::Base64 => "after decoding base64",
            Self::Quoted => "taken out of its quotes",
            Self::PrintedAgain => "printed again, compactly",
            Self::PrintedByJavaScript => "as JavaScript prints it again (JSON.stringify)",
            Self::PrintedByPython => "as Python prints it again (json.dumps)",
        }
    }

    fn fix(self) -> &'static str {
        match self {
            Self::SpaceAtTheEnd | Self::NewlineMissing | Self::ByteOrderMark | Self::LineEnds => {
                "an editor, `echo` or a log changed it: keep the bytes as they arrived (`curl --data-binary`, `printf %s`)"
            }
            Self::Base64 => {
                "decode it first: some platforms hand bodies over in base64 (AWS Lambda: `isBase64Encoded`)"
            }
            Self::Quoted => "take the text itself, not its JSON: somebody encoded it once more",
            Self::PrintedAgain | Self::PrintedByJavaScript | Self::PrintedByPython => {
                "verify the raw bytes before they are parsed: express.raw() in Express, request.get_data() in Flask"
            }
        }
    }
}

impl SecretReading {
    fn words(self) -> &'static str {
        match self {
            Self::Whole => "the whole text of the secret as the key, prefix and all",
            Self::WithoutPrefix => "the text after the secret's prefix as the key, not decoded",
            Self::Base64 => "what the secret says in base64 as the key; this profile does not",
            Self::Hexadecimal => "what the secret says in hexadecimal as the key; this profile does not",
            Self::Untidy => "the secret without the quotes or spaces around it",
        }
    }
}

impl ContentReading {
    fn words(self) -> &'static str {
        match self {
            Self::BodyAlone => "the body alone",
            Self::WithoutId => "`timestamp.body`",
            Self::WithId => "`id.timestamp.body`",
        }
    }
}
