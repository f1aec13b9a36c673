//! The requests of a capture, as they are sent again.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use grps_core::compare::{Tolerance, ToleranceError};
use serde::{Deserialize, Serialize};

use super::comparer::{Comparer, Recorded};
use crate::capture::format::{CaptureError, CaptureRecord, read_records};
use crate::codec::proto::write_bytes;

const MODEL: u32 = 2;
const MICROS: f64 = 1e6;
/// Headers that gRPC sets itself.
const OWN_HEADERS: [&str; 2] = ["content-type", "user-agent"];

/// How requests are sent again.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayOptions {
    /// The version of each model instead of the recorded one.
    pub version: Option<String>,
    /// The model or graph that gets all requests.
    pub model: Option<String>,
    /// How far numbers may be from the recorded ones.
    pub tolerance: Option<String>,
}

/// A request that is sent again.
#[derive(Clone, Debug)]
pub struct ReplayRequest {
    /// The encoded `GrpsMessage`.
    pub message: Bytes,
    /// Recorded headers, which may choose the route.
    pub headers: Vec<(String, String)>,
    /// Seconds from the first request to this one, as recorded.
    pub at_s: f64,
}

/// The requests of a capture.
pub struct Replay {
    /// The requests, in the order of their times.
    pub requests: Vec<ReplayRequest>,
    /// Compares the replies with the recorded ones.
    pub comparer: Arc<Comparer>,
    /// What the capture is.
    pub about: About,
}

/// What a capture is.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// Requests.
    pub requests: usize,
    /// Seconds from the first to the last.
    pub seconds: f64,
    /// Requests by the model or graph that ran them; "" is the default graph.
    pub routes: BTreeMap<String, usize>,
    /// Why the rest of the file can't be read.
    pub damage: Option<String>,
}

/// Why requests can't be sent again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The file can't be read.
    #[error("{0}")]
    Capture(#[from] CaptureError),
    /// The file has no requests.
    #[error("the capture has no requests")]
    Empty,
    /// A request has no model with a version.
    #[error(
        "the capture has requests of {0}, which has no versions; name the model or graph that gets \
         all requests by --model, instead of --version"
    )]
    NoVersion(String),
    /// The tolerance can't be used.
    #[error("{0}")]
    Tolerance(#[from] ToleranceError),
}

impl Replay {
    /// Reads the requests of a file.
    ///
    /// # Errors
    /// It can't be read, or its requests can't be sent as the options say.
    pub fn read(file: Bytes, options: &ReplayOptions) -> Result<Self, ReplayError> {
        let tolerance = options.tolerance.as_deref().map(Tolerance::parse).transpose()?;
        let (mut records, mut damage) = (Vec::new(), None);
        for record in read_records(file)? {
            match record {
                Ok(record) => records.push(record),
                Err(error) => damage = Some(error.to_string()),
            }
        }
        // They are written when they end, and sent when they came.
        records.sort_by_key(|record| record.time_us);
        let Some(first) = records.first().map(|record| record.time_us) else {
            return Err(damage_or_empty(damage));
        };
        let (mut requests, mut recorded, mut routes) = (Vec::new(), Vec::new(), BTreeMap::new());
        for record in records {
            let at_s = record.time_us.saturating_sub(first) as f64 / MICROS;
            let message = with_model(&record.request, &model_of(&record, options)?);
            *routes.entry(record.route.clone()).or_default() += 1;
            let CaptureRecord { headers, route, request_id, status, reply, .. } = record;
            let headers = headers.into_iter().filter(|(name, _)| !OWN_HEADERS.contains(&&**name));
            requests.push(ReplayRequest { message, headers: headers.collect(), at_s });
            recorded.push(Recorded { at_s, route, request_id, status, reply });
        }
        let seconds = requests.last().map_or(0.0, |last| last.at_s);
        let about = About { requests: requests.len(), seconds, routes, damage };
        let comparer = Comparer::new(recorded, tolerance.unwrap_or(Tolerance::EXACT));
        Ok(Self { requests, comparer: Arc::new(comparer), about })
    }
}

fn damage_or_empty(damage: Option<String>) -> ReplayError {
    let offset = 0;
    damage.map_or(ReplayError::Empty, |why| CaptureError::Damaged { offset, why }.into())
}

