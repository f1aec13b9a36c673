//! `x-ratelimit-…`: how the limits of a caller in a minute stand, as OpenAI says it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::auth::limiter::MinuteState;
use crate::auth::minute_limit::LimitState;

/// The headers of one limit: the limit, what is left of it, and when nothing of it is used.
type Names = [HeaderName; 3];

const REQUESTS: Names = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const TOKENS: Names = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// Adds those of the limits that there are.
pub(crate) fn add(headers: &mut HeaderMap, state: &MinuteState) {
    for (names, state) in [(REQUESTS, state.requests), (TOKENS, state.tokens)] {
        if let Some(state) = state {
            add_limit(headers, names, &state);
        }
    }
}

fn add_limit(headers: &mut HeaderMap, names: Names, state: &LimitState) {
    let [limit, remaining, reset] = names;
    headers.insert(limit, HeaderValue::from(state.limit));
    headers.insert(remaining, HeaderValue::from(state.remaining));
    if let Ok(value) = HeaderValue::from_str(&shown(state.reset)) {
        headers.insert(reset, value);
    }
}

/// A duration as OpenAI writes it: `17ms`, `1.5s`, `6m0s`.
fn shown(duration: Duration) -> String {
    let ms = duration.as_nanos().div_ceil(1_000_000);
    let (minutes, ms) = (ms / 60_000, ms % 60_000);
    let seconds = |ms: u128| match ms % 1000 {
        0 => format!("{}s", ms / 1000),
        rest => format!("{}.{rest:03}", ms / 1000).trim_end_matches('0').to_owned() + "s",
    };
    match (minutes, ms) {
        (0, 1..1000) => format!("{ms}ms"),
        (0, _) => seconds(ms),
        _ => format!("{minutes}m{}", seconds(ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_openai_does() {
        for (ms, text) in [
            (0, "0s"),
            (1, "1ms"),
            (999, "999ms"),
            (1000, "1s"),
            (1050, "1.05s"),
            (59_999, "59.999s"),
            (60_000, "1m0s"),
            (360_000, "6m0s"),
            (61_500, "1m1.5s"),
        ] {
            assert_eq!(shown(Duration::from_millis(ms)), text);
        }
        assert_eq!(shown(Duration::from_nanos(1)), "1ms", "never too early");
    }

    #[test]
    fn only_limits_that_there_are_have_headers() {
        let mut headers = HeaderMap::new();
        add(&mut headers, &MinuteState::default());
        assert!(headers.is_empty());
        let tokens = Some(LimitState { limit: 100, remaining: 40, reset: Duration::from_secs(36) });
        add(&mut headers, &MinuteState { requests: None, tokens });
        let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(value("x-ratelimit-limit-tokens"), Some("100"));
        assert_eq!(value("x-ratelimit-remaining-tokens"), Some("40"));
        assert_eq!(value("x-ratelimit-reset-tokens"), Some("36s"));
        assert_eq!(headers.len(), 3);
    }
}
