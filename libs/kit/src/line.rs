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
