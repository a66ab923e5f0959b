//! The protobuf wire format, as far as translating needs it.

/// The bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// One value as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    /// The number, whatever its width on the wire.
    pub fn number(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(number) | Self::Fixed64(number) => Ok(number),
            Self::Fixed32(number) => Ok(u64::from(number)),
            Self::Bytes(_) => Err(Malformed),
        }
    }
}

/// Reads the fields of a message one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// How many bytes are not read yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for (place, byte) in self.rest.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[place + 1..];
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    pub fn fixed32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| Malformed)?))
    }

    pub fn fixed64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().map_err(|_| Malformed)?))
    }

    fn step(&mut self) -> Result<(u32, Value<'a>), Malformed> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| Malformed)?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed64()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(self.fixed32()?),
            // Groups are from before proto3.
            _ => return Err(Malformed),
        };
        if number == 0 { Err(Malformed) } else { Ok((number, value)) }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.rest = &[];
        }
        Some(step)
    }
}

/// The last value of a field, as a reader of protobuf would take it.
pub fn find(message: &[u8], number: u32) -> Result<Option<Value<'_>>, Malformed> {
    let mut found = None;
    for field in Fields::of(message) {
        let (seen, value) = field?;
        if seen == number {
            found = Some(value);
        }
    }
    Ok(found)
}

/// Takes every occurrence of a field out of a message that we wrote.
pub fn remove(message: &mut Vec<u8>, number: u32) {
    let mut kept = Vec::with_capacity(message.len());
    let mut fields = Fields::of(message);
    loop {
        let from = message.len() - fields.left();
        let Some(Ok((seen, _))) = fields.next() else { break };
        if seen != number {
            kept.extend_from_slice(&message[from..message.len() - fields.left()]);
        }
    }
    *message = kept;
}

pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

pub fn put_tagged_varint(out: &mut Vec<u8>, number: u32, value: u64) {
    put_varint(out, u64::from(number) << 3);
    put_varint(out, value);
}

pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Writes a message field whose length is known only when it is written.
pub fn put_message<T>(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let place = begin_message(out, number);
    let answer = write(out);
    end_message(out, place);
    answer
}

/// Begins a message field; [`end_message`] takes what this answers.
pub fn begin_message(out: &mut Vec<u8>, number: u32) -> usize {
    put_varint(out, u64::from(number) << 3 | 2);
    // One byte is left for the length: most messages are shorter than 128 bytes.
    out.push(0);
    out.len()
}

pub fn end_message(out: &mut Vec<u8>, place: usize) {
    let length = out.len() - place;
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        out[place - 1] = short;
        return;
    }
    let mut prefix = Vec::with_capacity(5);
    put_varint(&mut prefix, length as u64);
    out.splice(place - 1..place, prefix);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut out = Vec::new();
        put_tagged_varint(&mut out, 1, 300);
        put_message(&mut out, 2, |out| put_bytes(out, 1, &[b'x'; 200]));
        put_bytes(&mut out, 3, b"end");
        let read: Vec<_> = Fields::of(&out).map(Result::unwrap).collect();
        assert_eq!(read[0], (1, Value::Varint(300)));
        assert_eq!(read[1].1.bytes().unwrap().len(), 203);
        assert_eq!(read[2], (3, Value::Bytes(b"end")));
        remove(&mut out, 2);
        assert_eq!(Fields::of(&out).map(|field| field.unwrap().0).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn bytes_that_lie_about_their_length_are_refused() {
        for bad in [&b"\x0a\xff\xff\xff\xff\x0fabc"[..], b"\x0a\x05ab", b"\x80", b"\x0b", b"\x00\x01", b"\x09\x01"] {
            assert!(Fields::of(bad).any(|field| field.is_err()), "{bad:?}");
        }
    }
}
