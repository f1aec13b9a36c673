//! Which endpoint gets a call: the one of two random ones that is done with it sooner, and one of this
//! host rather than another.

use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use crate::service::endpoint::Endpoint;

/// An endpoint of this host gets a call as long as it is not this many times later done with it.
const LOCAL_MARGIN: f64 = 2.0;

/// What a call is, for the choice of its endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// The bit of its model.
    pub(crate) model: u64,
    /// Whether it is a stream. How long one lasts says nothing of its endpoint, nor does the duration of
    /// other calls: streams are divided by what the endpoints run.
    pub(crate) streams: bool,
}

/// Endpoints that a call was not begun by.
pub(crate) type Tried = SmallVec<[Arc<Endpoint>; 2]>;
type Fitting<'a> = SmallVec<[&'a Arc<Endpoint>; 8]>;

/// Chooses an endpoint for a call; `random` is any number. `None` when no other one takes calls.
pub(crate) fn choose(
    endpoints: &[Arc<Endpoint>],
    kind: Kind,
    tried: &Tried,
    random: u64,
) -> Option<Arc<Endpoint>> {
    let is_new = |one: &Arc<Endpoint>| !tried.iter().any(|tried| Arc::ptr_eq(tried, one));
    let fitting = endpoints.iter().filter(|one| is_new(one) && one.takes(kind.model));
    let (local, others): (Fitting<'_>, Fitting<'_>) = fitting.partition(|one| one.is_local());
    let by_latency = !kind.streams;
    let local = of_two(&local, random, by_latency);
    let chosen = match (local, of_two(&others, random, by_latency)) {
        (Some(local), Some(other)) => better(local, other, by_latency, LOCAL_MARGIN),
        (local, other) => local.or(other)?,
    };
    Some(Arc::clone(chosen))
}

/// The better one of two random ones.
fn of_two<'a>(
    fitting: &[&'a Arc<Endpoint>],
    random: u64,
    by_latency: bool,
) -> Option<&'a Arc<Endpoint>> {
    let count = fitting.len() as u64;
    match fitting {
        [] => None,
        [only] => Some(only),
        several => {
            let first = (random >> 32) % count;
            // Any other one than the first.
            let second = (first + 1 + (random & 0xffff_ffff) % (count - 1)) % count;
            let (first, second) = (several.get(first as usize)?, several.get(second as usize)?);
            Some(better(first, second, by_latency, 1.0))
        }
    }
}

/// The first one unless its cost is more than `margin` times that of the second.
fn better<'a>(
    first: &'a Arc<Endpoint>,
    second: &'a Arc<Endpoint>,
    by_latency: bool,
    margin: f64,
) -> &'a Arc<Endpoint> {
    let now = Instant::now();
    let latency = |one: &Endpoint| one.latency(now).filter(|_| by_latency);
    let (one, other) = (latency(first), latency(second));
    // One without calls so far is taken to be as fast as the other.
    let of_first = one.or(other).unwrap_or(1.0);
    let of_second = other.or(one).unwrap_or(1.0);
    let cost_of_first = (first.is_full(now), first.cost(of_first, now));
    let cost_of_second = (second.is_full(now), margin * second.cost(of_second, now));
    if cost_of_first <= cost_of_second { first } else { second }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn endpoint(name: &str, latency_ms: u64) -> Arc<Endpoint> {
        let endpoint = Endpoint::new(name.to_owned());
        endpoint.note_latency(Duration::from_millis(latency_ms), Instant::now());
        Arc::new(endpoint)
    }

    #[test]
    fn the_sooner_one_gets_a_call() {
        let (fast, slow) = (endpoint("fast", 1), endpoint("slow", 10));
        assert!(Arc::ptr_eq(better(&slow, &fast, true, 1.0), &fast));
        let running: Vec<_> = (0..10).map(|_| fast.begin()).collect();
        assert!(Arc::ptr_eq(better(&fast, &slow, true, 1.0), &slow));
        assert!(Arc::ptr_eq(better(&fast, &slow, false, 1.0), &slow));
        drop(running);
        assert!(Arc::ptr_eq(better(&slow, &fast, false, 1.0), &slow));
        assert!(Arc::ptr_eq(better(&fast, &slow, true, 1.0), &fast));
        fast.note_full(Instant::now());
        assert!(Arc::ptr_eq(better(&fast, &slow, true, 1.0), &slow));
    }

    #[test]
    fn one_of_this_host_comes_first_within_a_margin() {
        let (local, other) = (endpoint("local", 10), endpoint("other", 10));
        let one = local.begin();
        assert!(Arc::ptr_eq(better(&local, &other, true, LOCAL_MARGIN), &local));
        let two = local.begin();
        assert!(Arc::ptr_eq(better(&local, &other, true, LOCAL_MARGIN), &other));
        drop((one, two));
    }

    #[test]
    fn each_of_several_is_chosen() {
        let all = ["a", "b", "c"].map(|name| Arc::new(Endpoint::new(name.to_owned())));
        let fitting: Fitting<'_> = all.iter().collect();
        let chosen = |random: u64| of_two(&fitting, random, true).unwrap().address.clone();
        let found: std::collections::BTreeSet<String> =
            (0..64).map(|random| chosen(random << 32 | random)).collect();
        assert_eq!(found.len(), 3);
        assert_eq!(of_two(&fitting[..1], 7, true).unwrap().address, "a");
        assert!(of_two(&[], 7, true).is_none());
    }
}
