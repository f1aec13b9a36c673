//! Metrics of the capture of requests.

use crate::app::App;
use crate::capture::LeftOut;
use crate::observability::exposition::{Exposition, Kind};

/// Writes them, once a capture was started.
pub(super) fn write(app: &App, text: &mut Exposition) {
    let (state, counts) = (app.capture.state(), &app.capture.counts);
    if state.state == "off" {
        return;
    }
    text.family(Kind::Gauge, "grps_capture_running", None, "Whether requests are recorded.");
    text.sample(&[], f64::from(u8::from(state.state == "running")));
    text.family(Kind::Gauge, "grps_capture_records", None, "Recorded requests that are kept.");
    text.sample(&[], state.records as f64);
    text.family(Kind::Gauge, "grps_capture_bytes", None, "Bytes of their files.");
    text.sample(&[], state.bytes as f64);
    let help = "Requests that were recorded.";
    text.family(Kind::Counter, "grps_capture_recorded", None, help);
    text.sample(&[], counts.recorded() as f64);
    let help = "Sampled requests that were not recorded, by reason.";
    text.family(Kind::Counter, "grps_capture_left_out", None, help);
    for why in LeftOut::ALL {
        text.sample(&[("reason", why.name())], counts.left_out(why) as f64);
    }
}
