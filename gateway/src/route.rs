//! The route table: one row for each REST binding of an RPC, read from `google.api.http` at start.
//!
//! A bad rule is an error here, and the process does not start: no rule is ever found wrong by a caller.

mod build;
mod options;
mod template;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use http::Method;
use http::uri::PathAndQuery;
use prost_reflect::{DescriptorPool, FieldDescriptor, MethodDescriptor};

pub use options::{Access, Options};
pub use template::camel;

use crate::json::{Field, Kind, ShapeId, Shapes};

/// All routes, and the shapes of what they carry.
#[derive(Debug)]
pub struct Table {
    pub pool: DescriptorPool,
    pub shapes: Arc<Shapes>,
    pub routes: Vec<Arc<Route>>,
    /// The services there are: the third word of the packages that have their own RPCs.
    pub services: BTreeSet<String>,
}

/// One REST binding of one RPC.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    /// As declared, such as `/v1/products/{product.id}`; with the service's name where each answers for itself.
    pub template: String,
    /// As callers know it: variables are named by their last word, such as `/v1/products/{id}`.
    pub public: String,
    /// The same before a service was named; one operation of the OpenAPI document.
    pub operation: String,
    /// Which service is asked.
    pub service: String,
    pub rpc: MethodDescriptor,
    /// The RPC on the wire, `/package.Service/Method`.
    pub wire_path: PathAndQuery,
    pub options: Options,
    pub input: ShapeId,
    pub variables: Vec<Variable>,
    pub body: BodyRule,
    /// The update mask, filled from the keys of the body.
    pub mask: Option<u32>,
    /// What the message begins with: the field that names the service.
    pub prefix: Vec<u8>,
    pub answer: Answer,
    pub created: Option<Created>,
    /// The etag of what is answered.
    pub etag: Option<u32>,
    /// The answer comes in a stream.
    pub download: Option<Download>,
    /// It may take long.
    pub slow: bool,
}

/// What the first message of a streamed file may say beside the file.
#[derive(Clone, Copy, Debug)]
pub struct Download {
    /// The field `filename`.
    pub filename: Option<u32>,
    /// The field `size_bytes`.
    pub size: Option<u32>,
}

/// A variable of the path.
#[derive(Debug)]
pub struct Variable {
    /// Which segment of the path, counted from the leading slash.
    pub segment: usize,
    /// From the request down to the value.
    pub fields: Vec<Field>,
    /// As callers know it.
    pub public: String,
}

#[derive(Clone, Debug)]
pub enum BodyRule {
    None,
    Whole,
    Field {
        field: Field,
        shape: ShapeId,
    },
    /// The bytes themselves, in a stream.
    File(Field),
}

/// What an answer's body is.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 204.
    Nothing,
    Message(ShapeId),
    /// One field of the answer, bare: a message or a list.
    Field(Field),
    /// Bytes with their own content type.
    File(Field),
}

/// Where a created thing is found.
#[derive(Debug)]
pub struct Created {
    /// The field of the answered message that holds its id.
    pub id: u32,
    /// Such as `/v1/members/`; without a route of its own it is the path that was posted to.
    pub collection: Option<String>,
}

impl Table {
    /// Reads the table from an encoded descriptor set.
    ///
    /// # Errors
    /// The first rule that is wrong, with the RPC that has it.
    pub fn read(descriptors: &[u8]) -> Result<Self, String> {
        let pool = DescriptorPool::decode(descriptors).map_err(|error| error.to_string())?;
        build::table(pool)
    }

    /// One line for each route, for review: what is served, by which RPC, to whom.
    pub fn listing(&self, by_hand: &[(&str, &str, &str)]) -> String {
        let mut lines: Vec<(String, String, String)> = self
            .routes
            .iter()
            .map(|route| {
                let rpc = format!("{}/{}", route.rpc.parent_service().full_name(), route.rpc.name());
                let rpc = rpc.trim_start_matches("lunarfront.");
                let approval = route.options.approval.as_ref().map(|word| format!("  approval {word}"));
                let cookie = route.options.cookie.as_ref().map(|field| format!("  cookie {field}"));
                let access = [Some(route.options.access.to_string()), approval, cookie];
                let access: String = access.into_iter().flatten().collect();
                (route.template.clone(), route.method.to_string(), format!("{rpc}  {access}"))
            })
            .chain(by_hand.iter().map(|(method, path, access)| {
                ((*path).to_owned(), (*method).to_owned(), format!("(by hand)  {access}"))
            }))
            .collect();
        lines.sort();
        let mut text = String::new();
        for (path, method, rest) in lines {
            writeln!(text, "{method} {path}  {rest}").expect("a string takes all");
        }
        text
    }

    /// Every RPC that a user may call, by its path on the wire, with the service that answers it.
    pub fn rpcs(&self) -> Vec<(MethodDescriptor, Options, Option<String>)> {
        let mut rpcs = Vec::new();
        for service in self.pool.services().filter(|service| service.full_name().starts_with("lunarfront.")) {
            for rpc in service.methods() {
                let options = Options::of(&self.pool, &rpc);
                let owner = (!options.each_service).then(|| build::owner(&rpc)).flatten();
                rpcs.push((rpc, options, owner));
            }
        }
        rpcs
    }
}

impl Route {
    /// The field of the answer that the body is made of, when it is only one.
    pub fn answer_field(&self) -> Option<FieldDescriptor> {
        match &self.answer {
            Answer::Field(field) | Answer::File(field) => self.rpc.output().get_field(field.number),
            Answer::Nothing | Answer::Message(_) => None,
        }
    }

    /// Whether repeating a call does no harm. Answers that hold secrets are not kept for replay.
    pub fn repeatable(&self, with_key: bool) -> bool {
        self.method == Method::GET || (with_key && !self.options.secret_answer)
    }

    /// The JSON path of a field that a service blames by its proto path, relative to the body.
    pub fn json_path(&self, shapes: &Shapes, path: &str) -> String {
        let mut shape = Some(self.input);
        let mut words = path.split('.').peekable();
        if let BodyRule::Field { field, shape: inner } = &self.body {
            let first = words.peek().copied().unwrap_or_default();
            if first == &*field.name && path.len() > first.len() {
                words.next();
                shape = Some(*inner);
            } else if shapes[self.input].field(bare(first)).is_none() {
                // An update blames what its mask names, and the mask is relative to the resource.
                shape = Some(*inner);
            }
        }
        let mut out = String::new();
        for word in words {
            if !out.is_empty() {
                out.push('.');
            }
            let name = bare(word);
            let field = shape.and_then(|shape| shapes[shape].field(name));
            match field {
                Some(field) => out.push_str(&field.json_name),
                None => out.push_str(&camel(name)),
            }
            out.push_str(&word[name.len()..]);
            shape = field.and_then(|field| match field.kind {
                Kind::Message(inner) => Some(inner),
                _ => None,
            });
        }
        out
    }
}

/// A word of a path without its index.
fn bare(word: &str) -> &str {
    word.split('[').next().unwrap_or(word)
}
