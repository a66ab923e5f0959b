//! From the wire to JSON in one pass: nothing is built in between, and text is copied once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::money;
use super::shape::{Field, Int, Kind, ShapeId, Shapes};
use super::time;
use super::wire::{Fields, Malformed, Value, find};

/// Writes the JSON of messages.
pub struct Writer<'a> {
    shapes: &'a Shapes,
    digits: u32,
    out: Vec<u8>,
    /// What each field of the messages that are open was found to be.
    found: Vec<Found<'a>>,
}

/// A field of the message at hand.
#[derive(Clone, Copy)]
enum Found<'a> {
    Nothing,
    One(Value<'a>),
    /// From the first item up to the last, with whatever lies between.
    Many {
        from: usize,
        until: usize,
    },
}

impl<'a> Writer<'a> {
    /// `digits` are those of the shop's currency.
    pub fn new(shapes: &'a Shapes, digits: u32, capacity: usize) -> Self {
        Self { shapes, digits, out: Vec::with_capacity(capacity), found: Vec::with_capacity(64) }
    }

    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Writes a message as an object with all of its fields, in the order of their numbers.
    pub fn message(&mut self, shape: ShapeId, message: &'a [u8]) -> Result<(), Malformed> {
        let shape = &self.shapes[shape];
        let base = self.found.len();
        self.found.resize(base + shape.fields.len(), Found::Nothing);
        let mut fields = Fields::of(message);
        loop {
            let from = message.len() - fields.left();
            let Some(field) = fields.next() else { break };
            let (number, value) = field?;
            // A field that a newer service added is not ours to show.
            let Some(place) = shape.place(number) else { continue };
            let until = message.len() - fields.left();
            let found = &mut self.found[base + place];
            *found = match (shape.fields[place].repeated, *found) {
                (false, _) => Found::One(value),
                (true, Found::Many { from, .. }) => Found::Many { from, until },
                (true, _) => Found::Many { from, until },
            };
        }
        for (place, field) in shape.fields.iter().enumerate() {
            self.out.push(if place == 0 { b'{' } else { b',' });
            self.out.extend_from_slice(&field.key);
            match self.found[base + place] {
                Found::Nothing => self.absent(field),
                Found::One(value) => self.value(field, value)?,
                Found::Many { from, until } => self.list(field, &message[from..until])?,
            }
        }
        if shape.fields.is_empty() {
            self.out.push(b'{');
        }
        self.out.push(b'}');
        self.found.truncate(base);
        Ok(())
    }

    /// Writes one field of a message, bare.
    pub fn field_of(&mut self, field: &Field, message: &'a [u8]) -> Result<(), Malformed> {
        if field.repeated {
            return self.list(field, message);
        }
        match find(message, field.number)? {
            Some(value) => self.value(field, value),
            None => {
                self.absent(field);
                Ok(())
            }
        }
    }

    fn list(&mut self, field: &Field, message: &'a [u8]) -> Result<(), Malformed> {
        self.out.push(b'[');
        let mut first = true;
        for item in Fields::of(message) {
            let (number, value) = item?;
            if number != field.number {
                continue;
            }
            match (&field.kind, value) {
                (Kind::Bool | Kind::Int(_) | Kind::Enum(_), Value::Bytes(packed)) => {
                    let mut items = Fields::of(packed);
                    while items.left() > 0 {
                        let value = unpack(&field.kind, &mut items)?;
                        self.comma(&mut first);
                        self.value(field, value)?;
                    }
                }
                (_, value) => {
                    self.comma(&mut first);
                    self.value(field, value)?;
                }
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn comma(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(b',');
        }
    }

    fn absent(&mut self, field: &Field) {
        let text: &[u8] = match field.kind {
            _ if field.repeated => b"[]",
            _ if field.nullable => b"null",
            Kind::Bool => b"false",
            Kind::Int(_) => b"0",
            Kind::Text | Kind::Bytes => b"\"\"",
            // UNSPECIFIED.
            _ => b"null",
        };
        self.out.extend_from_slice(text);
    }

    fn value(&mut self, field: &Field, value: Value<'a>) -> Result<(), Malformed> {
        match &field.kind {
            Kind::Bool => self.out.extend_from_slice(if value.number()? == 0 { b"false" } else { b"true" }),
            Kind::Int(int) => self.int(*int, value.number()?),
            Kind::Text => self.text(value.bytes()?)?,
            Kind::Bytes => self.quoted(STANDARD.encode(value.bytes()?).as_bytes()),
            Kind::Enum(words) => {
                let number = low_32(value.number()?);
                match words.word(number) {
                    Some(word) => self.quoted(word.as_bytes()),
                    None if number == 0 => self.out.extend_from_slice(b"null"),
                    // A newer service knows a word that we do not.
                    None => self.display(number),
                }
            }
            Kind::Money => {
                let minor = number_of(value.bytes()?, 1)?;
                self.out.push(b'"');
                money::write(&mut self.out, minor, self.digits);
                self.out.push(b'"');
            }
            Kind::Timestamp => {
                let (mut seconds, mut nanos) = (0, 0);
                for field in Fields::of(value.bytes()?) {
                    match field? {
                        (1, value) => seconds = value.number()?.cast_signed(),
                        (2, value) => nanos = value.number()?.cast_signed(),
                        _ => {}
                    }
                }
                self.out.push(b'"');
                time::write(&mut self.out, seconds, nanos)?;
                self.out.push(b'"');
            }
            Kind::Message(shape) => self.message(*shape, value.bytes()?)?,
            // A mask is only ever asked for, and a file is answered bare.
            Kind::Mask | Kind::File => self.out.extend_from_slice(b"null"),
        }
        Ok(())
    }

    fn int(&mut self, int: Int, raw: u64) {
        match int {
            Int::Int32 | Int::Sfixed32 => self.display(low_32(raw)),
            Int::Sint32 => self.display(low_32(zigzag(raw).cast_unsigned())),
            Int::Uint32 | Int::Fixed32 => self.display(low_32(raw).cast_unsigned()),
            Int::Int64 | Int::Sfixed64 => self.display(raw.cast_signed()),
            Int::Sint64 => self.display(zigzag(raw)),
            Int::Uint64 | Int::Fixed64 => self.display(raw),
        }
    }

    fn display(&mut self, number: impl serde::Serialize) {
        serde_json::to_writer(&mut self.out, &number).expect("a number is JSON");
    }

    fn text(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
        serde_json::to_writer(&mut self.out, text).expect("text is JSON");
        Ok(())
    }

    /// Writes what needs no escape.
    fn quoted(&mut self, text: &[u8]) {
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.push(b'"');
    }
}

fn unpack<'a>(kind: &Kind, items: &mut Fields<'a>) -> Result<Value<'a>, Malformed> {
    Ok(match kind {
        Kind::Int(Int::Fixed32 | Int::Sfixed32) => Value::Fixed32(items.fixed32()?),
        Kind::Int(Int::Fixed64 | Int::Sfixed64) => Value::Fixed64(items.fixed64()?),
        _ => Value::Varint(items.varint()?),
    })
}

fn number_of(message: &[u8], number: u32) -> Result<i64, Malformed> {
    Ok(find(message, number)?.map(Value::number).transpose()?.unwrap_or(0).cast_signed())
}

/// A negative 32-bit number stands on the wire as 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "readers of protobuf take the low half")]
fn low_32(raw: u64) -> i32 {
    (raw as u32).cast_signed()
}

fn zigzag(raw: u64) -> i64 {
    (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed()
}
