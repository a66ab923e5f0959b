//! Records of a CSV file (RFC 4180) whose bytes come in pieces.

use csv_core::{ReadRecordResult, Reader};

/// The longest record, in bytes, and the most values in one.
const RECORD_BYTES_MAX: usize = 64 * 1024;
const VALUES_MAX: usize = 100;

/// What some programs write before the text; it may come in pieces, too.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads records from pieces; holds one record at most.
pub(super) struct Records {
    reader: Reader,
    text: Vec<u8>,
    text_length: usize,
    ends: Vec<usize>,
    values: usize,
    /// The line of the byte that comes next, counted from 1.
    line: i64,
    /// The byte before it, when something came.
    before: Option<u8>,
    /// Where in a cell it is.
    at: At,
    /// The line on which the record at hand began.
    begun: Option<i64>,
    /// Nothing has been read yet.
    untouched: bool,
}

/// Where in a cell a byte is, by the rules that the reader goes by and does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Begin,
    /// Where quotation marks mean themselves.
    Plain,
    /// Between quotation marks that opened on this line.
    Quoted {
        line: i64,
    },
    /// After a quotation mark between such: it closes them, or a second one follows.
    Closing {
        line: i64,
    },
}

/// What a piece of the file yielded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The piece is used up.
    More,
    Record(Record),
    /// A record is longer than anybody can mean; what follows cannot be read.
    TooLong {
        line: i64,
    },
    /// The file ended between quotation marks that opened on this line.
    Unclosed {
        line: i64,
    },
    End,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The line on which it began.
    pub(super) line: i64,
    /// Bytes that are no text are none; NUL is in no text.
    pub(super) values: Vec<Option<String>>,
}

impl Records {
    pub(super) fn new() -> Self {
        Self {
            reader: Reader::new(),
            text: vec![0; RECORD_BYTES_MAX],
            text_length: 0,
            ends: vec![0; VALUES_MAX],
            values: 0,
            line: 1,
            before: None,
            at: At::Begin,
            begun: None,
            untouched: true,
        }
    }

    /// Takes from the piece what makes one more record. An empty piece is the end of the file.
    pub(super) fn next(&mut self, piece: &mut &[u8]) -> Step {
        let last = piece.is_empty();
        if std::mem::take(&mut self.untouched) {
            // The reader would take a piece that is nothing but the mark for the end.
            *piece = piece.strip_prefix(BYTE_ORDER_MARK).unwrap_or(piece);
        }
        if let (true, At::Quoted { line }) = (last, self.at) {
            return Step::Unclosed { line };
        }
        if self.begun.is_none() {
            // Line ends before a record belong to none.
            while let [end @ (b'\r' | b'\n'), rest @ ..] = *piece {
                self.pass(*end);
                *piece = rest;
            }
            if piece.is_empty() && !last {
                return Step::More;
            }
        }
        let begun = *self.begun.get_or_insert(self.line);
        let (result, read, written, ended) =
            self.reader.read_record(piece, &mut self.text[self.text_length..], &mut self.ends[self.values..]);
        piece[..read].iter().for_each(|byte| self.pass(*byte));
        *piece = &piece[read..];
        self.text_length += written;
        self.values += ended;
        match result {
            ReadRecordResult::InputEmpty => Step::More,
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => Step::TooLong { line: begun },
            ReadRecordResult::End => Step::End,
            ReadRecordResult::Record => Step::Record(self.take(begun)),
        }
    }

    /// Goes on by one byte. A line ends with CR, LF, or both.
    fn pass(&mut self, byte: u8) {
        self.at = match (self.at, byte) {
            (At::Begin, b'"') => At::Quoted { line: self.line },
            (At::Quoted { line }, b'"') => At::Closing { line },
            (At::Closing { line }, b'"') => At::Quoted { line },
            (At::Quoted { line }, _) => At::Quoted { line },
            (_, b',' | b'\r' | b'\n') => At::Begin,
            _ => At::Plain,
        };
        let ends = byte == b'\r' || (byte == b'\n' && self.before != Some(b'\r'));
        self.line += i64::from(ends);
        self.before = Some(byte);
    }

