//! One operation: its parameters, its body, and every answer that can really occur.

use http::Method;
use serde_json::{Map, Value as Json, json};

use super::schema::{Schemas, Side};
use crate::route::{Access, Answer, BodyRule, Route, Table, camel};

/// Every kind of problem: status, when it occurs, whether it says when to come again.
const PROBLEMS: [(u16, &str, bool); 13] = [
    (400, "The request is wrong: `errors` says where.", false),
    (401, "Nobody is signed in, or the access token does not hold.", false),
    (403, "The user, or how he signed in, is not enough for this.", false),
    (404, "There is no such thing.", false),
    (408, "The body came too slowly.", false),
    (409, "Not possible now: something exists already, or is in another state.", false),
    (412, "It was changed after the version that `If-Match` names.", false),
    (413, "The body is too long.", false),
    (415, "The body is of another kind than is taken here.", false),
    (429, "Too many requests.", true),
    (500, "Our mistake.", false),
    (503, "A part of the system is away; try again.", true),
    (504, "No answer came in time; the outcome is unknown.", false),
];

/// Those that any operation may answer.
const ALWAYS: [u16; 5] = [400, 429, 500, 503, 504];

pub(super) fn problem_responses() -> Json {
    let content = json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let responses = PROBLEMS.iter().map(|(status, description, retry)| {
        let mut response = json!({ "description": description, "content": content });
        if *retry {
            response["headers"] = json!({ "Retry-After": header("Seconds until the next try.", "integer") });
        }
        (status.to_string(), response)
    });
    responses.collect::<Map<_, _>>().into()
}

pub(super) fn of(table: &Table, route: &Route, tag: &str, services: &[&str], schemas: &mut Schemas<'_>) -> Json {
    let rpc = &route.rpc;
    let comment = schemas.comment(&rpc.parent_file(), rpc.path()).unwrap_or_default();
    let summary = match comment.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => comment.clone(),
    };
    let grpc = format!("{}/{}", rpc.parent_service().full_name(), rpc.name());
    let mut operation = json!({
        "operationId": rpc.name(),
        "tags": [tag],
        "summary": summary,
        "x-permission": route.options.access.to_string(),
        "x-rpc": grpc,
        "security": match route.options.access {
            Access::Public => json!([]),
            _ => json!([{ "bearer": [] }]),
        },
        "parameters": parameters(table, route, services, schemas),
    });
    if let Some(permission) = &route.options.approval {
        operation["x-approval"] = permission.as_str().into();
    }
    if comment != summary {
        operation["description"] = comment.into();
    }
    if let Some(body) = body(route, schemas) {
        operation["requestBody"] = body;
    }
    operation["responses"] = responses(route, schemas);
    operation
}

