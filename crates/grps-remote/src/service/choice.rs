//! Which endpoint gets a call: the one of two random ones that is done with it sooner.

use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use crate::service::endpoint::Endpoint;

/// Endpoints that a call was not begun by.
pub(crate) type Tried = SmallVec<[Arc<Endpoint>; 2]>;

/// Chooses an endpoint for a model; `random` is any number. `None` when no other one takes calls.
pub(crate) fn choose(
    endpoints: &[Arc<Endpoint>],
    model: u64,
    tried: &Tried,
    random: u64,
) -> Option<Arc<Endpoint>> {
    let is_new = |one: &Arc<Endpoint>| !tried.iter().any(|tried| Arc::ptr_eq(tried, one));
    let fitting = endpoints.iter().filter(|one| is_new(one) && one.takes(model));
    let fitting: SmallVec<[&Arc<Endpoint>; 8]> = fitting.collect();
    let count = fitting.len() as u64;
    match fitting.as_slice() {
        [] => None,
        [only] => Some(Arc::clone(only)),
        several => {
            let first = (random >> 32) % count;
            // Any other one than the first.
            let second = (first + 1 + (random & 0xffff_ffff) % (count - 1)) % count;
            let (first, second) = (several.get(first as usize)?, several.get(second as usize)?);
            Some(Arc::clone(better(first, second)))
        }
    }
}

fn better<'a>(first: &'a Arc<Endpoint>, second: &'a Arc<Endpoint>) -> &'a Arc<Endpoint> {
    let now = Instant::now();
    let (one, other) = (first.latency(now), second.latency(now));
    // One without calls so far is taken to be as fast as the other.
    let of_first = one.or(other).unwrap_or(1.0);
    let of_second = other.or(one).unwrap_or(1.0);
    let cost_of_first = (first.is_full(now), first.cost(of_first, now));
    let cost_of_second = (second.is_full(now), second.cost(of_second, now));
    if cost_of_first <= cost_of_second { first } else { second }
}
