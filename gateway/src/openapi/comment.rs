//! The comments of the protos.

use std::collections::HashMap;

use prost_reflect::DescriptorPool;

/// Comments by file and place in it.
#[derive(Debug, Default)]
pub(super) struct Comments(HashMap<(String, Vec<i32>), String>);

impl Comments {
    pub(super) fn read(pool: &DescriptorPool) -> Self {
        let mut comments = HashMap::new();
        for file in pool.files() {
            let proto = file.file_descriptor_proto();
            for location in proto.source_code_info.iter().flat_map(|info| &info.location) {
                let text = location.leading_comments().trim();
                if !text.is_empty() {
                    let lines: Vec<&str> = text.lines().map(str::trim).collect();
                    comments.insert((proto.name().to_owned(), location.path.clone()), lines.join(" "));
                }
            }
        }
        Self(comments)
    }

    pub(super) fn of(&self, file: &prost_reflect::FileDescriptor, path: &[i32]) -> Option<&str> {
        self.0.get(&(file.name().to_owned(), path.to_vec())).map(String::as_str)
    }
}
