//! What is counted for the facade of the crate `metrics`; nothing without the feature.

use std::sync::Arc;
use std::time::Duration;

use super::progress::Progress;

/// Names never change: dashboards and alarms are made of them. The table in [`Statuses`](super::Statuses) lists them.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    #[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "nobody counts"))]
    projection: Arc<str>,
}

impl Meter {
    pub(super) fn new(projection: &str) -> Self {
        Self { projection: projection.into() }
    }
}

#[cfg(feature = "metrics")]
impl Meter {
    pub(super) fn handled(&self, events: usize) {
        self.count("eventsource_projection_events_total", events as u64);
    }

    pub(super) fn batch(&self, took: Duration) {
        self.count("eventsource_projection_batches_total", 1);
        metrics::histogram!("eventsource_projection_batch_seconds", "projection" => self.projection.clone())
            .record(took.as_secs_f64());
    }

    pub(super) fn retried(&self) {
        self.count("eventsource_projection_retries_total", 1);
    }

    pub(super) fn fenced(&self) {
        self.count("eventsource_projection_fenced_total", 1);
    }

    pub(super) fn stopped(&self) {
        self.count("eventsource_projection_stopped_total", 1);
    }

    pub(super) fn skipped(&self) {
        self.count("eventsource_projection_skipped_total", 1);
    }

    pub(super) fn parked(&self, events: u64) {
        metrics::gauge!("eventsource_projection_parked_events", "projection" => self.projection.clone())
            .set(events as f64);
    }

    pub(super) fn progress(&self, progress: &Progress) {
        let gauge = |name, value| metrics::gauge!(name, "projection" => self.projection.clone()).set(value);
        gauge("eventsource_projection_lag_events", progress.lag as f64);
        gauge("eventsource_projection_lag_seconds", progress.lag_time.as_secs_f64());
        metrics::gauge!("eventsource_store_held_back_seconds").set(progress.held_back.as_secs_f64());
    }

    fn count(&self, name: &'static str, more: u64) {
        metrics::counter!(name, "projection" => self.projection.clone()).increment(more);
    }
}

#[cfg(not(feature = "metrics"))]
impl Meter {
    pub(super) fn handled(&self, _: usize) {}
    pub(super) fn batch(&self, _: Duration) {}
    pub(super) fn retried(&self) {}
    pub(super) fn fenced(&self) {}
    pub(super) fn stopped(&self) {}
    pub(super) fn skipped(&self) {}
    pub(super) fn parked(&self, _: u64) {}
    pub(super) fn progress(&self, _: &Progress) {}
}
