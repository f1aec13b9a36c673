//! The waterfall of one request: its stages in chronological order.

use std::time::{Duration, Instant};

use grps_core::metrics::{CallStage, RequestStage};
use grps_core::{CallRecord, RemoteRecord, Timeline};

/// Most steps of a call in another service that are shown.
const MAX_REMOTE_BARS: usize = 64;

/// One bar of a waterfall.
pub(crate) struct Bar {
    /// The stage, with its node or model as a prefix.
    pub(crate) name: String,
    /// Start of the stage, relative to the start of the request.
    pub(crate) start: Duration,
    /// Duration of the stage.
    pub(crate) duration: Duration,
    /// The model call of the stage, if any.
    pub(crate) call: Option<CallRecord>,
    /// Whether the stage is the model run, for which the batch is shown.
    pub(crate) is_infer: bool,
}

/// The stages of a request so far in chronological order, without stages that took no time.
pub(crate) fn bars(timeline: &Timeline) -> Vec<Bar> {
    let since = |moment: Instant| moment.saturating_duration_since(timeline.began());
    let record = timeline.record();
    let mut bars = Vec::new();
    for stage in RequestStage::ALL {
        if let Some((began, duration)) = record.stage(stage) {
            let (name, start) = (stage.name().to_owned(), since(began));
            bars.push(Bar { name, start, duration, call: None, is_infer: false });
        }
    }
    for call in record.calls {
        let owner = call.node.as_ref().unwrap_or(&call.model);
        let mut start = since(call.times.began);
        for (stage, duration) in call.times.stages() {
            let is_infer = stage == CallStage::Infer;
            let prefill =
                if is_infer { call.times.prefill().min(duration) } else { Duration::ZERO };
            let parts = [("prefill", prefill, false), (stage.name(), duration - prefill, is_infer)];
            for (name, duration, is_infer) in parts {
                if !duration.is_zero() {
                    let (name, call) = (format!("{owner}/{name}"), Some(call.clone()));
                    bars.push(Bar { name, start, duration, call, is_infer });
                }
                start += duration;
            }
        }
    }
    for remote in &record.remotes {
        bars.extend(bars_of(remote, since(remote.sent)));
    }
    bars.sort_by_key(|bar| bar.start);
    bars
}

/// The steps of a call in another service, whose clock is not this one's: they are shown in the
/// middle of the call, as if the way there took as long as the way back.
fn bars_of(remote: &RemoteRecord, sent: Duration) -> Vec<Bar> {
    let owner = format!("{}@{}", remote.model, remote.endpoint);
    let steps = remote.steps.split(", ").take(MAX_REMOTE_BARS).filter_map(read_step);
    let (totals, steps): (Vec<_>, Vec<_>) = steps.partition(|(name, ..)| *name == "total");
    let total = totals.first().map_or(Duration::ZERO, |(_, _, duration)| *duration);
    let began = sent + remote.took.saturating_sub(total) / 2;
    let bar = |(name, start, duration): (&str, Duration, Duration)| Bar {
        name: format!("{owner}/{name}"),
        start: began.saturating_add(start),
        duration,
        call: None,
        is_infer: false,
    };
    steps.into_iter().map(bar).collect()
}

/// Name, start and duration of a step; `None` for one that is malformed.
fn read_step(text: &str) -> Option<(&str, Duration, Duration)> {
    let mut fields = text.split(';');
    let name = fields.next()?;
    let (mut start, mut duration) = (None, None);
    for (key, value) in fields.filter_map(|field| field.split_once('=')) {
        let read = || Duration::try_from_secs_f64(value.parse::<f64>().ok()? / 1000.0).ok();
        match key {
            "start" => start = read(),
            "dur" => duration = read(),
            _ => {}
        }
    }
    Some((name, start?, duration?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn remote(steps: &str) -> RemoteRecord {
        let (model, endpoint) = ("m-1".into(), "h:7080".into());
        RemoteRecord { model, endpoint, sent: Instant::now(), took: 10 * MS, steps: steps.into() }
    }

    #[test]
    fn steps_of_another_service_are_in_the_middle_of_its_call() {
        let steps = "decode;start=0.000;dur=1.000, w-1/infer;start=1.000;dur=4.500;requests=1, \
                     total;start=0;dur=6.000";
        let bars = bars_of(&remote(steps), 3 * MS);
        let found: Vec<_> =
            bars.iter().map(|bar| (bar.name.as_str(), bar.start, bar.duration)).collect();
        let decode = ("m-1@h:7080/decode", 5 * MS, MS);
        let infer = ("m-1@h:7080/w-1/infer", 6 * MS, Duration::from_micros(4500));
        assert_eq!(found, [decode, infer]);
    }

    #[test]
    fn what_is_malformed_or_too_much_is_left_out() {
        for steps in
            ["", "a", "a;start=1", "a;start=x;dur=1", "a;start=1;dur=-1", "a;start=1;dur=inf"]
        {
            assert!(bars_of(&remote(steps), MS).is_empty(), "{steps}");
        }
        let long = bars_of(&remote("a;start=0;dur=20, total;start=0;dur=50"), MS);
        assert_eq!(long[0].start, MS, "not before it was sent");
        let many = vec!["a;start=0;dur=1"; 100].join(", ");
        assert_eq!(bars_of(&remote(&many), MS).len(), MAX_REMOTE_BARS);
    }
}
