//! Metrics of the traffic between versions of models.

use grps_core::{Phase, ShadowState, Shed};

use crate::app::App;
use crate::observability::exposition::{Exposition, Kind};

/// A number of the copies: its label in `outcome`, and its value.
type Outcome = (&'static str, fn(&ShadowState) -> u64);

const OUTCOMES: [Outcome; 4] = [
    ("equal", |shadow| shadow.counts.equal),
    ("within_tolerance", |shadow| shadow.counts.within_tolerance),
    ("different", |shadow| shadow.counts.different),
    ("failed", |shadow| shadow.counts.failed),
];

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    let states = app.engine.registry().traffic();
    if states.is_empty() {
        return;
    }
    let help = "Share of the requests for a model without a version that a version gets.";
    text.family(Kind::Gauge, "grps_traffic_ratio", None, help);
    for state in &states {
        for (version, _) in state.weights.iter() {
            let ratio = state.weights.percent(version) / 100.0;
            text.sample(&[("model", &state.model), ("version", version)], ratio);
        }
    }
    text.family(Kind::Gauge, "grps_traffic_phase", None, "1 for the phase of a rollout.");
    for state in &states {
        for phase in Phase::ALL {
            let labels = [("model", &*state.model), ("phase", phase.name())];
            text.sample(&labels, f64::from(u8::from(state.phase == phase)));
        }
    }
    let help = "Changes of weights and phases by what was done.";
    text.family(Kind::Counter, "grps_traffic_changes", None, help);
    for state in &states {
        for (action, count) in &state.changes {
            text.sample(&[("model", &*state.model), ("action", action)], *count as f64);
        }
    }
    let shadows: Vec<_> = states
        .iter()
        .filter_map(|state| state.shadow.as_ref().map(|shadow| (state.model.as_str(), shadow)))
        .collect();
    write_shadows(&shadows, text);
}

fn write_shadows(shadows: &[(&str, &ShadowState)], text: &mut Exposition) {
    if shadows.is_empty() {
        return;
    }
    text.family(Kind::Counter, "grps_shadow_copies", None, "Copies by their outcome.");
    for (model, shadow) in shadows {
        for (outcome, read) in OUTCOMES {
            let labels =
                [("model", *model), ("version", &*shadow.spec.version), ("outcome", outcome)];
            text.sample(&labels, read(shadow) as f64);
        }
    }
    text.family(Kind::Counter, "grps_shadow_shed", None, "Copies that were not made, by reason.");
    for (model, shadow) in shadows {
        for (reason, count) in Shed::ALL.into_iter().zip(shadow.counts.shed) {
            let version = &*shadow.spec.version;
            let labels = [("model", *model), ("version", version), ("reason", reason.name())];
            text.sample(&labels, count as f64);
        }
    }
    text.family(Kind::Gauge, "grps_shadow_in_flight", None, "Copies that run.");
    for (model, shadow) in shadows {
        let labels = [("model", *model), ("version", &*shadow.spec.version)];
        text.sample(&labels, shadow.counts.in_flight as f64);
    }
}
