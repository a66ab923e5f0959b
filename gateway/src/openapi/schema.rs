//! Schemas of messages. What is answered, what is sent, and what a PATCH may name differ, so each has its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use prost_reflect::{DynamicMessage, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, Value};
use serde_json::{Map, Value as Json, json};

use super::comment::Comments;
use crate::json::shape::{FIELD_MASK, HTTP_BODY, MONEY, TIMESTAMP, Words};
use crate::route::{Answer, Table};

/// `google.api.FieldBehavior`.
const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;
const IMMUTABLE: i32 = 5;
const IDENTIFIER: i32 = 8;
/// What the field rules hold where a field says nothing; see `libs/proto`.
const TEXT_MAX: i64 = 300;
const ITEMS_MAX: i64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Answer,
    Body,
    Patch,
}

pub(super) struct Schemas<'a> {
    table: &'a Table,
    comments: Comments,
    /// Messages that are answered; those that are only sent need no second name.
    answered: BTreeSet<String>,
    done: BTreeMap<String, Json>,
    /// Who has a short name.
    owners: HashMap<String, String>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        let mut answered = BTreeSet::new();
        for route in table.routes.iter().filter(|route| !matches!(route.answer, Answer::Nothing | Answer::File(_))) {
            reach(&route.rpc.output(), &mut answered);
        }
        let comments = Comments::read(&table.pool);
        Self { table, comments, answered, done: BTreeMap::new(), owners: HashMap::new() }
    }

    pub(super) fn comment(&self, file: &FileDescriptor, path: &[i32]) -> Option<String> {
        self.comments.of(file, path).map(str::to_owned)
    }

    /// All schemas that were referred to, with those that no message makes.
    pub(super) fn finish(mut self) -> Json {
        self.done.insert(
            "Money".to_owned(),
            json!({
                "type": "string",
                "description": "An amount with the digits of the shop's currency.",
                "pattern": "^-?[0-9]{1,15}(\\.[0-9]{1,3})?$",
                "examples": ["97.43"],
            }),
        );
        self.done.insert("Problem".to_owned(), problem());
        self.done.into_iter().collect::<Map<_, _>>().into()
    }

    /// The schema of a body, and whether there must be one. `bound` are the fields that the path gives.
    pub(super) fn body(&mut self, message: &MessageDescriptor, side: Side, bound: &[u32], rpc: &str) -> (Json, bool) {
        let given = |field: &FieldDescriptor| bound.contains(&field.number()) && self.is_shown(field, side);
        let required = message.fields().any(|field| {
            !bound.contains(&field.number()) && self.is_shown(&field, side) && self.is_required(&field, side)
        });
        let is_sent = |field: &FieldDescriptor| !bound.contains(&field.number()) && self.is_shown(field, side);
        if !message.fields().any(|field| is_sent(&field)) {
            return (json!({ "type": "object", "additionalProperties": false }), false);
        }
        if !message.fields().any(|field| given(&field)) {
            return (self.reference(message, side), required);
        }
        let name = format!("{rpc}Body");
        let schema = self.object(message, side, bound);
        self.done.insert(name.clone(), schema);
        (reference_to(&name), required)
    }

    pub(super) fn reference(&mut self, message: &MessageDescriptor, side: Side) -> Json {
        match message.full_name() {
            TIMESTAMP => return json!({ "type": "string", "format": "date-time" }),
            MONEY => return reference_to("Money"),
            _ => {}
        }
        let name = self.name(message, side);
        if !self.done.contains_key(&name) {
            // Its place is taken first, so that a message may hold itself.
            self.done.insert(name.clone(), Json::Null);
            let schema = self.object(message, side, &[]);
            self.done.insert(name.clone(), schema);
        }
        reference_to(&name)
    }

    fn name(&mut self, message: &MessageDescriptor, side: Side) -> String {
        let full = message.full_name();
        let short = match side {
            Side::Patch => format!("{}Patch", message.name()),
            Side::Body if self.answered.contains(full) => format!("{}Body", message.name()),
            Side::Body | Side::Answer => message.name().to_owned(),
        };
        let owner = self.owners.entry(short.clone()).or_insert_with(|| full.to_owned());
        if owner == full {
            return short;
        }
        // Two services may have a noun of the same name; the second one is called by its package.
        let package: String = message.package_name().split('.').skip(1).take(1).map(crate::route::camel).collect();
        format!("{package}_{short}")
    }

    fn object(&mut self, message: &MessageDescriptor, side: Side, bound: &[u32]) -> Json {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in message.fields() {
            if bound.contains(&field.number()) || !self.is_shown(&field, side) {
                continue;
            }
            if self.is_required(&field, side) {
                required.push(field.json_name().to_owned());
            }
            properties.insert(field.json_name().to_owned(), self.field(&field, side));
        }
        let mut schema = json!({ "type": "object" });
        if let Some(comment) = self.comments.of(&message.parent_file(), message.path()) {
            schema["description"] = comment.into();
        }
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema["properties"] = properties.into();
        if side != Side::Answer {
            schema["additionalProperties"] = false.into();
        }
        schema
    }

    fn is_shown(&self, field: &FieldDescriptor, side: Side) -> bool {
        if matches!(field.kind(), Kind::Message(inner) if [FIELD_MASK, HTTP_BODY].contains(&inner.full_name())) {
            return false;
        }
        let behavior = self.behavior(field);
        let hidden: &[i32] = match side {
            Side::Answer => &[],
            Side::Body => &[OUTPUT_ONLY, IDENTIFIER],
            Side::Patch => &[OUTPUT_ONLY, IDENTIFIER, IMMUTABLE],
        };
        !behavior.iter().any(|behavior| hidden.contains(behavior))
    }

    fn is_required(&self, field: &FieldDescriptor, side: Side) -> bool {
        match side {
            // Nothing is ever missing.
            Side::Answer => true,
            Side::Body => self.behavior(field).contains(&REQUIRED),
            Side::Patch => false,
        }
    }

    /// The schema of a field, as a property.
    pub(super) fn field(&mut self, field: &FieldDescriptor, side: Side) -> Json {
        let mut schema = self.bare(field, side);
        if side != Side::Answer {
            self.add_rules(field, &mut schema);
        }
        if is_optional(field) {
            schema = nullable(schema);
        }
        if let Some(comment) = self.comments.of(&field.parent_message().parent_file(), field.path()) {
            schema["description"] = comment.into();
        }
        if side == Side::Answer && self.behavior(field).iter().any(|b| [OUTPUT_ONLY, IDENTIFIER].contains(b)) {
            schema["readOnly"] = true.into();
        }
        schema
    }

    /// The schema of a query parameter.
    pub(super) fn parameter(&mut self, field: &FieldDescriptor) -> Json {
        let mut schema = self.bare(field, Side::Body);
        self.add_rules(field, &mut schema);
        if field.name() == "q" {
            schema["maxLength"] = types::Q_CHARACTERS_MAX.into();
        }
        schema
    }

    fn bare(&mut self, field: &FieldDescriptor, side: Side) -> Json {
        let one = match field.kind() {
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Enum(kind) => {
                let words: Vec<Json> = Words::of(&kind).0.iter().map(|(_, word)| json!(word)).collect();
                json!({ "type": "string", "enum": words })
            }
            // What lies in a resource is replaced as a whole.
            Kind::Message(inner) if side == Side::Patch => self.reference(&inner, Side::Body),
            Kind::Message(inner) => self.reference(&inner, side),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({ "type": "integer", "format": "int64" }),
            Kind::Uint64 | Kind::Fixed64 => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
            Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX })
            }
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Float | Kind::Double => {
                json!({ "type": "integer", "format": "int32" })
            }
        };
        if field.is_list() { json!({ "type": "array", "items": one }) } else { one }
    }

    /// What `buf.validate` and the defaults of the field rules ask.
    fn add_rules(&self, field: &FieldDescriptor, schema: &mut Json) {
        let rules = self.rules(field);
        let part = |name: &str| {
            let rules = rules.as_ref().filter(|rules| rules.has_field_by_name(name))?;
            rules.get_field_by_name(name)?.as_message().cloned()
        };
        let required = self.behavior(field).contains(&REQUIRED);
        if field.is_list() {
            let rules = part("repeated");
            let limit = |name: &str| rules.as_ref().and_then(|rules| number(rules, name));
            schema["minItems"] = limit("min_items").unwrap_or_else(|| i64::from(required)).into();
            schema["maxItems"] = limit("max_items").unwrap_or(ITEMS_MAX).into();
            return;
        }
        match field.kind() {
            Kind::String => {
                let rules = part("string");
                let limit = |name: &str| rules.as_ref().and_then(|rules| number(rules, name));
                let min = limit("min_len").unwrap_or_else(|| i64::from(required));
                if min > 0 {
                    schema["minLength"] = min.into();
                }
                schema["maxLength"] = limit("max_len").unwrap_or(TEXT_MAX).into();
                let pattern =
                    rules.as_ref().and_then(|rules| rules.get_field_by_name("pattern")?.as_str().map(str::to_owned));
                if let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) {
                    schema["pattern"] = pattern.into();
                }
                let email = rules.as_ref().and_then(|rules| rules.get_field_by_name("email")?.as_bool());
                if email == Some(true) {
                    schema["format"] = "email".into();
                }
            }
            Kind::Int32 => {
                let rules = part("int32");
                for (rule, name) in [("gte", "minimum"), ("lte", "maximum")] {
                    if let Some(bound) = rules.as_ref().and_then(|rules| number(rules, rule)) {
                        schema[name] = bound.into();
                    }
                }
            }
            _ => {}
        }
    }

    fn behavior(&self, field: &FieldDescriptor) -> Vec<i32> {
        let Some(extension) = self.table.pool.get_extension_by_name("google.api.field_behavior") else {
            return Vec::new();
        };
        let options = field.options();
        let value = options.get_extension(&extension);
        value.as_list().into_iter().flatten().filter_map(Value::as_enum_number).collect()
    }

    fn rules(&self, field: &FieldDescriptor) -> Option<DynamicMessage> {
        let extension = self.table.pool.get_extension_by_name("buf.validate.field")?;
        let options = field.options();
        options.has_extension(&extension).then(|| options.get_extension(&extension).as_message().cloned())?
    }
}

