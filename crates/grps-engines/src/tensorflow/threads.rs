//! Threads and devices of sessions.

use parking_lot::Mutex;

use crate::common::EngineError;
use crate::tensorflow::arguments::Arguments;

/// What TensorFlow reads the number of threads from where a session leaves it open.
const VARIABLE: &str = "TF_NUM_INTRAOP_THREADS";

/// Threads that share an operator, and threads that run operators side by side; 0 leaves the
/// choice to TensorFlow. All sessions of a process use the threads that the first one has made.
type Threads = (u16, u16);

static THREADS: Mutex<Option<Threads>> = Mutex::new(None);

/// The encoded `ConfigProto` of a session on the CPU.
///
/// # Errors
/// Another model has another number of threads.
pub(super) fn session_config(
    arguments: &Arguments,
    processors: usize,
) -> Result<Vec<u8>, EngineError> {
    let mut known = THREADS.lock();
    let (intra, inter) = chosen(arguments, processors, *known)?;
    *known = Some((intra, inter));
    Ok(encoded((intra, inter)))
}

fn chosen(
    arguments: &Arguments,
    processors: usize,
    known: Option<Threads>,
) -> Result<Threads, EngineError> {
    let (intra, inter) = known.unwrap_or_else(|| {
        let is_set = std::env::var_os(VARIABLE).is_some();
        (if is_set { 0 } else { u16::try_from(processors).unwrap_or(0) }, 0)
    });
    let one = |key, wanted: Option<std::num::NonZeroU16>, now: u16| match wanted.map(u16::from) {
        Some(wanted) if known.is_some() && wanted != now => Err(EngineError::Model(format!(
            "inferer_args: {key} is {} already and TensorFlow can't change it once it has run; give \
             all models the same value",
            if now == 0 { "its own choice".to_owned() } else { now.to_string() }
        ))),
        wanted => Ok(wanted.unwrap_or(now)),
    };
    let intra = one("intra_op_threads", arguments.intra_op_threads, intra)?;
    Ok((intra, one("inter_op_threads", arguments.inter_op_threads, inter)?))
}

fn encoded((intra, inter): Threads) -> Vec<u8> {
    // device_count {key: "GPU" value: 0}
    let mut config = b"\x0a\x07\x0a\x03GPU\x10\x00".to_vec();
    for (tag, number) in [(0x10, intra), (0x28, inter), (0x38, 1)] {
        // intra_op_parallelism_threads, inter_op_parallelism_threads, allow_soft_placement
        config.push(tag);
        let mut rest = number;
        while rest >= 0x80 {
            config.push(low_byte(rest) | 0x80);
            rest >>= 7;
        }
        config.push(low_byte(rest));
    }
    config
}

fn low_byte(number: u16) -> u8 {
    let [low, _] = number.to_le_bytes();
    low & 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::ModelFile;
    use serde_json::json;

    fn arguments(intra: u16) -> Arguments {
        Arguments::read(&ModelFile::for_tests(json!({"intra_op_threads": intra}))).unwrap()
    }

    #[test]
    fn the_first_session_decides() {
        assert_eq!(chosen(&arguments(3), 8, None).unwrap(), (3, 0));
        assert_eq!(chosen(&Arguments::default(), 8, Some((3, 0))).unwrap(), (3, 0));
        let text = chosen(&arguments(2), 8, Some((3, 0))).unwrap_err().to_string();
        assert!(text.starts_with("inferer_args: intra_op_threads is 3 already"), "{text}");
    }

    #[test]
    fn numbers_are_encoded_in_groups_of_seven_bits() {
        assert_eq!(encoded((300, 1))[9..], [0x10, 0xac, 0x02, 0x28, 1, 0x38, 1]);
    }
}
