//! Relay, consumer, sealer and housekeeping of a service.
use std::sync::Arc;
use crate::config::Settings;
use crate::{App, Service};

pub(crate) fn start<S: Service>(_app: &App, _service: &Arc<S>, _settings: &Settings) -> Result<(), String> { Ok(()) }
