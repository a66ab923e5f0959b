//! The OpenAPI 3.1 document, made from the same rows that are served.

mod comment;
mod operation;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

use crate::route::{Route, Table};
use schema::Schemas;

const INTRODUCTION: &str = "\
What the shop's software does, over HTTP and JSON.

* Sign in with `POST /v1/auth/login` and send the access token as `Authorization: Bearer …`.
* Names are camelCase. Money is a decimal string with the digits of the shop's currency, such as `\"97.43\"`. Times are \
RFC 3339 in UTC, days are `YYYY-MM-DD`. What is absent is `null`, never missing; a blank string for a field that may be \
`null` counts as `null`. Names that nothing has are refused.
* Lists take `page`, `limit` (25, at most 100), `q`, `sort` and `order`, and answer `{data, pagination}`.
* `PATCH` changes the fields that the body names, and no others.
* Send an `Idempotency-Key` with `POST`, and the same one when you repeat it: it takes effect once. An answer from memory \
has the header `Idempotency-Replayed: true`.
* What has an `etag` also answers it as `ETag`; send it as `If-Match` to change only what you have seen.
* Errors are problems (RFC 9457) with a `code`, the `requestId`, and `errors` by field.
* `GET /v1/events` is a stream of server-sent events that tells what changed, as far as the caller may see it. Each event \
has an `id`; send the last one as `Last-Event-ID` (or `?lastEventId=`) to go on where you were. The stream ends with the \
access token. It is no part of `paths` below, because it does not end by itself.
* Every RPC behind this document can also be called by gRPC-web, as `POST /<package>.<Service>/<Method>`.";

/// The document as it is served. Making it takes more memory than all else here, so it waits until somebody asks.
pub struct Served {
    descriptors: &'static [u8],
    text: OnceLock<Bytes>,
}

impl Served {
    /// `descriptors` are those of the table with their comments.
    pub const fn new(descriptors: &'static [u8]) -> Self {
        Self { descriptors, text: OnceLock::new() }
    }

    pub fn text(&self) -> Bytes {
        let made = self.text.get_or_init(|| {
            let table = Table::read(self.descriptors).expect("the rules hold without comments, too");
            serde_json::to_vec(&document(&table)).expect("the document is JSON").into()
        });
        made.clone()
    }
}

/// Makes the document.
pub fn document(table: &Table) -> Json {
    let mut schemas = Schemas::new(table);
    let mut paths: BTreeMap<&str, Map<String, Json>> = BTreeMap::new();
    let mut tags = BTreeSet::new();
    for (route, services) in operations(table) {
        let tag = if route.options.each_service { "each service" } else { &route.service };
        tags.insert(tag.to_owned());
        let operation = operation::of(table, route, tag, &services, &mut schemas);
        paths.entry(&route.operation).or_default().insert(route.method.as_str().to_ascii_lowercase(), operation);
    }
    let mut paths: Map<String, Json> =
        paths.into_iter().map(|(path, methods)| (path.to_owned(), methods.into())).collect();
    paths.insert("/v1/version".to_owned(), version());
    tags.insert("gateway".to_owned());
    json!({
        "openapi": "3.1.0",
        "info": { "title": "LunarFront", "version": env!("CARGO_PKG_VERSION"), "description": INTRODUCTION },
        "servers": [{ "url": "/" }],
        "tags": tags.into_iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "responses": operation::problem_responses(),
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
        },
    })
}

/// The routes, those that each service answers taken together, with the services that do.
fn operations(table: &Table) -> Vec<(&Route, Vec<&str>)> {
    let mut operations: Vec<(&Route, Vec<&str>)> = Vec::new();
    for route in &table.routes {
        let same =
            operations.iter_mut().find(|(known, _)| known.method == route.method && known.operation == route.operation);
        match same {
            Some((_, services)) => services.push(&route.service),
            None => operations.push((route, vec![&route.service])),
        }
    }
    operations
}

fn version() -> Json {
    let schema = json!({
        "type": "object",
        "required": ["version", "commit"],
        "properties": { "version": { "type": "string" }, "commit": { "type": "string" } },
    });
    json!({ "get": {
        "operationId": "GetVersion",
        "tags": ["gateway"],
        "summary": "Gets the version of the gateway.",
        "security": [],
        "x-permission": "public",
        "responses": {
            "200": { "description": "Done.", "content": { "application/json": { "schema": schema } } },
            "429": { "$ref": "#/components/responses/429" },
        },
    }})
}
