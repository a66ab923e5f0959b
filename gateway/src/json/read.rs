//! From JSON to the wire: one pass over the text, and everything that is wrong with its form is found at once.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::scalar::{expected, put_int, put_text};
use super::shape::{Field, Kind, Shape, ShapeId, Shapes};
use super::wire::{begin_message, end_message, put_tagged_varint};

/// How deep objects may lie in each other.
const DEPTH_MAX: usize = 32;
/// More errors than this help nobody.
const ERRORS_MAX: usize = 50;
/// A name that is echoed is cut after this many characters.
const NAME_MAX: usize = 100;

/// What is wrong with one field; `field` is a JSON path such as `lines[0].unitPrice`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is no JSON, or no object.
    Syntax(String),
    /// Fields are wrong.
    Fields(Vec<FieldError>),
}

/// Appends a JSON object to `out` as the given message, and answers which fields it named, one bit for each place.
///
/// # Errors
/// All that is wrong with its form.
pub fn read(shapes: &Shapes, shape: ShapeId, digits: u32, body: &[u8], out: &mut Vec<u8>) -> Result<u128, Unread> {
    let mut reader = Reader { shapes, digits, out, errors: Vec::new(), path: Vec::new() };
    let mut json = serde_json::Deserializer::from_slice(body);
    let named = json.deserialize_map(Object { reader: &mut reader, shape: &shapes[shape] });
    match named.and_then(|named| json.end().map(|()| named)) {
        Err(error) => Err(Unread::Syntax(error.to_string())),
        Ok(_) if !reader.errors.is_empty() => Err(Unread::Fields(reader.errors)),
        Ok(named) => Ok(named),
    }
}

struct Reader<'a, 'o> {
    shapes: &'a Shapes,
    digits: u32,
    out: &'o mut Vec<u8>,
    errors: Vec<FieldError>,
    path: Vec<Step<'a>>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

impl Reader<'_, '_> {
    /// Notes what is wrong here, or with the named thing below.
    fn wrong(&mut self, below: Option<&str>, message: impl Into<String>) {
        use fmt::Write;
        if self.errors.len() >= ERRORS_MAX {
            return;
        }
        let mut field = String::new();
        for step in &self.path {
            let written = match step {
                Step::Field(name) if field.is_empty() => write!(field, "{name}"),
                Step::Field(name) => write!(field, ".{name}"),
                Step::Item(index) => write!(field, "[{index}]"),
            };
            written.expect("a string takes all");
        }
        if let Some(name) = below {
            if !field.is_empty() {
                field.push('.');
            }
            field.extend(name.chars().take(NAME_MAX));
        }
        self.errors.push(FieldError { field, message: message.into() });
    }
}

/// Reads an object as a message.
struct Object<'r, 'a, 'o> {
    reader: &'r mut Reader<'a, 'o>,
    shape: &'a Shape,
}

impl<'de> Visitor<'de> for Object<'_, '_, '_> {
    type Value = u128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u128, A::Error> {
        let mut named = 0_u128;
        while let Some(key) = map.next_key_seed(Key(self.shape))? {
            let place = match key {
                Ok(place) => place,
                Err(name) => {
                    self.reader.wrong(Some(&name), "no such field");
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let field = &self.shape.fields[place];
            if named & (1 << place) != 0 {
                self.reader.wrong(Some(&field.json_name), "is given twice");
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            named |= 1 << place;
            self.reader.path.push(Step::Field(&field.json_name));
            map.next_value_seed(One { reader: self.reader, field, item: false })?;
            self.reader.path.pop();
        }
        Ok(named)
    }
}

/// Reads the name of a field: its place, or the name that nothing has.
struct Key<'a>(&'a Shape);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Result<usize, String>;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        // A mask is made here, never given.
        let known = |place: &usize| !matches!(self.0.fields[*place].kind, Kind::Mask | Kind::File);
        Ok(self.0.place_of(name).filter(known).ok_or_else(|| name.to_owned()))
    }
}

/// Reads one value of a field.
struct One<'r, 'a, 'o> {
    reader: &'r mut Reader<'a, 'o>,
    field: &'a Field,
    /// It is an item of a list.
    item: bool,
}

impl One<'_, '_, '_> {
    fn wants_list(&self) -> bool {
        self.field.repeated && !self.item
    }

    /// Notes that the value is of another kind than the field.
    fn other_kind(self) {
        let message =
            if self.wants_list() { "must be a list".to_owned() } else { expected(self.field, self.reader.digits) };
        self.reader.wrong(None, message);
    }

    fn note(self, result: Result<(), String>) {
        if let Err(message) = result {
            self.reader.wrong(None, message);
        }
    }

    fn int<E>(self, value: i128) -> Result<(), E> {
        match self.field.kind {
            Kind::Int(int) if !self.wants_list() => {
                let result = put_int(self.reader.out, self.field.number, int, value);
                self.note(result);
            }
            _ => self.other_kind(),
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for One<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for One<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        if self.item {
            self.reader.wrong(None, "must not be null");
        }
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        match self.field.kind {
            Kind::Bool if !self.wants_list() => {
                put_tagged_varint(self.reader.out, self.field.number, u64::from(value));
            }
            _ => self.other_kind(),
        }
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.int(i128::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.int(i128::from(value))
    }

    #[expect(clippy::disallowed_types, reason = "the parser offers it; it is refused")]
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.other_kind();
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.wants_list() {
            self.other_kind();
        } else if !(self.field.optional && text.trim().is_empty()) {
            let result = put_text(self.reader.out, self.field, text, self.reader.digits);
            self.note(result);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if !self.wants_list() {
            self.other_kind();
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let mut index = 0;
        loop {
            self.reader.path.push(Step::Item(index));
            let next = items.next_element_seed(One { reader: self.reader, field: self.field, item: true })?;
            self.reader.path.pop();
            if next.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let shape = match self.field.kind {
            Kind::Message(shape) if !self.wants_list() => shape,
            _ => {
                self.other_kind();
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(());
            }
        };
        if self.reader.path.len() > DEPTH_MAX {
            self.reader.wrong(None, "lies too deep");
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let shape = &self.reader.shapes[shape];
        let place = begin_message(self.reader.out, self.field.number);
        Object { reader: self.reader, shape }.visit_map(map)?;
        end_message(self.reader.out, place);
        Ok(())
    }
}