    fn take(&mut self, line: i64) -> Record {
        let mut start = 0;
        let mark = if line == 1 { BYTE_ORDER_MARK } else { &[] };
        let values = self.ends[..self.values]
            .iter()
            .map(|end| {
                let value = &self.text[start..*end];
                let value = if start == 0 { value.strip_prefix(mark).unwrap_or(value) } else { value };
                start = *end;
                std::str::from_utf8(value).ok().filter(|value| !value.contains('\0')).map(str::to_owned)
            })
            .collect();
        (self.text_length, self.values, self.begun) = (0, 0, None);
        Record { line, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All records of a text that comes in pieces of some length.
    fn read(text: &[u8], piece: usize) -> Vec<(i64, Vec<String>)> {
        let mut records = Records::new();
        let mut out = Vec::new();
        for mut piece in text.chunks(piece).chain([&[][..]]) {
            let last = piece.is_empty();
            loop {
                match records.next(&mut piece) {
                    Step::More => break,
                    Step::End => return out,
                    Step::TooLong { line } | Step::Unclosed { line } => panic!("line {line}"),
                    Step::Record(record) => {
                        let text = |value: Option<String>| value.unwrap_or_else(|| "?".to_owned());
                        out.push((record.line, record.values.into_iter().map(text).collect()));
                    }
                }
                if piece.is_empty() && !last {
                    break;
                }
            }
        }
        out
    }

    #[test]
    fn however_the_pieces_are_cut_the_records_and_their_lines_are_the_same() {
        for (text, expected) in [
            (&b"a,b\n1,2\n"[..], vec![(1, vec!["a", "b"]), (2, vec!["1", "2"])]),
            (b"a,b\r\n1,2\r\n\r\n3,4", vec![(1, vec!["a", "b"]), (2, vec!["1", "2"]), (4, vec!["3", "4"])]),
            (
                b"a\n\"x\r\ny\",\"say \"\"hi\"\"\"\nz\n",
                vec![(1, vec!["a"]), (2, vec!["x\r\ny", "say \"hi\""]), (4, vec!["z"])],
            ),
            ("\u{feff}a,\u{e9}\n".as_bytes(), vec![(1, vec!["a", "\u{e9}"])]),
            (b"a,\xff\n", vec![(1, vec!["a", "?"])]),
            (b"a,b\0\n", vec![(1, vec!["a", "?"])]),
            (b"a\r1\r\r\"x\ry\"\rz", vec![(1, vec!["a"]), (2, vec!["1"]), (4, vec!["x\ry"]), (6, vec!["z"])]),
            (b"a\"b,c\n\"d\"e\"\n", vec![(1, vec!["a\"b", "c"]), (2, vec!["de\""])]),
            (b"", vec![]),
            (b"\n\n", vec![]),
        ] {
            for piece in 1..=text.len().max(1) {
                let read = read(text, piece);
                let read: Vec<(i64, Vec<&str>)> =
                    read.iter().map(|(line, values)| (*line, values.iter().map(String::as_str).collect())).collect();
                assert_eq!(read, expected, "in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_quote_that_is_open_when_the_file_ends_is_told_by_the_line_of_its_cell() {
        for (text, line) in [(&b"a\n\"b\nc\nd\n"[..], 2), (b"a\nb,\"\"\"\n", 2), (b"a\n\"x\ny\",\"", 3)] {
            for length in 1..=text.len() {
                let mut records = Records::new();
                for mut piece in text.chunks(length) {
                    while !piece.is_empty() {
                        assert!(matches!(records.next(&mut piece), Step::More | Step::Record(_)));
                    }
                }
                assert_eq!(records.next(&mut &[][..]), Step::Unclosed { line }, "{text:?} in pieces of {length}");
            }
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_ends_the_reading() {
        let text = [b"a\n\"".to_vec(), vec![b'x'; RECORD_BYTES_MAX + 1]].concat();
        let mut records = Records::new();
        let mut piece = text.as_slice();
        assert!(matches!(records.next(&mut piece), Step::Record(_)));
        assert_eq!(records.next(&mut piece), Step::TooLong { line: 2 });
    }
}
