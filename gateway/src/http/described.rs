//! OpenAPI descriptions of request headers and scopes, shared by the routes.

use aide::openapi::{
    HeaderStyle, Operation, Parameter, ParameterData, ParameterSchemaOrContent, ReferenceOr, SchemaObject,
};
use schemars::json_schema;

use super::auth::TENANT_HEADER;
use hookgate_domain::Scope;

/// Adds an optional header to an operation.
pub fn describe_header(operation: &mut Operation, name: &str, description: &str) {
    let schema = SchemaObject {
        json_schema: json_schema!({ "type": "string" }),
        external_docs: None,
        example: None,
    };
    let parameter_data = ParameterData {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(schema),
        example: None,
        examples: Default::default(),
        explode: None,
        extensions: Default::default(),
    };
    operation.parameters.push(ReferenceOr::Item(Parameter::Header {
        parameter_data,
        style: HeaderStyle::Simple,
    }));
}

/// Adds the header that names the tenant that the operator acts for.
pub fn describe_tenant_header(operation: &mut Operation) {
    describe_header(
        operation,
        TENANT_HEADER,
        "With the operator's key only: the tenant to act for.",
    );
}

/// Records the scopes of a tenant's key that permit an operation: any of them suffices.
pub fn describe_scopes(operation: &mut Operation, scopes: &[Scope]) {
    let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    operation.extensions.insert(SCOPES.to_owned(), names.into());
}

/// Extension of an operation with the permitted scopes of tenants' keys.
/// Operations without it are the operator's, or need no key.
pub const SCOPES: &str = "x-hookgate-scopes";
