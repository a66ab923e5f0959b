//! Reads the table from the descriptors, and refuses what cannot be served.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use http::Method;
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, Kind as ProtoKind, MessageDescriptor, MethodDescriptor,
};

use super::template::{Segment, parse, public, render};
use super::{Access, Answer, BodyRule, Created, Download, Options, Route, Table, Variable};
use crate::json::shape::{FIELD_MASK, HTTP_BODY};
use crate::json::wire::put_bytes;
use crate::json::{Field, Kind, Shapes};

/// The path variable that says which service is asked, where each answers for itself.
const SERVICE: &str = "service";
/// Routes below may take the long deadline.
const SLOW: &str = "/v1/reports/";

pub(super) fn table(pool: DescriptorPool) -> Result<Table, String> {
    let http =
        pool.get_extension_by_name("google.api.http").ok_or("the descriptor set lacks google/api/annotations.proto")?;
    let rpcs: Vec<MethodDescriptor> = pool
        .services()
        .filter(|service| service.full_name().starts_with("lunarfront."))
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    let services: BTreeSet<String> =
        rpcs.iter().filter(|rpc| !Options::of(&pool, rpc).each_service).filter_map(owner).collect();
    let mut builder = Builder { pool: &pool, http, services: &services, shapes: Shapes::default(), routes: Vec::new() };
    for rpc in rpcs {
        let name = rpc.full_name().to_owned();
        builder.rpc(rpc).map_err(|error| format!("{name}: {error}"))?;
    }
    let Builder { shapes, mut routes, .. } = builder;
    unique(&routes)?;
    name_places(&mut routes);
    let routes = routes.into_iter().map(Arc::new).collect();
    Ok(Table { shapes: Arc::new(shapes), routes, services, pool })
}

/// The service of an RPC: the second word of its package, `lunarfront.pos.v1`.
pub(super) fn owner(rpc: &MethodDescriptor) -> Option<String> {
    rpc.parent_service().package_name().split('.').nth(1).map(str::to_owned)
}

struct Builder<'a> {
    pool: &'a DescriptorPool,
    http: ExtensionDescriptor,
    services: &'a BTreeSet<String>,
    shapes: Shapes,
    routes: Vec<Route>,
}

