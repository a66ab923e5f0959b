//! Takes the pages about problems into the binary.
#![expect(clippy::disallowed_methods, reason = "cargo tells a build script by the environment")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

const PAGES: &str = "../docs/problems";

fn main() {
    println!("cargo:rerun-if-changed={PAGES}");
    println!("cargo:rerun-if-changed=build.rs");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR")).join(PAGES);
    let mut pages: Vec<(String, PathBuf)> = fs::read_dir(&root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .filter(|(slug, _)| slug != "README")
        .collect();
    pages.sort();
    let mut code = String::from("/// Every page about a problem, by its slug.\nconst PROBLEMS: &[(&str, &str)] = &[\n");
    for (slug, path) in &pages {
        writeln!(code, "    ({slug:?}, include_str!({path:?})),").expect("a string takes all");
    }
    code.push_str("];\n");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("problems.rs"), code).expect("OUT_DIR is writable");
}
