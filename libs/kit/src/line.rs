//! A log line: one flat JSON object with a request id on every one.

use std::borrow::Cow;
use std::fmt;

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes an event with the fields of all spans around it. Outside of a request the id is that of the process's start.
pub(crate) struct Line {
    service: &'static str,
    process: String,
}

impl Line {
    pub(crate) fn new(service: &'static str) -> Self {
        Self { service, process: format!("start-{}", uuid::Uuid::now_v7()) }
    }
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Map::new();
        let mut put = |name: &str, value: String| line.insert(name.to_owned(), Value::String(value));
        put("timestamp", Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true));
        put("level", event.metadata().level().to_string());
        put("service", self.service.to_owned());
        put("request.id", self.process.clone());
        for span in ctx.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map(|fields| serde_json::from_str(fields.as_str()));
            if let Some(Ok(Value::Object(fields))) = fields {
                line.extend(fields);
            }
        }
        event.record(&mut Fields(&mut line));
        line.values_mut().for_each(mask);
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// No card number reaches the log, whoever lets it slip.
fn mask(value: &mut Value) {
    let masked = match &*value {
        Value::String(text) => match types::mask_card_numbers(text) {
            Cow::Owned(masked) => masked,
            Cow::Borrowed(_) => return,
        },
        Value::Number(number) if types::holds_card_number(&number.to_string()) => "****".to_owned(),
        _ => return,
    };
    *value = Value::String(masked);
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Visit for Fields<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use rand::Rng;
    use tracing_subscriber::fmt::format::JsonFields;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A number that an issuer might give out: its first digits, any others, and the check digit.
    fn number(first: &str, length: usize) -> String {
        let mut digits = first.to_owned();
        while digits.len() < length - 1 {
            digits.push(char::from(b'0' + rand::rng().random_range(0..10)));
        }
        (0..10).map(|check| format!("{digits}{check}")).find(|number| types::holds_card_number(number)).unwrap()
    }

    #[test]
    fn of_a_thousand_card_numbers_none_reaches_the_log() {
        let paper = Paper::default();
        let written = paper.clone();
        let lines = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(Line::new("test"))
            .with_writer(move || written.clone());
        let mut numbers = Vec::new();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            for turn in 0..1000 {
                let (first, length) =
                    [("4", 16), ("51", 16), ("37", 15), ("4", 13), ("62", 19), ("6011", 16)][turn % 6];
                let number = number(first, length);
                let spaced = format!("{} {} {}", &number[..4], &number[4..8], &number[8..]);
                match turn % 5 {
                    0 => tracing::info!(note = number, "a field"),
                    1 => tracing::warn!(note = ?Some(&spaced), "a field that is shown for debugging"),
                    2 => tracing::error!("a message about {number}"),
                    3 => tracing::info_span!("span", note = %spaced).in_scope(|| tracing::info!("a field of a span")),
                    _ => tracing::info!(note = number.parse::<u64>().unwrap(), "a number"),
                }
                numbers.extend([number, spaced]);
            }
        });
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1000);
        for number in numbers {
            assert!(!text.contains(&number), "{number}");
        }
    }
}
