//! Compares replies with the recorded ones.

use bytes::Bytes;
use grps_core::Content;
use grps_core::compare::{Comparison, Tolerance, Verdict, compare_contents};
use http::StatusCode;
use parking_lot::Mutex;

use super::difference::Difference;
use super::message::content_of;
use super::result::ReplayResult;
use crate::codec::Codec;

/// What is known of a recorded request.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) at_s: f64,
    pub(super) route: String,
    pub(super) request_id: String,
    /// The HTTP status of its outcome.
    pub(super) status: u16,
    pub(super) reply: Option<Bytes>,
}

/// A request that failed when it was sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyFailure {
    /// The HTTP status, if the server returned one.
    pub status: Option<u16>,
    /// What happened, as one line.
    pub text: String,
}

/// Compares replies with the recorded ones, from any thread.
pub struct Comparer {
    records: Vec<Recorded>,
    tolerance: Tolerance,
    result: Mutex<ReplayResult>,
}

impl Comparer {
    pub(super) fn new(records: Vec<Recorded>, tolerance: Tolerance) -> Self {
        Self { records, tolerance, result: Mutex::default() }
    }

    /// Compares the reply to the request of a number, counted from 0.
    pub fn compare(&self, record: usize, reply: Result<Bytes, ReplyFailure>) {
        let Some(recorded) = self.records.get(record) else { return };
        match (&recorded.reply, reply) {
            (None, _) if is_of_its_time(recorded.status) => self.result.lock().add_not_compared(),
            (None, Err(failure)) if failure.status == Some(recorded.status) => {
                self.result.lock().add_equal_failure(&recorded.route);
            }
            (None, Err(failure)) => {
                let text = failure.text;
                let why = format!("it failed with status {} before, now: {text}", recorded.status);
                self.add_other_outcome(record, recorded, why);
            }
            (None, Ok(_)) => {
                let why = format!("it failed with status {} before, now not", recorded.status);
                self.add_other_outcome(record, recorded, why);
            }
            (Some(_), Err(failure)) => {
                self.add_other_outcome(record, recorded, format!("it failed: {}", failure.text));
            }
            (Some(expected), Ok(actual)) => {
                let found = compare_messages(expected, &actual, self.tolerance);
                let difference = (found.verdict() == Verdict::Different)
                    .then(|| Difference::of_contents(record, recorded, &found));
                self.result.lock().add_comparison(&recorded.route, &found, difference);
            }
        }
    }

    /// What was found so far.
    pub fn result(&self) -> ReplayResult {
        self.result.lock().clone()
    }

    fn add_other_outcome(&self, record: usize, recorded: &Recorded, why: String) {
        let difference = Difference::of_outcome(record, recorded, why);
        self.result.lock().add_other_outcome(difference);
    }
}

fn compare_messages(expected: &Bytes, actual: &Bytes, tolerance: Tolerance) -> Comparison {
    // What can't be read is compared byte by byte.
    let content = |bytes: &Bytes| content_of(bytes).unwrap_or_else(|_| Content::Raw(bytes.clone()));
    compare_contents(&content(expected), &content(actual), &Codec, tolerance)
}

/// Whether a status says something of the load of that time, not of the request.
fn is_of_its_time(status: u16) -> bool {
    const CLIENT_CLOSED_REQUEST: u16 = 499;
    let statuses = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    status == CLIENT_CLOSED_REQUEST || statuses.iter().any(|one| one.as_u16() == status)
}

#[cfg(test)]
mod tests {
    use grps_core::{Tensor, Values};

    use super::*;
    use crate::codec::{GrpsMessage, MapData, Status, proto};

    fn floats(values: &[f32]) -> Bytes {
        let values = Values::Float32(values.to_vec());
        let tensor = Tensor::new("y".into(), vec![values.len()], values).unwrap();
        proto::encode_raw(None, "", &[tensor]).unwrap().concat().into()
    }

    fn recorded(status: u16, reply: Option<Bytes>) -> Recorded {
        let (route, request_id) = ("m-1".to_owned(), "id".to_owned());
        Recorded { at_s: 0.5, route, request_id, status, reply }
    }

    fn comparer(records: Vec<Recorded>) -> Comparer {
        Comparer::new(records, Tolerance::new(0.01, 0.0).unwrap())
    }

