//! How operations are described in the OpenAPI document: each names its tag, its id and what it does.

use aide::transform::TransformOperation;

/// An operation whose summary says it all.
pub(super) fn does(
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
) -> impl FnOnce(TransformOperation<'_>) -> TransformOperation<'_> {
    move |operation| operation.tag(tag).id(id).summary(summary)
}

/// An operation that needs more words.
pub(super) fn described(
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
) -> impl FnOnce(TransformOperation<'_>) -> TransformOperation<'_> {
    move |operation| {
        operation
            .tag(tag)
            .id(id)
            .summary(summary)
            .description(description)
    }
}
