//! Headers for the priority and the batch key of a request.

use std::sync::Arc;

use grps_core::{Error, SchedulingOptions, quoted};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::auth::scopes::Scopes;
use crate::call::call::Call;
use crate::frontends::shared::credentials::sent_key;

/// Priority; 0 is the most urgent.
const PRIORITY: HeaderName = HeaderName::from_static("x-grps-priority");
/// Requests with different keys never share a batch.
const BATCH_KEY: HeaderName = HeaderName::from_static("x-grps-batch-key");
const MAX_KEY_BYTES: usize = 128;

/// Reads the scheduling options of a request.
///
/// # Errors
/// `InvalidArgument` when a header is malformed.
pub(crate) fn read_options(
    headers: &HeaderMap,
    deadline: Option<Instant>,
    call: &Call,
) -> Result<SchedulingOptions, Error> {
    let mut options = parse(headers)?;
    options.priority = permitted_priority(options.priority, headers, call);
    Ok(SchedulingOptions { deadline, client: Some(call.peer.ip()), ..options })
}

/// The options in the headers.
fn parse(headers: &HeaderMap) -> Result<SchedulingOptions, Error> {
    let priority = headers.get(PRIORITY).map_or(Ok(u8::MAX), parse_priority)?;
    let batch_key = headers.get(BATCH_KEY).map(parse_batch_key).transpose()?;
    Ok(SchedulingOptions { priority, batch_key, ..SchedulingOptions::default() })
}

/// The options with the priority that the body of a request asks for; a header has precedence. What
/// is beyond the priorities that there are is the nearest of them.
pub(crate) fn with_body_priority(
    mut options: SchedulingOptions,
    priority: Option<i32>,
    headers: &HeaderMap,
    call: &Call,
) -> SchedulingOptions {
    if let Some(priority) = priority.filter(|_| !headers.contains_key(PRIORITY)) {
        let priority = u8::try_from(priority.max(0)).unwrap_or(u8::MAX);
        options.priority = permitted_priority(priority, headers, call);
    }
    options
}

/// The priority that a client may have; operators may have each.
pub(crate) fn permitted_priority(requested: u8, headers: &HeaderMap, call: &Call) -> u8 {
    let most_urgent = call.app.settings.client_priority;
    if requested >= most_urgent || is_operator(headers, call) { requested } else { most_urgent }
}

/// Whether an operator sends the request, who may use every priority.
fn is_operator(headers: &HeaderMap, call: &Call) -> bool {
    call.scope.has_scope(Scopes::ADMIN) || call.app.auth.is_admin_token(sent_key(headers))
}

fn parse_priority(value: &HeaderValue) -> Result<u8, Error> {
    let priority = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    priority.ok_or_else(|| {
        Error::invalid(format!(
            "X-Grps-Priority must be a whole number from 0, the most urgent, to 255; got {}",
            quoted(&String::from_utf8_lossy(value.as_bytes()))
        ))
    })
}

fn parse_batch_key(value: &HeaderValue) -> Result<Arc<str>, Error> {
    let key = value.to_str().ok().map(str::trim);
    let is_valid = |key: &&str| (1..=MAX_KEY_BYTES).contains(&key.len());
    key.filter(is_valid).map(Arc::from).ok_or_else(|| {
        Error::invalid(format!(
            "X-Grps-Batch-Key must be 1 to {MAX_KEY_BYTES} visible ASCII characters"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Settings;
    use crate::app::tests::{call, settings};

    fn parse(name: HeaderName, value: &str) -> Result<SchedulingOptions, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        super::parse(&headers)
    }

    #[test]
    fn only_the_token_permits_every_priority() {
        let settings =
            Settings { client_priority: 2, admin_token: Some("secret".to_owned()), ..settings() };
        let permitted = |settings: &Settings, requested: u8, token: Option<&str>| {
            let call = call(settings.clone());
            let mut headers = HeaderMap::new();
            headers.insert(PRIORITY, HeaderValue::from(u16::from(requested)));
            if let Some(token) = token {
                headers.insert(http::header::AUTHORIZATION, HeaderValue::from_str(token).unwrap());
            }
            read_options(&headers, None, &call).unwrap().priority
        };
        assert_eq!(
            [0, 1, 2, 3, 255].map(|sent| permitted(&settings, sent, None)),
            [2, 2, 2, 3, 255]
        );
        assert_eq!(permitted(&settings, 0, Some("Bearer wrong")), 2);
        assert_eq!(permitted(&settings, 0, Some("bearer secret")), 0);
        let open = Settings { admin_token: None, ..settings };
        assert_eq!(permitted(&open, 0, None), 2);
    }

    #[test]
    fn a_body_has_a_priority_too() {
        let call = call(Settings { client_priority: 2, ..settings() });
        let (none, mut urgent) = (HeaderMap::new(), HeaderMap::new());
        urgent.insert(PRIORITY, HeaderValue::from(7));
        let priority = |headers: &HeaderMap, sent| {
            let options = read_options(headers, None, &call).unwrap();
            with_body_priority(options, sent, headers, &call).priority
        };
        let sent = [None, Some(i32::MIN), Some(-1), Some(1), Some(3), Some(255), Some(256)];
        assert_eq!(sent.map(|sent| priority(&none, sent)), [255, 2, 2, 2, 3, 255, 255]);
        assert_eq!(priority(&urgent, Some(3)), 7, "the header has precedence");
    }

    #[test]
    fn defaults_apply_without_headers() {
        let options = super::parse(&HeaderMap::new()).unwrap();
        assert_eq!((options.priority, options.batch_key), (u8::MAX, None));
    }

    #[test]
    fn priorities_range_from_0_to_255() {
        assert_eq!(parse(PRIORITY, "0").unwrap().priority, 0);
        assert_eq!(parse(PRIORITY, " 255 ").unwrap().priority, 255);
        for bad in ["256", "-1", "high", "", "1.0"] {
            assert!(parse(PRIORITY, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn batch_keys_are_short_texts() {
        assert_eq!(parse(BATCH_KEY, "beam=4").unwrap().batch_key.as_deref(), Some("beam=4"));
        assert!(parse(BATCH_KEY, &"k".repeat(128)).is_ok());
        for bad in ["", " ", &"k".repeat(129), "\u{e9}"] {
            assert!(parse(BATCH_KEY, bad).is_err(), "{bad}");
        }
    }
}