/// The model that gets a request.
fn model_of(record: &CaptureRecord, options: &ReplayOptions) -> Result<String, ReplayError> {
    if let Some(model) = &options.model {
        return Ok(model.clone());
    }
    let Some(version) = &options.version else { return Ok(record.route.clone()) };
    let suffix = format!("-{}", record.version);
    match record.route.strip_suffix(&suffix).filter(|_| !record.version.is_empty()) {
        Some(name) => Ok(format!("{name}-{version}")),
        None if record.route.is_empty() => Err(ReplayError::NoVersion("the default graph".into())),
        None => Err(ReplayError::NoVersion(format!("graph {}", record.route))),
    }
}

/// A message that names a model: the last one of a field counts.
fn with_model(message: &Bytes, model: &str) -> Bytes {
    if model.is_empty() {
        return message.clone();
    }
    let mut named = Vec::with_capacity(message.len() + model.len() + 8);
    named.extend_from_slice(message);
    write_bytes(&mut named, MODEL, model.as_bytes());
    named.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::format::{MAGIC, append_frame};
    use crate::codec::proto::peek_model;

    fn record(time_us: u64, route: &str, version: &str) -> CaptureRecord {
        CaptureRecord {
            time_us,
            route: route.to_owned(),
            version: version.to_owned(),
            status: 200,
            headers: vec![("user-agent".into(), "x".into()), ("x-tenant".into(), "a".into())],
            request: Bytes::from_static(b"\x12\x03old\x22\x01x"),
            reply: Some(Bytes::new()),
            ..CaptureRecord::default()
        }
    }

    fn read(records: &[CaptureRecord], options: &ReplayOptions) -> Result<Replay, ReplayError> {
        let mut file = MAGIC.to_vec();
        records.iter().for_each(|record| append_frame(&mut file, &record.encode()));
        Replay::read(file.into(), options)
    }

    fn models(replay: &Replay) -> Vec<&str> {
        replay.requests.iter().map(|request| peek_model(&request.message).unwrap()).collect()
    }

    #[test]
    fn requests_are_sent_in_the_order_of_their_times() {
        let records = [record(3_000_000, "m-1.0", "1.0"), record(1_500_000, "g", "")];
        let replay = read(&records, &ReplayOptions::default()).unwrap();
        let times: Vec<f64> = replay.requests.iter().map(|request| request.at_s).collect();
        assert_eq!((times, models(&replay)), (vec![0.0, 1.5], vec!["g", "m-1.0"]));
        assert_eq!((replay.about.requests, replay.about.seconds), (2, 1.5));
        assert_eq!(replay.requests[0].headers, [("x-tenant".to_owned(), "a".to_owned())]);
    }

    #[test]
    fn another_version_or_model_may_get_them() {
        let version = |version: &str| ReplayOptions {
            version: Some(version.to_owned()),
            ..ReplayOptions::default()
        };
        let records = [record(1, "a-b-1.0-rc", "1.0-rc")];
        assert_eq!(models(&read(&records, &version("2.0")).unwrap()), ["a-b-2.0"]);
        let graph = [record(1, "g", ""), record(2, "m-1", "1")];
        let error = read(&graph, &version("2")).err().unwrap();
        assert_eq!(error, ReplayError::NoVersion("graph g".into()));
        let error = read(&[record(1, "", "")], &version("2")).err().unwrap();
        assert_eq!(error, ReplayError::NoVersion("the default graph".into()));
        let model = ReplayOptions { model: Some("n-3".into()), ..ReplayOptions::default() };
        assert_eq!(models(&read(&graph, &model).unwrap()), ["n-3", "n-3"]);
        let default = read(&[record(1, "", "")], &ReplayOptions::default()).unwrap();
        assert_eq!(models(&default), ["old"]);
    }

    #[test]
    fn what_is_whole_of_a_file_is_sent() {
        let mut file = MAGIC.to_vec();
        append_frame(&mut file, &record(1, "m-1", "1").encode());
        file.extend_from_slice(&[9; 20]);
        let replay = Replay::read(file.into(), &ReplayOptions::default()).unwrap();
        assert_eq!(replay.requests.len(), 1);
        assert!(replay.about.damage.unwrap().contains("the record at byte"));
        assert_eq!(read(&[], &ReplayOptions::default()).err(), Some(ReplayError::Empty));
        let tolerance = ReplayOptions { tolerance: Some("x".into()), ..ReplayOptions::default() };
        assert!(matches!(read(&[], &tolerance).err(), Some(ReplayError::Tolerance(_))));
    }
}
