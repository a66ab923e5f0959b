//! The route table: what is served, and which tables are refused before anybody is.

use std::path::Path;

use gateway::route::Table;
use gateway::{LISTED, openapi};

use crate::till::compile;

#[test]
fn every_route_is_listed_for_review() {
    let table = Table::read(proto::DESCRIPTORS).unwrap();
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("routes.txt", table.listing(LISTED));
    });
}

#[test]
fn the_document_is_what_clients_are_made_from() {
    let table = Table::read(proto::COMMENTED_DESCRIPTORS).unwrap();
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_json_snapshot!("openapi.json", openapi::document(&table));
    });
}

#[test]
fn the_document_says_how_long_a_search_may_be() {
    let document = openapi::document(&Table::read(proto::COMMENTED_DESCRIPTORS).unwrap());
    let parameters = document["paths"]["/v1/accounts"]["get"]["parameters"].as_array().unwrap();
    let q = parameters.iter().find(|parameter| parameter["name"] == "q").unwrap();
    assert_eq!(q["schema"]["maxLength"], types::Q_CHARACTERS_MAX);
}

/// The table of a service with one RPC and one more.
fn table(requests: &str, rule: &str, more: &str) -> Result<Table, String> {
    let name = format!("bad_{}.proto", uuid::Uuid::now_v7().simple());
    let text = format!(
        "syntax = \"proto3\";
         package lunarfront.bad.v1;
         import \"google/api/annotations.proto\";
         import \"google/api/httpbody.proto\";
         import \"google/protobuf/field_mask.proto\";
         import \"lunarfront/options/v1/options.proto\";
         service BadService {{
           rpc Do(DoRequest) returns (DoResponse) {{
             option (google.api.http) = {{{rule}}};
             option (lunarfront.options.v1.public) = true;
           }}
           {more}
         }}
         message Inner {{ string id = 1; repeated Inner inners = 2; }}
         message DoRequest {{ {requests} }}
         message DoResponse {{ string id = 1; Inner inner = 2; }}"
    );
    std::fs::write(std::env::temp_dir().join(&name), text).unwrap();
    let descriptors = compile(Path::new(&name));
    std::fs::remove_file(std::env::temp_dir().join(&name)).unwrap();
    Table::read(&descriptors)
}

#[test]
fn a_bad_rule_keeps_the_process_from_starting() {
    let good = table("string id = 1; Inner inner = 2;", "get: \"/v1/bads/{id}\"", "");
    assert!(good.is_ok(), "{good:?}");
    let second = "rpc Other(DoRequest) returns (DoResponse) {
        option (google.api.http) = {get: \"/v1/bads/{inner.id}\"};
        option (lunarfront.options.v1.public) = true; }";
    let stream = "rpc Other(DoRequest) returns (stream DoResponse) {
        option (google.api.http) = {get: \"/v1/streams\"};
        option (lunarfront.options.v1.public) = true; }";
    let upload = "rpc Up(stream DoRequest) returns (DoResponse) {
        option (google.api.http) = {post: \"/v1/uploads\" body: \"file\"};
        option (lunarfront.options.v1.public) = true; }";
    let private = "rpc Other(DoRequest) returns (DoResponse) {
        option (google.api.http) = {get: \"/v1/private\"};
        option (lunarfront.options.v1.callers) = \"pos\"; }";
    let each = "rpc Other(DoRequest) returns (DoResponse) {
        option (google.api.http) = {get: \"/v1/each\"};
        option (lunarfront.options.v1.each_service) = true;
        option (lunarfront.options.v1.public) = true; }";
    let fields =
        "string id = 1; Inner inner = 2; repeated Inner inners = 3; google.protobuf.FieldMask update_mask = 4;";
    let plain = "string id = 1; Inner inner = 2; repeated Inner inners = 3;";
    for (requests, rule, more, says) in [
        (plain, "get: \"/v1/bads/{name}\"", "", "DoRequest has no field name"),
        (plain, "get: \"/v1/bads/{inner.name}\"", "", "Inner has no field name"),
        (plain, "get: \"/v1/bads/{inners.id}\"", "", "inners.id goes through a list"),
        (plain, "get: \"/v1/bads/{inner}\"", "", "inner is no text, number or word"),
        (plain, "get: \"/v1/bads/{id=*}\"", "", "patterns are not served"),
        (plain, "get: \"/v1/bads/x{id}\"", "", "a segment is a word or one variable"),
        (plain, "get: \"/v1/bads/{id}:do\"", "", "a segment is a word or one variable"),
        (plain, "get: \"v1/bads\"", "", "does not begin with a slash"),
        (plain, "get: \"/v1//bads\"", "", "has an empty segment"),
        (plain, "", "", "names no path"),
        (plain, "post: \"/v1/bads\" body: \"outer\"", "", "DoRequest has no field outer"),
        (plain, "post: \"/v1/bads\" body: \"id\"", "", "the body id is no message"),
        (plain, "post: \"/v1/bads\" body: \"inners\"", "", "the body inners is no message"),
        (plain, "get: \"/v1/bads\" body: \"*\"", "", "GET takes no body"),
        (plain, "get: \"/v1/bads\" response_body: \"outer\"", "", "DoResponse has no field outer"),
        (plain, "get: \"/v1/bads\" additional_bindings {get: \"/v1/goods\"}", "", "one RPC has one route"),
        (plain, "patch: \"/v1/bads\" body: \"inner\"", "", "PATCH needs a body field and a mask"),
        (fields, "patch: \"/v1/bads\" body: \"*\"", "", "PATCH needs a body field and a mask"),
        (fields, "post: \"/v1/bads\" body: \"*\"", "", "only PATCH fills a mask"),
        (plain, "get: \"/v1/bads/{id}\"", second, "is taken by"),
        (plain, "get: \"/v1/bads\"", stream, "a stream has no REST form"),
        ("google.api.HttpBody file = 1;", "get: \"/v1/bads\"", upload, "an upload names upload_bytes_max"),
        (plain, "get: \"/v1/bads\"", private, "nobody from outside may call it"),
        (plain, "get: \"/v1/bads\"", each, "its path must hold {service}"),
        ("double amount = 1;", "get: \"/v1/bads\"", "", "a float has no place"),
        ("map<string, string> words = 1;", "get: \"/v1/bads\"", "", "a map has no place"),
        ("string id = 5000;", "get: \"/v1/bads\"", "", "field numbers end at"),
    ] {
        let error = table(requests, rule, more).err().unwrap_or_else(|| panic!("{rule} is served"));
        assert!(error.contains(says), "{rule}: {error}");
        assert!(error.contains("lunarfront.bad.v1."), "{error}: says where");
    }
}

#[test]
fn the_document_names_only_schemas_that_it_has() {
    let document = openapi::document(&Table::read(proto::COMMENTED_DESCRIPTORS).unwrap());
    let text = document.to_string();
    let mut references: Vec<&str> =
        text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    references.sort_unstable();
    references.dedup();
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some_and(|schema| !schema.is_null()), "{reference}");
    }
    let mut ids: Vec<&str> =
        text.split("\"operationId\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an operation has an id of its own");
}
