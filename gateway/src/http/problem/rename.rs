//! Renaming of fields in problems, for callers that know the fields by other names.

use super::{FieldError, Problem, summed_up};

impl Problem {
    /// Renames fields: `own` has the caller's name for a field's name here.
    /// The names occur at the beginning of pointers and in backquotes.
    #[must_use]
    pub fn renamed(mut self, own: impl Fn(&str) -> Option<String>) -> Self {
        let inner = &mut *self.0;
        for error in &mut inner.errors {
            *error = FieldError::new(pointer(&error.pointer, &own), words(&error.detail, &own));
        }
        inner.detail = match inner.errors.as_slice() {
            [] => words(&inner.detail, &own).into(),
            errors => summed_up(inner.code, errors).into(),
        };
        self
    }
}

fn pointer(text: &str, own: impl Fn(&str) -> Option<String>) -> String {
    let path = text.strip_prefix('/').unwrap_or_default();
    let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    match own(first) {
        Some(name) => format!("/{}{rest}", name.replace('~', "~0").replace('/', "~1")),
        None => text.to_owned(),
    }
}

fn words(text: &str, own: impl Fn(&str) -> Option<String>) -> String {
    let pieces = text.split('`').enumerate();
    let pieces = pieces.map(|(n, piece)| {
        own(piece)
            .filter(|_| n % 2 == 1)
            .unwrap_or_else(|| piece.to_owned())
    });
    pieces.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Code;

    #[test]
    fn fields_are_told_by_their_other_names() {
        let own = |name: &str| (name == "url").then(|| "target/url".to_owned());
        let errors = vec![
            FieldError::new("/url", "a `url` is needed"),
            FieldError::new("/events/1", "url"),
            FieldError::new("", "the field `url` is missing"),
        ];
        let problem = Problem::fields(Code::InvalidField, errors).renamed(own);
        assert_eq!(
            problem.errors(),
            [
                FieldError::new("/target~1url", "a `target/url` is needed"),
                FieldError::new("/events/1", "url"),
                FieldError::new("", "the field `target/url` is missing"),
            ]
        );
        assert_eq!(
            problem.detail(),
            "/target~1url: a `target/url` is needed (and 2 more)"
        );
        let plain = Problem::new(Code::InvalidParameter, "`url` is no url.").renamed(own);
        assert_eq!(plain.detail(), "`target/url` is no url.");
    }
}