    fn failure(status: u16) -> Result<Bytes, ReplyFailure> {
        Err(ReplyFailure { status: Some(status), text: format!("status {status}") })
    }

    #[test]
    fn replies_are_counted_by_how_they_compare() {
        let all = vec![recorded(200, Some(floats(&[1.0, 2.0]))); 4];
        let comparer = comparer(all);
        // The encoding of a message and its status do not matter.
        let tensor = Tensor::new("y".into(), vec![2], Values::Float32(vec![1.0, 2.0])).unwrap();
        let equal = proto::encode_tensors(Some(&Status::ok()), "m-2", &[tensor]).unwrap();
        comparer.compare(0, Ok(equal));
        comparer.compare(1, Ok(floats(&[1.0, 2.005])));
        comparer.compare(2, Ok(floats(&[1.5, 4.0])));
        comparer.compare(3, Ok(floats(&[1.0])));
        comparer.compare(4, Ok(floats(&[])));
        let result = comparer.result();
        let counts = (result.equal, result.within_tolerance, result.different);
        assert_eq!((result.replies, result.compared, counts), (4, 4, (1, 1, 2)));
        assert_eq!(result.max_absolute, 2.0);
        assert_eq!((result.routes["m-1"].compared, result.routes["m-1"].different), (4, 2));
        let worst: Vec<_> = result.worst.iter().map(|one| (one.record, &*one.why)).collect();
        let shape = "tensor 'y' has shape [1] instead of [2]";
        assert_eq!(worst, [(3, shape), (2, "2 of 2 elements differ")]);
        let largest = &result.worst[1];
        assert_eq!((&*largest.tensor, &largest.index[..]), ("y", &[1][..]));
        assert_eq!((&*largest.expected, &*largest.actual), ("2", "4"));
    }

    #[test]
    fn outcomes_are_compared() {
        let reply = || Some(floats(&[1.0]));
        let comparer = comparer(vec![
            recorded(500, None),
            recorded(500, None),
            recorded(400, None),
            recorded(429, None),
            recorded(200, reply()),
        ]);
        comparer.compare(0, failure(500));
        comparer.compare(1, failure(400));
        comparer.compare(2, Ok(floats(&[1.0])));
        comparer.compare(3, Ok(floats(&[1.0])));
        comparer.compare(4, failure(500));
        let result = comparer.result();
        assert_eq!((result.equal, result.other_outcomes, result.not_compared), (1, 3, 1));
        let worst: Vec<_> = result.worst.iter().map(|one| &*one.why).collect();
        let wanted = [
            "it failed with status 500 before, now: status 400",
            "it failed with status 400 before, now not",
            "it failed: status 500",
        ];
        assert_eq!(worst, wanted);
    }

    #[test]
    fn only_the_worst_are_kept() {
        let comparer = comparer(vec![recorded(200, Some(floats(&[0.0]))); 30]);
        for record in 0..30_u8 {
            comparer.compare(record.into(), Ok(floats(&[f32::from(record % 15) + 1.0])));
        }
        let worst: Vec<_> =
            comparer.result().worst.iter().map(|one| (one.record, one.max_absolute)).collect();
        assert_eq!(worst.len(), 10);
        assert_eq!(worst[..3], [(14, 15.0), (29, 15.0), (13, 14.0)]);
    }

    #[test]
    fn texts_and_maps_are_compared() {
        let text = |text: &str| proto::encode(&GrpsMessage::of_text(text.to_owned()));
        let map = |value| {
            let map = MapData { s_f: vec![("score".to_owned(), value)], ..MapData::default() };
            let data = crate::codec::Data::Map(Box::new(map));
            proto::encode(&GrpsMessage { data, ..GrpsMessage::default() })
        };
        let records = [text("one"), text("one"), map(0.5), map(0.5), map(0.5)];
        let records = records.into_iter().map(|reply| recorded(200, Some(reply))).collect();
        let comparer = comparer(records);
        let replies = [text("one"), text("two"), map(0.505), map(0.9), text("0.5")];
        for (record, reply) in replies.into_iter().enumerate() {
            comparer.compare(record, Ok(reply));
        }
        let result = comparer.result();
        assert_eq!((result.equal, result.within_tolerance, result.different), (1, 1, 3));
        assert!(result.worst.iter().any(|one| one.tensor == "s_f[score]"));
    }
}
