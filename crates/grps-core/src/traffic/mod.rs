//! How the requests for a model's name are divided among its versions: weights, sticky keys, copies
//! for a shadow version, and steps from one version to another by rules.

mod control;
mod place;
mod rollout;
mod rules;
mod shadow;
mod spec;
mod split;
mod state;
mod totals;
mod weights;

pub(crate) use place::Draws;
pub use rollout::{Event, Phase};
pub(crate) use shadow::Mirror;
pub use shadow::{ShadowCounts, Shed};
pub use spec::{RolloutSpec, ShadowSpec, TrafficSpec};
pub(crate) use split::Split;
pub(crate) use state::Entry;
pub use state::{RolloutState, ShadowState, TrafficState};
pub use weights::Weights;
