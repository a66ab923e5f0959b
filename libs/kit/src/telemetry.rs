//! Logs, traces and metrics.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_opentelemetry::{OpenTelemetryMetrics, OpenTelemetryRecorder};
use metrics_util::layers::FanoutBuilder;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::{SpanId, TraceId, TracerProvider};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// In seconds, of everything that takes time.
#[expect(clippy::disallowed_types, reason = "bounds of time, not of money")]
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const TIMES: [&str; 3] = ["rpc_duration_seconds", "http_request_duration_seconds", "db_pool_wait_seconds"];

/// Ends the export of traces and metrics when it is dropped.
pub struct Telemetry(Option<(SdkTracerProvider, SdkMeterProvider)>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some((traces, metrics)) = self.0.take() {
            // The collector may be gone: the process ends all the same.
            let _ = traces.shutdown_with_timeout(Duration::from_secs(2));
            let _ = metrics.shutdown_with_timeout(Duration::from_secs(2));
        }
    }
}

/// Starts, inside a runtime, JSON logs on standard output, metrics, and with an endpoint the export of traces and metrics
/// by OTLP.
///
/// # Errors
/// When the filter or the endpoint cannot be read.
pub fn start(service: &'static str, filter: &str, otlp_endpoint: Option<&str>) -> Result<Telemetry, String> {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("LOG: {error}"))?;
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(crate::line::Line::new(service))
        .with_filter(filter);
    let providers = otlp_endpoint
        .filter(|endpoint| !endpoint.is_empty())
        .map(|endpoint| Ok::<_, String>((exporter(service, endpoint)?, meters(service, endpoint)?)))
        .transpose()?;
    let traces =
        providers.as_ref().map(|(traces, _)| tracing_opentelemetry::layer().with_tracer(traces.tracer(service)));
    let started = tracing_subscriber::registry().with(lines).with(traces).try_init();
    started.map_err(|error| error.to_string())?;
    let metrics =
        METRICS.get_or_init(|| install(providers.as_ref().map(|(_, metrics)| metrics.meter(service)))).clone();
    // Samples are kept until somebody folds them; nobody may ever scrape.
    crate::task::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_secs(5));
        loop {
            pace.tick().await;
            metrics.run_upkeep();
        }
    });
    Ok(Telemetry(providers))
}

fn exporter(service: &'static str, endpoint: &str) -> Result<SdkTracerProvider, String> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| format!("OTLP_ENDPOINT: {error}"))?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_id_generator(TraceIds)
        .with_resource(Resource::builder().with_service_name(service).build())
        .build())
}

/// Draws the ids of traces and spans with short runs of decimal digits only: neither one of them nor a `traceparent` of
/// two is then taken for a card number and masked or dropped.
#[derive(Clone, Copy, Debug)]
pub struct TraceIds;

/// Two of them and what stands between are shorter than the shortest card number.
const DIGITS_IN_A_ROW_MAX: usize = 5;

impl TraceIds {
    pub fn trace() -> TraceId {
        drawn(|| TraceId::from(rand::random::<u128>()))
    }

    pub fn span() -> SpanId {
        drawn(|| SpanId::from(rand::random::<u64>()))
    }
}

impl IdGenerator for TraceIds {
    fn new_trace_id(&self) -> TraceId {
        Self::trace()
    }

    fn new_span_id(&self) -> SpanId {
        Self::span()
    }
}

fn drawn<T: std::fmt::Display>(draw: impl Fn() -> T) -> T {
    loop {
        let id = draw();
        let text = id.to_string();
        let mut runs = text.split(|letter: char| !letter.is_ascii_digit());
        if runs.all(|run| run.len() <= DIGITS_IN_A_ROW_MAX) {
            return id;
        }
    }
}

/// Sends the numbers every minute (`OTEL_METRIC_EXPORT_INTERVAL`).
fn meters(service: &'static str, endpoint: &str) -> Result<SdkMeterProvider, String> {
    let exporter = opentelemetry_otlp::MetricExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| format!("OTLP_ENDPOINT: {error}"))?;
    Ok(SdkMeterProvider::builder()
        .with_periodic_exporter(exporter)
        .with_resource(Resource::builder().with_service_name(service).build())
        .build())
}

/// The recorder of this process, installed at the first call.
pub fn metrics_handle() -> PrometheusHandle {
    METRICS.get_or_init(|| install(None)).clone()
}

/// Numbers are kept to be read at `/metrics`, and told to a collector where there is one.
fn install(meter: Option<Meter>) -> PrometheusHandle {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
    let kept = builder.expect("the buckets are not empty").build_recorder();
    let handle = kept.handle();
    let mut recorders = FanoutBuilder::default().add_recorder(kept);
    if let Some(meter) = meter {
        let told = OpenTelemetryRecorder::new(OpenTelemetryMetrics::new(meter));
        told.set_histogram_bounds(TIMES.into_iter(), &BUCKETS);
        recorders = recorders.add_recorder(told);
    }
    // A second recorder, as in tests, only loses its numbers.
    let _ = metrics::set_global_recorder(recorders.build());
    handle
}

/// Makes a span the child of the trace that came with a call or an event.
pub fn continue_trace(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent else { return };
    let headers = std::collections::HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let parent = opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(&headers));
    // Without an exporter there is no layer to tell; that is no error.
    let _ = span.set_parent(parent);
    if let Some(trace_id) = traceparent.split('-').nth(1) {
        span.record("trace.id", trace_id);
    }
}
