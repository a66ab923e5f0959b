//! Who may call each RPC, from the options; an RPC that names nobody does not build.

use std::fmt::Write;

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};

const OPTIONS: &str = "lunarfront.options.v1";

pub(crate) fn code(pool: &DescriptorPool) -> String {
    let mut rpcs: Vec<MethodDescriptor> = pool
        .services()
        .filter(|service| service.full_name().starts_with("lunarfront."))
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    rpcs.sort_by_key(path);
    let mut code = String::from("/// Every RPC, sorted by path.\npub static RPCS: &[Rpc] = &[\n");
    for rpc in &rpcs {
        writeln!(code, "    {},", row(pool, rpc)).expect("a string takes all");
    }
    code.push_str("];\n");
    for message in pool.all_messages() {
        let Some(kind) = text(pool, &message.options(), "event") else { continue };
        let rust = rust_path(message.full_name());
        writeln!(code, "impl Event for {rust} {{ const KIND: &'static str = \"{kind}\"; }}")
            .expect("a string takes all");
    }
    code.push_str(
        "/// Every event kind, and the permission to see it.\npub static EVENTS: &[(&str, Option<&str>)] = &[\n",
    );
    for message in pool.all_messages() {
        let Some(kind) = text(pool, &message.options(), "event") else { continue };
        let permission = text(pool, &message.options(), "event_permission");
        writeln!(code, "    (\"{kind}\", {permission:?}),").expect("a string takes all");
    }
    code.push_str("];\n");
    code
}

fn row(pool: &DescriptorPool, rpc: &MethodDescriptor) -> String {
    let options = rpc.options();
    let flag = |name: &str| value(pool, &options, name).is_some_and(|value| value.as_bool() == Some(true));
    let callers = value(pool, &options, "callers").unwrap_or(Value::List(vec![]));
    let callers: Vec<&str> = callers.as_list().into_iter().flatten().filter_map(Value::as_str).collect();
    let open_to = value(pool, &options, "open_to").unwrap_or(Value::List(vec![]));
    let open_to: Vec<&str> = open_to.as_list().into_iter().flatten().filter_map(Value::as_str).collect();
    let permission = text(pool, &options, "permission");
    let rule = match (&permission, flag("public"), flag("signed_in")) {
        (Some(word), false, false) => format!("Access::Permission({word:?})"),
        (None, true, false) => "Access::Public".to_owned(),
        (None, false, true) => "Access::SignedIn".to_owned(),
        (None, false, false) if !callers.is_empty() => "Access::Service".to_owned(),
        _ => panic!("{}: name exactly one of permission, public, signed_in or callers", rpc.full_name()),
    };
    let routed = pool.get_extension_by_name("google.api.http").is_some_and(|http| options.has_extension(&http));
    let approval = text(pool, &options, "approval");
    format!(
        "Rpc {{ path: {:?}, access: {rule}, approval: {approval:?}, callers: &{callers:?}, open_to: &{open_to:?}, routed: {routed}, \
         idempotency_key_required: {}, \
         full_sign_in: {}, secret_answer: {}, secret_request: {}, each_service: {}, upload_bytes_max: {:?}, deadline_seconds: {:?} }}",
        path(rpc),
        flag("idempotency_key_required"),
        flag("full_sign_in"),
        flag("secret_answer"),
        flag("secret_request"),
        flag("each_service"),
        upload_bytes_max(pool, rpc),
        number(pool, &options, "deadline_seconds").or_else(|| rpc.is_client_streaming().then_some(STREAM_SECONDS)),
    )
}

/// How long an upload may take unless its option says otherwise.
const STREAM_SECONDS: u64 = 300;

fn upload_bytes_max(pool: &DescriptorPool, rpc: &MethodDescriptor) -> Option<u64> {
    let bytes_max = number(pool, &rpc.options(), "upload_bytes_max");
    assert!(
        bytes_max.is_some() == rpc.is_client_streaming(),
        "{}: an upload, and nothing else, names upload_bytes_max",
        rpc.full_name()
    );
    bytes_max
}

fn number(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<u64> {
    let value = value(pool, options, name)?;
    let number = value.as_i64().or_else(|| value.as_i32().map(i64::from))?;
    u64::try_from(number).ok()
}

fn path(rpc: &MethodDescriptor) -> String {
    format!("/{}/{}", rpc.parent_service().full_name(), rpc.name())
}

fn value(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<Value> {
    let extension = pool.get_extension_by_name(&format!("{OPTIONS}.{name}"))?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}

fn text(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<String> {
    value(pool, options, name).and_then(|value| value.as_str().map(str::to_owned))
}

/// `lunarfront.pos.v1.Sale` is `lunarfront::pos::v1::Sale`; a nested message lives in a module of its parent.
pub(crate) fn rust_path(full_name: &str) -> String {
    full_name.replace('.', "::")
}
