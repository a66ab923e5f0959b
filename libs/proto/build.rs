//! Compiles the protos: messages, clients and servers, the descriptor set, and what is derived from the options.

#[path = "derive"]
mod derive {
    pub(crate) mod access;
    pub(crate) mod list;
    pub(crate) mod upload;
    pub(crate) mod validate;
}

use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message;
use prost_reflect::DescriptorPool;

const ROOT: &str = "../../proto";

fn main() {
    println!("cargo:rerun-if-changed={ROOT}");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=derive");
    #[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));

    // Only the encoded set keeps our own options; the decoded one of prost-types drops them.
    let commented = encoded(Comments::Kept);
    fs::write(out.join("commented.bin"), &commented).expect("OUT_DIR is writable");
    fs::write(out.join("lunarfront.bin"), encoded(Comments::Left)).expect("OUT_DIR is writable");

    let mut set =
        prost_types::FileDescriptorSet::decode(commented.as_slice()).expect("protox encodes what prost decodes");
    let wanted = ["lunarfront/", "google/protobuf/", "google/api/httpbody.proto"];
    set.file.retain(|file| wanted.iter().any(|start| file.name().starts_with(start)));
    tonic_prost_build::configure()
        .include_file("messages.rs")
        .bytes(".google.api.HttpBody.data")
        .compile_fds(set)
        .expect("the protos generate");

    let pool = DescriptorPool::decode(commented.as_slice()).expect("the set is whole");
    let code = [
        derive::access::code(&pool),
        derive::list::code(&pool),
        derive::upload::code(&pool),
        derive::validate::code(&pool),
    ]
    .concat();
    fs::write(out.join("derived.rs"), code).expect("OUT_DIR is writable");
}

#[derive(PartialEq)]
enum Comments {
    Kept,
    Left,
}

fn encoded(comments: Comments) -> Vec<u8> {
    let mut compiler = protox::Compiler::new([ROOT]).expect("the proto folder exists");
    compiler.include_imports(true).include_source_info(comments == Comments::Kept);
    for file in protos(Path::new(ROOT)) {
        compiler.open_file(&file).unwrap_or_else(|error| panic!("{error:?}"));
    }
    compiler.encode_file_descriptor_set()
}

/// The files below `lunarfront/`, relative to the root and in a stable order.
fn protos(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.join("lunarfront")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of protos").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                files.push(path.strip_prefix(root).expect("below the root").to_owned());
            }
        }
    }
    files.sort();
    files
}
