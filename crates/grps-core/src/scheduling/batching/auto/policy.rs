//! What `batching: auto` aims for.

use std::time::Duration;

/// How the size of batches is chosen while the model runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AutoPolicy {
    /// The latency to keep; without one, the smallest batches with nearly the best throughput.
    pub objective: Option<Objective>,
}

/// A latency that a share of the requests is to stay within: the wait for an instance and the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// The share, above 0 and below 1.
    pub share: f64,
    /// The latency.
    pub latency: Duration,
}

impl Objective {
    /// Reads a text such as `p99=20ms`; `None` for another text.
    pub fn parse(text: &str) -> Option<Self> {
        let (percentile, latency) = text.strip_prefix('p')?.split_once('=')?;
        let percentile: f64 = percentile.parse().ok()?;
        let digits = latency.find(|one: char| one.is_ascii_alphabetic())?;
        let (number, unit) = latency.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let seconds = match unit {
            "s" => number,
            "ms" => number / 1e3,
            "us" => number / 1e6,
            _ => return None,
        };
        let latency = Duration::try_from_secs_f64(seconds).ok()?;
        let fits = percentile > 0.0 && percentile < 100.0 && latency >= Duration::from_micros(1);
        fits.then_some(Self { share: percentile / 100.0, latency })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read() {
        let read = |text| Objective::parse(text).map(|one| (one.share, one.latency));
        let (ms, us) = (Duration::from_millis, Duration::from_micros);
        assert_eq!(read("p99=20ms"), Some((0.99, ms(20))));
        assert_eq!(read("p50=1.5ms"), Some((0.5, us(1500))));
        assert_eq!(read("p99.9=2s"), Some((0.9990000000000001, ms(2000))));
        assert_eq!(read("p90=1us"), Some((0.9, us(1))));
        for wrong in ["", "p99", "99=20ms", "p99=20", "p99=ms", "p99=0ms", "p99=-1ms", "p99=1m"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        for wrong in ["p0=1s", "p100=1s", "pNaN=1s", "p99=infs", "p99=NaNms", "p99=1e300s"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