/// Every message that an answer may hold.
fn reach(message: &MessageDescriptor, seen: &mut BTreeSet<String>) {
    if seen.insert(message.full_name().to_owned()) {
        for field in message.fields() {
            if let Kind::Message(inner) = field.kind() {
                reach(&inner, seen);
            }
        }
    }
}

fn is_optional(field: &FieldDescriptor) -> bool {
    field.containing_oneof().is_some_and(|oneof| oneof.is_synthetic())
}

fn nullable(mut schema: Json) -> Json {
    let Some(kind) = schema.get("type").cloned() else {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    };
    schema["type"] = json!([kind, "null"]);
    if let Some(words) = schema.get_mut("enum").and_then(Json::as_array_mut) {
        words.push(Json::Null);
    }
    schema
}

fn reference_to(name: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn number(rules: &DynamicMessage, name: &str) -> Option<i64> {
    if !rules.has_field_by_name(name) {
        return None;
    }
    let value = rules.get_field_by_name(name)?;
    value.as_u64().and_then(|number| i64::try_from(number).ok()).or_else(|| value.as_i32().map(i64::from))
}

fn problem() -> Json {
    let error = json!({
        "type": "object",
        "required": ["field", "message"],
        "properties": {
            "field": { "type": "string", "description": "A path such as `lines[0].unitPrice`." },
            "message": { "type": "string" },
        },
    });
    json!({
        "type": "object",
        "description": "Why there is no answer (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "instance", "requestId", "errors"],
        "properties": {
            "type": { "type": "string", "description": "The page about this kind of problem." },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "What to do about it, for a person." },
            "code": { "type": "string", "description": "What to do about it, for a program; such as `STOCK_REMAINS`." },
            "instance": { "type": "string" },
            "requestId": { "type": "string" },
            "errors": { "type": "array", "items": error },
        },
    })
}
