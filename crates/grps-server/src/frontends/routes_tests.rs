//! What holds for the routes of all front ends together.

use std::collections::BTreeSet;

use http::Method;

use crate::app::tests::settings;
use crate::call::access::Policy;
use crate::frontends::FRONT_ENDS;
use crate::frontends::shared::endpoint::Endpoint;

fn endpoints() -> Vec<Endpoint> {
    let settings = settings();
    FRONT_ENDS.iter().flat_map(|front_end| front_end.endpoints(&settings)).collect()
}

/// What the paths of other routes that change the service end with.
const ADMIN_ENDINGS: [&str; 7] =
    ["line", "/load", "/unload", "/register", "modelload", "modelunload", "memoryregister"];

#[test]
fn routes_that_change_the_service_require_admin_access() {
    let endpoints = endpoints();
    assert!(endpoints.len() > 50);
    for endpoint in endpoints {
        let path = endpoint.pattern.to_lowercase();
        let changes =
            path.contains("/admin/") || ADMIN_ENDINGS.iter().any(|end| path.ends_with(end));
        assert_eq!(endpoint.policy == Policy::Admin, changes, "{path}");
        // Where POST has a policy of its own, it changes what GET reads.
        assert!(endpoint.post_policy.is_none_or(|policy| policy == Policy::Admin), "{path}");
    }
}

/// The guide for operators.
const GUIDE: &str = include_str!("../../../../docs/guides/operate.md");

#[test]
fn the_guide_lists_all_admin_routes() {
    let is_admin = |endpoint: &&Endpoint| {
        endpoint.policy_of(&Method::POST) == Policy::Admin || endpoint.policy == Policy::Admin
    };
    for endpoint in endpoints().iter().filter(is_admin) {
        let row = format!("| `{}` |", endpoint.pattern);
        assert!(GUIDE.contains(&row), "docs/guides/operate.md lacks {row}");
    }
}

/// The paths that the configuration refuses for customized routes.
const OWN_PATHS: &str = include_str!("../../../../grps/config/routes.py");

#[test]
fn the_configuration_knows_all_http_routes() {
    let front_ends = FRONT_ENDS.iter().filter(|front_end| !front_end.is_grpc());
    for endpoint in front_ends.flat_map(|front_end| front_end.endpoints(&settings())) {
        let line = format!("\"{}\"", endpoint.pattern);
        assert!(OWN_PATHS.contains(&line), "grps/config/routes.py lacks {line}");
    }
}

#[test]
fn no_two_front_ends_declare_one_path() {
    let endpoints = endpoints();
    let paths: BTreeSet<_> = endpoints.iter().map(|endpoint| &endpoint.pattern).collect();
    assert_eq!(paths.len(), endpoints.len());
}
