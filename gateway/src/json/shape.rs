//! What the JSON profile must know of each message: read from the descriptors once, at start.

use std::collections::HashMap;
use std::ops::Index;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind as ProtoKind, MessageDescriptor};

/// The messages whose JSON form is not an object.
pub const MONEY: &str = "lunarfront.common.v1.Money";
pub const TIMESTAMP: &str = "google.protobuf.Timestamp";
pub const FIELD_MASK: &str = "google.protobuf.FieldMask";
pub const HTTP_BODY: &str = "google.api.HttpBody";

/// A field number beyond this would make the look-up table large for nothing.
const FIELD_NUMBER_MAX: u32 = 4096;
/// The fields that a body names are kept as the bits of one number.
const FIELDS_MAX: usize = 128;

/// The place of a shape among the [`Shapes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShapeId(usize);

/// Every message that a route reads or writes.
#[derive(Debug, Default)]
pub struct Shapes {
    shapes: Vec<Shape>,
    by_name: HashMap<String, ShapeId>,
}

/// One message.
#[derive(Debug, Default)]
pub struct Shape {
    pub fields: Vec<Field>,
    /// One more than the place in `fields`, by field number; 0 where there is no field.
    places: Vec<u16>,
}

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    pub number: u32,
    pub name: Box<str>,
    pub json_name: Box<str>,
    /// The JSON name in quotes with its colon, ready to be written.
    pub key: Box<[u8]>,
    pub kind: Kind,
    pub repeated: bool,
    /// Absent is `null`, not the default of the type.
    pub nullable: bool,
    /// Declared `optional`: a blank counts as absent.
    pub optional: bool,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Bool,
    Int(Int),
    Text,
    Bytes,
    Enum(Words),
    Money,
    Timestamp,
    Mask,
    File,
    Message(ShapeId),
}

/// How a whole number travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Int {
    Int32,
    Sint32,
    Uint32,
    Fixed32,
    Sfixed32,
    Int64,
    Sint64,
    Uint64,
    Fixed64,
    Sfixed64,
}

/// The values of an enum as JSON has them: lower case, without prefix, and without `UNSPECIFIED`.
#[derive(Clone, Debug)]
pub struct Words(pub Vec<(i32, Box<str>)>);

impl Words {
    pub fn of(kind: &EnumDescriptor) -> Self {
        let zero = kind.default_value();
        let prefix = zero.name().trim_end_matches("UNSPECIFIED").to_owned();
        let word = |name: &str| name.strip_prefix(&prefix).unwrap_or(name).to_ascii_lowercase().into_boxed_str();
        Self(
            kind.values()
                .filter(|value| value.number() != 0)
                .map(|value| (value.number(), word(value.name())))
                .collect(),
        )
    }

    pub fn word(&self, number: i32) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == number).map(|(_, word)| &**word)
    }

    pub fn number(&self, word: &str) -> Option<i32> {
        self.0.iter().find(|(_, known)| &**known == word).map(|(number, _)| *number)
    }

    pub fn list(&self) -> String {
        self.0.iter().map(|(_, word)| &**word).collect::<Vec<_>>().join(", ")
    }
}

impl Shapes {
    /// Adds a message and all it holds.
    ///
    /// # Errors
    /// What has no place in the profile: floats, maps and foreign well-known types.
    pub fn add(&mut self, message: &MessageDescriptor) -> Result<ShapeId, String> {
        if let Some(known) = self.by_name.get(message.full_name()) {
            return Ok(*known);
        }
        let id = ShapeId(self.shapes.len());
        // The name is known before its fields are read, so that a message may hold itself.
        self.by_name.insert(message.full_name().to_owned(), id);
        self.shapes.push(Shape::default());
        let fields = message.fields().map(|field| self.field(&field)).collect::<Result<Vec<_>, _>>()?;
        if fields.len() > FIELDS_MAX {
            return Err(format!("{}: more than {FIELDS_MAX} fields", message.full_name()));
        }
        let mut places = Vec::new();
        for (place, field) in fields.iter().enumerate() {
            if field.number > FIELD_NUMBER_MAX {
                return Err(format!("{}: field numbers end at {FIELD_NUMBER_MAX}", message.full_name()));
            }
            let number = field.number as usize;
            places.resize(places.len().max(number + 1), 0);
            places[number] =
                u16::try_from(place + 1).map_err(|_| format!("{}: too many fields", message.full_name()))?;
        }
        self.shapes[id.0] = Shape { fields, places };
        Ok(id)
    }

    fn field(&mut self, field: &FieldDescriptor) -> Result<Field, String> {
        let refuse = |what: &str| Err(format!("{}: {what} has no place in the JSON profile", field.full_name()));
        if field.is_map() {
            return refuse("a map");
        }
        let kind = match field.kind() {
            ProtoKind::Double | ProtoKind::Float => return refuse("a float"),
            ProtoKind::Bool => Kind::Bool,
            ProtoKind::String => Kind::Text,
            ProtoKind::Bytes => Kind::Bytes,
            ProtoKind::Int32 => Kind::Int(Int::Int32),
            ProtoKind::Sint32 => Kind::Int(Int::Sint32),
            ProtoKind::Uint32 => Kind::Int(Int::Uint32),
            ProtoKind::Fixed32 => Kind::Int(Int::Fixed32),
            ProtoKind::Sfixed32 => Kind::Int(Int::Sfixed32),
            ProtoKind::Int64 => Kind::Int(Int::Int64),
            ProtoKind::Sint64 => Kind::Int(Int::Sint64),
            ProtoKind::Uint64 => Kind::Int(Int::Uint64),
            ProtoKind::Fixed64 => Kind::Int(Int::Fixed64),
            ProtoKind::Sfixed64 => Kind::Int(Int::Sfixed64),
            ProtoKind::Enum(kind) => Kind::Enum(Words::of(&kind)),
            ProtoKind::Message(inner) => match inner.full_name() {
                MONEY => Kind::Money,
                TIMESTAMP => Kind::Timestamp,
                FIELD_MASK => Kind::Mask,
                HTTP_BODY => Kind::File,
                name if name.starts_with("google.") => return refuse(name),
                _ => Kind::Message(self.add(&inner)?),
            },
        };
        Ok(Field {
            number: field.number(),
            name: field.name().into(),
            json_name: field.json_name().into(),
            key: format!("\"{}\":", field.json_name()).into_bytes().into_boxed_slice(),
            kind,
            repeated: field.is_list(),
            nullable: field.supports_presence(),
            optional: field.containing_oneof().is_some_and(|oneof| oneof.is_synthetic()),
        })
    }
}

impl Index<ShapeId> for Shapes {
    type Output = Shape;
    fn index(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0]
    }
}

impl Shape {
    /// The place of the field with this number.
    pub fn place(&self, number: u32) -> Option<usize> {
        let place = self.places.get(number as usize).copied().unwrap_or(0);
        (place > 0).then(|| usize::from(place) - 1)
    }

    /// The place of the field that a caller calls so, in either form.
    pub fn place_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| &*field.json_name == name || &*field.name == name)
    }

    /// The field with this proto name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| &*field.name == name)
    }
}
