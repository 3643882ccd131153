//! Descriptions of operations in the OpenAPI document: tag, id and summary of each.

use aide::transform::TransformOperation;

/// Describes an operation by its summary alone.
pub(super) fn does(
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
) -> impl FnOnce(TransformOperation<'_>) -> TransformOperation<'_> {
    move |operation| operation.tag(tag).id(id).summary(summary)
}

/// Describes an operation by a summary and a longer text.
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
