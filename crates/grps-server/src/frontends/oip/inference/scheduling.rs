//! What the parameters of a request ask of the scheduling.

use std::time::Duration;

use grps_core::{Error, SchedulingOptions};
use http::HeaderMap;
use tokio::time::Instant;

use crate::call::call::Call;
use crate::frontends::oip::inference::parameters::{Parameter, Parameters, unknown};
use crate::frontends::shared::scheduling_headers::permitted_priority;

/// Asks for an empty response at the end of a stream.
pub(crate) const EMPTY_FINAL_RESPONSE: &str = "triton_enable_empty_final_response";
/// Parameters with this prefix are no user's.
const RESERVED: &str = "triton_";
/// Longest timeout.
const MAX_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Adds what the parameters of a request ask for to the options of its headers.
///
/// # Errors
/// `InvalidArgument` for a malformed parameter, for a sequence, and for a reserved name that is not
/// known.
pub(crate) fn options(
    parameters: &Parameters,
    by_headers: SchedulingOptions,
    headers: &HeaderMap,
    call: &Call,
) -> Result<SchedulingOptions, Error> {
    if parameters.is_empty() {
        return Ok(by_headers);
    }
    check_names(parameters)?;
    check_sequence(parameters)?;
    let mut options = by_headers;
    if let Some(priority) = parameters.whole_number("priority")?.filter(|priority| *priority > 0) {
        // 1 is the most urgent here, 0 the default; in the engine 0 is the most urgent.
        let requested = u8::try_from(priority - 1).unwrap_or(u8::MAX);
        options.priority = permitted_priority(requested, headers, call);
    }
    if let Some(timeout_us) = parameters.whole_number("timeout")?.filter(|timeout| *timeout > 0) {
        let deadline = Instant::now() + Duration::from_micros(timeout_us).min(MAX_TIMEOUT);
        options.deadline = Some(options.deadline.map_or(deadline, |own| own.min(deadline)));
    }
    Ok(options)
}

fn check_names(parameters: &Parameters) -> Result<(), Error> {
    let is_unknown = |name: &str| name.starts_with(RESERVED) && name != EMPTY_FINAL_RESPONSE;
    match parameters.iter().find(|(name, _)| is_unknown(name)) {
        Some((name, _)) => Err(unknown(name)),
        None => Ok(()),
    }
}

/// A sequence would need a model that keeps state between requests.
fn check_sequence(parameters: &Parameters) -> Result<(), Error> {
    let has_id = match parameters.get("sequence_id") {
        None | Some(Parameter::Int(0) | Parameter::Uint(0)) => false,
        Some(Parameter::Text(id)) => !id.is_empty(),
        Some(_) => true,
    };
    if has_id || parameters.flag("sequence_start")? || parameters.flag("sequence_end")? {
        return Err(Error::invalid(
            "sequences are not supported: models keep no state between requests; send the request \
             without sequence_id, sequence_start and sequence_end",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::{call, settings};

    fn read(name: &str, value: Parameter) -> Result<SchedulingOptions, Error> {
        let mut parameters = Parameters::default();
        parameters.add(name.to_owned(), value).unwrap();
        options(&parameters, SchedulingOptions::default(), &HeaderMap::new(), &call(settings()))
    }

    #[test]
    fn priorities_are_moved_by_one() {
        for (sent, expected) in [(0, 255), (1, 0), (2, 1), (256, 255), (u64::MAX, 255)] {
            assert_eq!(read("priority", Parameter::Uint(sent)).unwrap().priority, expected);
        }
        assert!(read("priority", Parameter::Text("1".to_owned())).is_err());
        assert!(read("priority", Parameter::Int(-1)).is_err());
    }

    #[test]
    fn timeouts_are_microseconds() {
        assert!(read("timeout", Parameter::Uint(0)).unwrap().deadline.is_none());
        let deadline = read("timeout", Parameter::Uint(u64::MAX)).unwrap().deadline.unwrap();
        assert!(deadline > Instant::now() + MAX_TIMEOUT / 2);
        assert!(read("timeout", Parameter::Double(1.0)).is_err());
    }

    #[test]
    fn sequences_and_unknown_reserved_names_are_refused() {
        for (name, value) in [
            ("sequence_id", Parameter::Int(7)),
            ("sequence_id", Parameter::Text("a".to_owned())),
            ("sequence_start", Parameter::Bool(true)),
            ("sequence_end", Parameter::Bool(true)),
        ] {
            let error = read(name, value).unwrap_err();
            assert!(error.message().starts_with("sequences are not supported"), "{error}");
        }
        for (name, value) in [
            ("sequence_id", Parameter::Int(0)),
            ("sequence_id", Parameter::Text(String::new())),
            ("sequence_start", Parameter::Bool(false)),
            (EMPTY_FINAL_RESPONSE, Parameter::Bool(true)),
            ("temperature", Parameter::Double(0.5)),
        ] {
            assert!(read(name, value).is_ok(), "{name}");
        }
        let error = read("triton_x", Parameter::Bool(true)).unwrap_err();
        assert!(error.message().contains("triton_x is not supported"), "{error}");
    }
}