fn parameters(table: &Table, route: &Route, services: &[&str], schemas: &mut Schemas<'_>) -> Vec<Json> {
    let mut list = Vec::new();
    if route.options.each_service {
        let schema = json!({ "type": "string", "enum": services });
        let description = "The service that is asked.";
        list.push(
            json!({ "name": "service", "in": "path", "required": true, "description": description, "schema": schema }),
        );
    }
    for variable in &route.variables {
        let mut schema = json!({ "type": "string", "minLength": 1 });
        if variable.public == "id" || variable.public.ends_with("Id") {
            schema = json!({ "type": "string", "format": "uuid" });
        }
        list.push(json!({ "name": variable.public, "in": "path", "required": true, "schema": schema }));
    }
    let listing = is_list(route);
    for (place, field) in route.rpc.input().fields().enumerate() {
        let known = &table.shapes[route.input].fields[place];
        let in_path = route
            .variables
            .iter()
            .any(|variable| variable.fields.len() == 1 && variable.fields[0].number == field.number());
        let names_service = route.options.each_service && field.name() == "service";
        if in_path || names_service || !crate::transcode::in_query(route, known) {
            continue;
        }
        let mut parameter = json!({ "name": field.json_name(), "in": "query", "schema": schemas.parameter(&field) });
        if let Some(comment) = schemas.comment(&field.parent_message().parent_file(), field.path()) {
            parameter["description"] = comment.into();
        }
        if listing {
            describe_list_parameter(field.name(), &mut parameter);
        }
        list.push(parameter);
    }
    if route.method == Method::POST {
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        let description = match route.options.secret_answer {
            false => "Makes the request safe to repeat: it takes effect once.",
            true => "Of no effect here: an answer that holds a secret is not kept.",
        };
        let required = route.options.key_required;
        list.push(json!({ "name": "Idempotency-Key", "in": "header", "required": required, "description": description, "schema": schema }));
    }
    if let Some(field) = &route.options.cookie {
        let schema = json!({ "type": "string", "enum": ["cookie"] });
        let description = format!("A browser keeps `{}` in a cookie that no script can read.", camel(field));
        list.push(json!({ "name": "X-Refresh", "in": "header", "required": false, "description": description, "schema": schema }));
    }
    if let Some(permission) = &route.options.approval {
        let schema = json!({ "type": "string", "minLength": 1 });
        let description = format!("The approval (`POST /v1/approvals`) that a user without {permission} may need.");
        list.push(json!({ "name": "X-Approval-Token", "in": "header", "required": false, "description": description, "schema": schema }));
    }
    if takes_if_match(route) {
        let schema = json!({ "type": "string", "pattern": "^(\"[!#-+\\--~]{1,200}\"|\\*)$" });
        let description = "The `ETag` that was seen; when it is no longer current, nothing is changed.";
        list.push(json!({ "name": "If-Match", "in": "header", "required": false, "description": description, "schema": schema }));
    }
    list
}

/// A view of one thing, such as the receipt of a sale, may need it to be in another state.
fn is_view(route: &Route) -> bool {
    !route.variables.is_empty() && !route.template.ends_with('}') && !is_list(route)
}

/// The one list convention.
fn is_list(route: &Route) -> bool {
    ["page", "limit", "q", "sort", "order"].iter().all(|name| route.rpc.input().get_field_by_name(name).is_some())
}

fn describe_list_parameter(name: &str, parameter: &mut Json) {
    let (description, bounds) = match name {
        "page" => ("Counted from 1; 0 is the first, too.", json!({ "minimum": 0, "default": 1 })),
        "limit" => ("Rows on a page; more than 100 are 100, and 0 is 25.", json!({ "minimum": 0, "default": 25 })),
        "q" => ("What to search for.", json!({})),
        "sort" => ("The field to sort by; an unknown one is refused with the names that there are.", json!({})),
        "order" => ("The direction of the sort.", json!({})),
        _ => return,
    };
    parameter["description"] = description.into();
    if let (Some(schema), Json::Object(bounds)) = (parameter["schema"].as_object_mut(), bounds) {
        schema.extend(bounds);
    }
}

fn takes_if_match(route: &Route) -> bool {
    let asks = matches!(&route.options.access, Access::Permission(word) if word.ends_with(".view"));
    let reads = route.method == Method::GET || route.options.secret_answer || asks;
    !reads && route.etag.is_some() && route.created.is_none()
}

fn body(route: &Route, schemas: &mut Schemas<'_>) -> Option<Json> {
    let bound: Vec<u32> = match &route.body {
        BodyRule::None => return None,
        BodyRule::File(_) => {
            let schema = json!({ "type": "string", "format": "binary" });
            let kinds = &route.options.upload_media_types;
            let kinds = if kinds.is_empty() {
                vec!["application/octet-stream"]
            } else {
                kinds.iter().map(String::as_str).collect()
            };
            let content = kinds.into_iter().map(|kind| (kind.to_owned(), json!({ "schema": schema })));
            return Some(json!({ "required": true, "content": content.collect::<Map<_, _>>() }));
        }
        BodyRule::Whole => route.variables.iter().filter(|v| v.fields.len() == 1).map(|v| v.fields[0].number).collect(),
        BodyRule::Field { field, .. } => {
            let inside = route.variables.iter().filter(|v| v.fields.len() == 2 && v.fields[0].number == field.number);
            inside.map(|v| v.fields[1].number).collect()
        }
    };
    let message = match &route.body {
        BodyRule::Field { field, .. } => match route.rpc.input().get_field(field.number)?.kind() {
            prost_reflect::Kind::Message(message) => message,
            _ => return None,
        },
        _ => route.rpc.input(),
    };
    let side = if route.mask.is_some() { Side::Patch } else { Side::Body };
    let (schema, required) = schemas.body(&message, side, &bound, route.rpc.name());
    Some(json!({ "required": required, "content": { "application/json": { "schema": schema } } }))
}

