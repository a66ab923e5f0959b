//! W3C trace context: continued when it came, begun when it did not.

use kit::telemetry::TraceIds;
use opentelemetry::trace::TraceContextExt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A `traceparent` in its only version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// 32 hexadecimal digits.
    pub id: String,
    /// `00` or `01`.
    flags: String,
}

impl Trace {
    /// The trace that a caller sent, when it is well formed. Its numbers are kept with what was done, so they must not
    /// look like a card number.
    pub(crate) fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        let zero = |text: &str| text.bytes().all(|byte| byte == b'0');
        let well = version == "00" && hex(id, 32) && hex(parent, 16) && hex(flags, 2) && parts.next().is_none();
        let kept = well && !zero(id) && !zero(parent) && !types::holds_card_number(traceparent);
        kept.then(|| Self { id: id.to_owned(), flags: flags.to_owned() })
    }

    /// A trace that begins here.
    pub(crate) fn begin() -> Self {
        Self { id: TraceIds::trace().to_string(), flags: "01".to_owned() }
    }

    /// What the services are sent: the span at hand when it is exported, else a step of our own.
    pub(crate) fn onward(&self, span: &Span) -> String {
        let context = span.context();
        let exported = context.span().span_context().clone();
        if exported.is_valid() {
            let flags = exported.trace_flags().to_u8();
            return format!("00-{}-{}-{flags:02x}", exported.trace_id(), exported.span_id());
        }
        format!("00-{}-{}-{}", self.id, TraceIds::span(), self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_trace_is_continued() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = Trace::parse(good).unwrap();
        let onward = trace.onward(&Span::none());
        assert_eq!(Trace::parse(&onward).unwrap(), trace);
        assert_ne!(onward, good, "the next step is another one");
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-4111111111111111-01",
        ] {
            assert_eq!(Trace::parse(bad), None, "{bad}");
        }
        // Kept by every service: none of them is taken for a card number.
        for _ in 0..10_000 {
            let begun = Trace::begin().onward(&Span::none());
            assert!(Trace::parse(&begun).is_some(), "{begun}");
        }
    }
}
