//! Categories: the shelves of the catalogue, a tree.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::Error;

types::ids! {
    /// A category.
    CategoryId,
}

/// How deep the tree may be.
const DEPTH_MAX: usize = 10;
/// What stands between the names of a path, and how long a path may be.
const BETWEEN: &str = " / ";
const PATH_CHARACTERS_MAX: usize = 2000;

/// One shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    pub id: CategoryId,
    pub name: String,
    pub parent_id: Option<CategoryId>,
    pub sort_order: i32,
    /// The names from the root down.
    pub path: String,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A category and those above it, the root first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    pub ids: Vec<CategoryId>,
    pub path: String,
}

impl Category {
    /// A new category; [`Category::place`] puts it into the tree.
    pub fn new(id: CategoryId, name: &str, sort_order: i32, now: DateTime<Utc>) -> Self {
        let name = name.trim().to_owned();
        Self { id, path: name.clone(), name, parent_id: None, sort_order, version: 1, created_at: now, updated_at: now }
    }

    /// Hangs the category, with so many levels below it, below another one, or makes it a root.
    ///
    /// # Errors
    /// When it would lie below itself, or something too deep.
    pub fn place(&mut self, parent: Option<&Lineage>, levels_below: usize) -> Result<(), Error> {
        let Some(parent) = parent else {
            self.parent_id = None;
            self.path.clone_from(&self.name);
            return Ok(());
        };
        if parent.ids.contains(&self.id) {
            return Err(Error::CategoryCycle);
        }
        let path = format!("{}{BETWEEN}{}", parent.path, self.name);
        if parent.ids.len() + levels_below >= DEPTH_MAX {
            return Err(Error::CategoryTooDeep { field: "category.parent_id" });
        }
        if path.chars().count() > PATH_CHARACTERS_MAX {
            return Err(Error::CategoryTooDeep { field: "category.name" });
        }
        self.parent_id = parent.ids.last().copied();
        self.path = path;
        Ok(())
    }

    /// What a user can change, for the audit.
    pub fn record(&self) -> Value {
        json!({
            "name": self.name,
            "parent_id": self.parent_id.map(|id| id.to_string()),
            "sort_order": self.sort_order,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(name: &str) -> Category {
        Category::new(CategoryId::new(), name, 0, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_path_names_all_from_the_root_down() {
        let (root, mut child) = (category("Guitars"), category("Basses"));
        child.place(Some(&Lineage { ids: vec![root.id], path: root.path.clone() }), 0).unwrap();
        assert_eq!((child.path.as_str(), child.parent_id), ("Guitars / Basses", Some(root.id)));
        child.place(None, 0).unwrap();
        assert_eq!((child.path.as_str(), child.parent_id), ("Basses", None));
    }

    #[test]
    fn a_category_never_lies_below_itself() {
        let mut root = category("Guitars");
        let below = Lineage { ids: vec![root.id, CategoryId::new()], path: "Guitars / Basses".to_owned() };
        assert!(matches!(root.place(Some(&below), 0), Err(Error::CategoryCycle)));
        let itself = Lineage { ids: vec![root.id], path: root.path.clone() };
        assert!(matches!(root.place(Some(&itself), 0), Err(Error::CategoryCycle)));
    }

    #[test]
    fn the_tree_is_not_bottomless() {
        let ids = (0..DEPTH_MAX).map(|_| CategoryId::new()).collect();
        let deep = Lineage { ids, path: "x".to_owned() };
        assert!(matches!(category("y").place(Some(&deep), 0), Err(Error::CategoryTooDeep { .. })));
        let root = Lineage { ids: vec![CategoryId::new()], path: "x".to_owned() };
        category("y").place(Some(&root), DEPTH_MAX - 2).unwrap();
        let refused = category("y").place(Some(&root), DEPTH_MAX - 1);
        assert!(matches!(refused, Err(Error::CategoryTooDeep { .. })), "what lies below it counts too");
    }
}