fn responses(route: &Route, schemas: &mut Schemas<'_>) -> Json {
    let mut responses = Map::new();
    let (status, response) = done(route, schemas);
    responses.insert(status.to_owned(), response);
    for (status, ..) in PROBLEMS.iter().filter(|(status, ..)| occurs(route, *status)) {
        responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{status}") }));
    }
    responses.into()
}

fn occurs(route: &Route, status: u16) -> bool {
    let public = route.options.access == Access::Public;
    let has_body = !matches!(route.body, BodyRule::None);
    match status {
        // Who need not sign in may still show a token or a password that does not hold.
        401 => !public || has_body,
        // Who came by a PIN, or whose approver is refused, is told so where he changes something of his own.
        403 => match route.options.access {
            Access::Permission(_) => true,
            Access::SignedIn => route.method != Method::GET,
            Access::Public | Access::Service => route.options.is_sign_in(),
        },
        404 => !public && !is_list(route) || !route.variables.is_empty() || route.options.each_service,
        409 => route.method != Method::GET || is_view(route),
        412 => takes_if_match(route),
        408 | 413 | 415 => has_body,
        status => ALWAYS.contains(&status),
    }
}

fn done(route: &Route, schemas: &mut Schemas<'_>) -> (&'static str, Json) {
    let mut headers = Map::new();
    if route.etag.is_some() {
        headers.insert("ETag".to_owned(), header("The version of what is answered.", "string"));
    }
    if route.created.is_some() {
        headers.insert("Location".to_owned(), header("Where the created thing is found.", "string"));
    }
    if route.method == Method::POST && !route.options.secret_answer {
        headers.insert("Idempotency-Replayed".to_owned(), header("`true` when the answer is from memory.", "string"));
    }
    let (kind, schema) = match &route.answer {
        Answer::Nothing => return ("204", response(headers, Map::new())),
        Answer::File(_) => {
            let kind = route.options.media_type.as_deref();
            let schema = if kind == Some("application/json") {
                json!({ "type": "object" })
            } else {
                json!({ "type": "string" })
            };
            (kind.unwrap_or_else(|| file_kind(&route.template)), schema)
        }
        Answer::Message(_) => ("application/json", schemas.reference(&route.rpc.output(), Side::Answer)),
        Answer::Field(_) => {
            let schema = route.answer_field().map(|field| schemas.field(&field, Side::Answer));
            ("application/json", schema.unwrap_or_default())
        }
    };
    let status = if route.created.is_some() { "201" } else { "200" };
    let mut content = Map::new();
    content.insert(kind.to_owned(), json!({ "schema": schema }));
    (status, response(headers, content))
}

fn response(headers: Map<String, Json>, content: Map<String, Json>) -> Json {
    let mut response = json!({ "description": "Done." });
    for (name, part) in [("headers", headers), ("content", content)] {
        if !part.is_empty() {
            response[name] = part.into();
        }
    }
    response
}

/// A file's kind is known by the end of its path.
fn file_kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html",
        Some("csv") => "text/csv",
        Some("pdf") => "application/pdf",
        Some("txt") => "text/plain",
        _ => "application/octet-stream",
    }
}

fn header(description: &str, kind: &str) -> Json {
    json!({ "description": description, "schema": { "type": kind } })
}
