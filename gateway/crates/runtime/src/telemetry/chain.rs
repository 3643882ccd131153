//! Display of an error with its causes, in one line.

use std::error::Error;
use std::fmt;

/// Shows an error followed by its causes: `cannot open the store: the directory is in use`.
///
/// Each error of this repository describes its own level only; this joins them. A level that
/// repeats the one above it is omitted, because errors of other libraries often print their cause
/// themselves.
pub fn error_chain<'a>(error: &'a (dyn Error + 'static)) -> impl fmt::Display + fmt::Debug + 'a {
    Chain(error)
}

struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !said.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            said = text;
            next = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Level {
        text: &'static str,
        source: Option<Box<Level>>,
    }

    fn level(text: &'static str, source: Option<Level>) -> Level {
        Level {
            text,
            source: source.map(Box::new),
        }
    }

    #[test]
    fn joined_without_repeats() {
        let error = level(
            "cannot start",
            Some(level("cannot listen", Some(level("in use", None)))),
        );
        assert_eq!(
            error_chain(&error).to_string(),
            "cannot start: cannot listen: in use"
        );
        let repeats = level("cannot listen: in use", Some(level("in use", None)));
        assert_eq!(error_chain(&repeats).to_string(), "cannot listen: in use");
    }
}