impl Builder<'_> {
    fn rpc(&mut self, rpc: MethodDescriptor) -> Result<(), String> {
        let options = rpc.options();
        if !options.has_extension(&self.http) {
            return Ok(());
        }
        let rule = options.get_extension(&self.http).into_owned();
        let rule = rule.as_message().ok_or("google.api.http is no message")?;
        if !rule.get_field_by_name("additional_bindings").is_none_or(|more| more.as_list().is_none_or(<[_]>::is_empty))
        {
            return Err("one RPC has one route".to_owned());
        }
        let options = Options::of(self.pool, &rpc);
        if options.access == Access::Service {
            return Err("it has a route, and nobody from outside may call it".to_owned());
        }
        let (method, template) = binding(rule)?;
        let segments = parse(&template).map_err(|error| format!("{template} {error}"))?;
        if !options.each_service {
            let service = owner(&rpc).ok_or("its package names no service")?;
            return self.route(&rpc, rule, &options, &method, &segments, &segments, &service);
        }
        if !segments.contains(&Segment::Variable(SERVICE)) {
            return Err(format!("each service answers it, so its path must hold {{{SERVICE}}}"));
        }
        for service in self.services {
            let own: Vec<Segment<'_>> = segments
                .iter()
                .map(|segment| match segment {
                    Segment::Variable(SERVICE) => Segment::Literal(service),
                    other => other.clone(),
                })
                .collect();
            self.route(&rpc, rule, &options, &method, &own, &segments, service)?;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "all that a row is made of, at its only place")]
    fn route(
        &mut self,
        rpc: &MethodDescriptor,
        rule: &DynamicMessage,
        options: &Options,
        method: &Method,
        segments: &[Segment<'_>],
        declared: &[Segment<'_>],
        service: &str,
    ) -> Result<(), String> {
        let input = self.shapes.add(&rpc.input())?;
        let body = self.body(rpc, &text(rule, "body"))?;
        if !matches!(body, BodyRule::None) && (method == Method::GET || method == Method::DELETE) {
            return Err(format!("{method} takes no body"));
        }
        let answer = self.answer(rpc, &text(rule, "response_body"))?;
        let download = streamed(rpc, options, &body, &answer)?;
        let mut prefix = Vec::new();
        if options.each_service {
            let field = self.shapes[input].field(SERVICE).filter(|field| matches!(field.kind, Kind::Text));
            put_bytes(&mut prefix, field.ok_or("the request has no text field service")?.number, service.as_bytes());
        }
        let variables = self.variables(rpc, segments)?;
        let mask =
            rpc.input().fields().find(|f| matches!(f.kind(), ProtoKind::Message(m) if m.full_name() == FIELD_MASK));
        let mask = match (method == Method::PATCH, mask, &body) {
            (true, Some(mask), BodyRule::Field { .. }) => Some(mask.number()),
            (true, ..) => return Err("PATCH needs a body field and a mask".to_owned()),
            (false, Some(_), _) => return Err("only PATCH fills a mask".to_owned()),
            (false, None, _) => None,
        };
        let resource = answered(rpc, &answer);
        let field_number = |name: &str| resource.as_ref()?.get_field_by_name(name).map(|field| field.number());
        let verb = if rpc.is_client_streaming() { "Upload" } else { "Create" };
        let creates = method == Method::POST && rpc.name().starts_with(verb);
        let template = render(segments, |_, path| format!("{{{path}}}"));
        self.routes.push(Route {
            method: method.clone(),
            public: render(segments, |_, path| format!("{{{}}}", public(path))),
            operation: render(declared, |_, path| format!("{{{}}}", public(path))),
            service: service.to_owned(),
            wire_path: format!("/{}/{}", rpc.parent_service().full_name(), rpc.name())
                .parse()
                .map_err(|error| format!("{error}"))?,
            options: options.clone(),
            input,
            variables,
            body,
            mask,
            prefix,
            created: creates.then(|| field_number("id")).flatten().map(|id| Created { id, collection: None }),
            etag: field_number("etag"),
            answer,
            download,
            slow: template.starts_with(SLOW),
            template,
            rpc: rpc.clone(),
        });
        Ok(())
    }

    fn body(&mut self, rpc: &MethodDescriptor, name: &str) -> Result<BodyRule, String> {
        match name {
            "" => Ok(BodyRule::None),
            "*" => Ok(BodyRule::Whole),
            name => {
                let field = self.field(&rpc.input(), name)?;
                match field.kind {
                    Kind::Message(shape) if !field.repeated => Ok(BodyRule::Field { field, shape }),
                    Kind::File if !field.repeated && rpc.is_client_streaming() => Ok(BodyRule::File(field)),
                    _ => Err(format!("the body {name} is no message")),
                }
            }
        }
    }

    fn answer(&mut self, rpc: &MethodDescriptor, name: &str) -> Result<Answer, String> {
        let output = rpc.output();
        if name.is_empty() {
            if output.fields().len() == 0 {
                return Ok(Answer::Nothing);
            }
            return self.shapes.add(&output).map(Answer::Message);
        }
        let field = self.field(&output, name)?;
        Ok(if matches!(field.kind, Kind::File) && !field.repeated { Answer::File(field) } else { Answer::Field(field) })
    }

    fn variables(&mut self, rpc: &MethodDescriptor, segments: &[Segment<'_>]) -> Result<Vec<Variable>, String> {
        let mut variables = Vec::new();
        for (segment, piece) in segments.iter().enumerate() {
            let Segment::Variable(path) = piece else { continue };
            let mut message = rpc.input();
            let mut fields = Vec::new();
            let mut words = path.split('.').peekable();
            while let Some(word) = words.next() {
                let field = self.field(&message, word)?;
                let descriptor = message.get_field(field.number).ok_or("a field has its number")?;
                match (descriptor.kind(), words.peek(), &field.kind) {
                    _ if field.repeated => return Err(format!("{path} goes through a list")),
                    (ProtoKind::Message(inner), Some(_), Kind::Message(_)) => message = inner,
                    (_, None, Kind::Text | Kind::Int(_) | Kind::Enum(_)) => {}
                    _ => return Err(format!("{path} is no text, number or word")),
                }
                fields.push(field);
            }
            variables.push(Variable { segment, fields, public: public(path) });
        }
        Ok(variables)
    }

    fn field(&mut self, message: &MessageDescriptor, name: &str) -> Result<Field, String> {
        let shape = self.shapes.add(message)?;
        let field = self.shapes[shape].field(name);
        field.cloned().ok_or_else(|| format!("{} has no field {name}", message.full_name()))
    }
}

/// Of streams only files have a REST form: one that is sent, or one that is answered.
fn streamed(
    rpc: &MethodDescriptor,
    options: &Options,
    body: &BodyRule,
    answer: &Answer,
) -> Result<Option<Download>, String> {
    let (up, down) = (rpc.is_client_streaming(), rpc.is_server_streaming());
    let fits = match (up, down) {
        (false, false) => true,
        (true, false) => matches!(body, BodyRule::File(_)),
        (false, true) => matches!(answer, Answer::File(_)),
        (true, true) => false,
    };
    if !fits {
        return Err("a stream has no REST form, unless it is a google.api.HttpBody".to_owned());
    }
    if up && options.upload_bytes_max.is_none() {
        return Err("an upload names upload_bytes_max".to_owned());
    }
    let number = |name: &str| rpc.output().get_field_by_name(name).map(|field| field.number());
    Ok(down.then(|| Download { filename: number("filename"), size: number("size_bytes") }))
}

fn text(rule: &DynamicMessage, name: &str) -> String {
    rule.get_field_by_name(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn binding(rule: &DynamicMessage) -> Result<(Method, String), String> {
    let verbs = [
        (Method::GET, "get"),
        (Method::POST, "post"),
        (Method::PUT, "put"),
        (Method::PATCH, "patch"),
        (Method::DELETE, "delete"),
    ];
    let found = verbs.into_iter().map(|(method, name)| (method, text(rule, name))).find(|(_, path)| !path.is_empty());
    found.ok_or_else(|| "google.api.http names no path".to_owned())
}

/// The message that the answer's body is.
fn answered(rpc: &MethodDescriptor, answer: &Answer) -> Option<MessageDescriptor> {
    match answer {
        Answer::Nothing | Answer::File(_) => None,
        Answer::Message(_) => Some(rpc.output()),
        Answer::Field(field) if field.repeated => None,
        Answer::Field(field) => match rpc.output().get_field(field.number)?.kind() {
            ProtoKind::Message(message) if message.full_name() != HTTP_BODY => Some(message),
            _ => None,
        },
    }
}

/// No two routes may answer the same request.
fn unique(routes: &[Route]) -> Result<(), String> {
    let mut seen: HashMap<(&Method, String), &Route> = HashMap::new();
    for route in routes {
        let segments = parse(&route.template)?;
        let path = render(&segments, |_, _| "{}".to_owned());
        if let Some(other) = seen.insert((&route.method, path), route) {
            let (one, two) = (route.rpc.full_name(), other.rpc.full_name());
            return Err(format!("{one}: {} {} is taken by {two}", route.method, route.template));
        }
    }
    Ok(())
}

/// A created thing lives where it is read: at the GET route with one variable that answers the same message.
fn name_places(routes: &mut [Route]) {
    let mut places: HashMap<String, String> = HashMap::new();
    for route in routes.iter().filter(|route| route.method == Method::GET && route.variables.len() == 1) {
        let Some(message) = answered(&route.rpc, &route.answer) else { continue };
        if let Some((collection, "{id}")) = route.template.rsplit_once('/') {
            places.insert(message.full_name().to_owned(), format!("{collection}/"));
        }
    }
    for route in routes {
        let message = answered(&route.rpc, &route.answer);
        if let (Some(created), Some(message)) = (&mut route.created, message) {
            created.collection = places.get(message.full_name()).cloned();
        }
    }
}
