//! The OpenAPI document: what its annotations at the handlers do not say one by one.
//!
//! Every path may refuse the host that was asked for, every closed one a wrong token, every one that
//! takes something what it cannot read; and each failure is a problem document. Said here, once.

use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
};

use super::api::Plan;

/// The bytes of a component.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only described: the bytes are read as they come")]
pub(super) struct Wasm(Vec<u8>);

/// Bytes of any kind.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only described: the bytes are sent as they are kept")]
pub(super) struct Octets(Vec<u8>);

/// The form that deploys one component.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: its parts are read one by one")]
pub(super) struct ComponentForm {
    /// The Wasm.
    #[schema(value_type = String, format = Binary)]
    component: Vec<u8>,
    /// As in a manifest's `[service.NAME]`, without `component` and `version`.
    #[schema(value_type = Option<Object>)]
    settings: Option<()>,
}

/// The form that deploys an app. Beside `plan` it has a part for each component, named by its digest.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: its parts are read one by one")]
pub(super) struct DeploymentForm {
    /// What to deploy.
    plan: Plan,
}

const PROBLEM: &str = "application/problem+json";

/// Parameters that are more than any text: by name, as a pattern of ECMA 262.
const PATTERNS: [(&str, &str); 5] = [
    ("name", "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"),
    ("service", "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"),
    ("number", "^[0-9]{1,9}-[0-9]{1,5}$"),
    ("digest", "^sha256:[0-9a-f]{64}$"),
    ("version", "^(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})(-[a-z]+)?$"),
];

/// The frame of the document.
pub(super) fn frame() -> OpenApi {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("DATA/admin-token")).build();
    let mut components = Components::new();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    OpenApiBuilder::new()
        .info(InfoBuilder::new().title("Holm admin API").version(env!("CARGO_PKG_VERSION")).build())
        .components(Some(components))
        .security(Some([SecurityRequirement::new("token", Vec::<String>::new())]))
        .build()
}

/// Adds to each path what is true of all.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(complete_one);
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}

fn complete_one(operation: &mut Operation) {
    let takes_something = operation.parameters.is_some() || operation.request_body.is_some();
    let closed = operation.security.is_none();
    let failures = [
        ("400", takes_something, "The request is not valid."),
        ("401", closed, "The token is missing, or another one."),
        ("421", true, "The request is meant for another host."),
    ];
    let responses = &mut operation.responses.responses;
    for (status, _, description) in failures.into_iter().filter(|(_, applies, _)| *applies) {
        let response = ResponseBuilder::new().description(description).build();
        responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
    for (status, response) in responses {
        if let (RefOr::T(response), false) = (response, status.starts_with('2')) {
            response.content = [(PROBLEM.to_owned(), RefOr::T(problem()))].into_iter().collect();
        }
    }
    let parameters = operation.parameters.iter_mut().flatten();
    parameters.for_each(|parameter| {
        if let RefOr::T(parameter) = parameter {
            narrow(parameter);
        }
    });
}

fn problem() -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build()
}

fn narrow(parameter: &mut Parameter) {
    let pattern = PATTERNS.into_iter().find(|(name, _)| *name == parameter.name);
    if let (Some((_, pattern)), Some(RefOr::T(Schema::Object(schema)))) = (pattern, &mut parameter.schema) {
        schema.pattern = Some(pattern.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::admin::openapi;

    /// Each operation with its path.
    fn operations() -> Vec<(String, Value)> {
        let document = serde_json::to_value(openapi()).unwrap();
        let paths = document["paths"].as_object().unwrap().clone();
        let of = |(path, item): (String, Value)| -> Vec<(String, Value)> {
            item.as_object().unwrap().values().map(|operation| (path.clone(), operation.clone())).collect()
        };
        paths.into_iter().flat_map(of).collect()
    }

    #[test]
    fn a_query_is_documented_as_a_part_of_the_path() {
        for (path, operation) in operations() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                assert_eq!(parameter["in"] == "path", path.contains(&format!("{{{name}}}")), "{path} {parameter:#}");
            }
        }
    }

    #[test]
    fn a_failure_is_documented_as_something_else_than_a_problem() {
        for (path, operation) in operations() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(operation.get("security").is_some() || responses.contains_key("401"), "{path}");
            for (status, response) in responses.iter().filter(|(status, _)| !status.starts_with('2')) {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{path} {status}");
            }
        }
    }

    #[test]
    fn a_component_is_documented_as_a_list_of_numbers() {
        let document = serde_json::to_value(openapi()).unwrap();
        let schemas = &document["components"]["schemas"];
        assert_eq!((&schemas["Wasm"]["type"], &schemas["Wasm"]["format"]), (&"string".into(), &"binary".into()));
        assert!(schemas["Plan"].is_object() && schemas["DeploymentForm"]["properties"]["plan"].is_object());
    }
}
