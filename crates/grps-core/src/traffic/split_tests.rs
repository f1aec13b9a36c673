//! Tests of which version a request gets.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::models::model::Model;
use crate::models::model_spec::ModelSpec;
use crate::models::registry::Registry;
use crate::request::content::InputForm;
use crate::traffic::place::Draws;
use crate::traffic::spec::TrafficSpec;
use crate::traffic::weights::Weights;

fn route(version: &str) -> Route {
    let registry = Registry::default();
    let spec = ModelSpec::new("m", version, InputForm::Message);
    registry.add(Model::pulled(spec).0).unwrap();
    registry.resolve(&RouteQuery::named("m")).unwrap()
}

fn split(weights: &[f64]) -> Split {
    let shares = weights.iter().enumerate();
    let shares = shares.map(|(index, weight)| (route(&index.to_string()), *weight));
    Split::new(shares.collect(), Some("X-User-Id")).unwrap()
}

fn version_of(route: &Route) -> &str {
    route.version().unwrap()
}

fn counts(split: &Split, requests: usize) -> HashMap<&str, usize> {
    let draws = Draws::default();
    let mut counts = HashMap::new();
    for _ in 0..requests {
        let query = RouteQuery { draw: Some(draws.next()), ..RouteQuery::named("m") };
        *counts.entry(version_of(split.choose(&query))).or_default() += 1;
    }
    counts
}

fn of_key<'a>(split: &'a Split, key: &str) -> &'a str {
    let attributes = &|name: &str| (name == "x-user-id").then_some(key);
    let query = RouteQuery { attributes, draw: Some(0.5), ..RouteQuery::named("m") };
    version_of(split.choose(&query))
}

#[test]
fn a_tenth_of_the_requests_is_a_tenth() {
    let split = split(&[90.0, 10.0]);
    let counts = counts(&split, 10_000);
    assert!((990..=1010).contains(&counts["1"]), "{counts:?}");
}

#[test]
fn a_version_without_weight_gets_nothing() {
    let split = split(&[0.0, 1.0, 0.0]);
    assert_eq!(counts(&split, 100), HashMap::from([("1", 100)]));
    assert_eq!(of_key(&split, "any"), "1");
    assert!(Split::new(vec![(route("1"), 0.0)], None).is_none());
}

#[test]
fn what_is_no_request_gets_the_main_version() {
    for (weights, main) in [([1.0, 3.0, 2.0], "1"), ([2.0, 2.0, 1.0], "0")] {
        let split = split(&weights);
        assert_eq!(version_of(split.choose(&RouteQuery::named("m"))), main);
    }
}

#[test]
fn an_empty_key_is_none() {
    let split = split(&[1.0, 1.0]);
    let at = |draw, key: &'static str| {
        let attributes = &|_: &str| Some(key);
        let query = RouteQuery { attributes, draw: Some(draw), ..RouteQuery::named("m") };
        version_of(split.choose(&query)).to_owned()
    };
    assert_eq!((at(0.0, ""), at(0.999, "")), ("0".to_owned(), "1".to_owned()));
    assert_eq!(at(0.0, "a-key"), at(0.999, "a-key"));
}

#[test]
fn keys_are_divided_by_weight() {
    let split = split(&[90.0, 10.0]);
    let taken = (0..10_000).filter(|key| of_key(&split, &format!("user-{key}")) == "1").count();
    assert!((900..=1100).contains(&taken), "{taken}");
}

proptest! {
    #[test]
    fn a_version_that_grows_keeps_its_keys(
        before in prop::collection::vec(0.1f64..100.0, 2..5),
        growth in 1.0f64..50.0,
        keys in prop::collection::vec("[a-z0-9-]{1,20}", 50),
    ) {
        let grown = before.len() - 1;
        let mut after = before.clone();
        after[grown] *= growth;
        let (before, after) = (split(&before), split(&after));
        let grown = grown.to_string();
        for key in &keys {
            let (was, is) = (of_key(&before, key), of_key(&after, key));
            // A key stays where it is, or goes to the version that has grown.
            prop_assert!(is == was || is == grown, "{key}: {was} -> {is}");
        }
    }

    #[test]
    fn shares_are_those_of_the_weights(weights in prop::collection::vec(1.0f64..100.0, 1..6)) {
        let split = split(&weights);
        let counts = counts(&split, 2000);
        let sum: f64 = weights.iter().sum();
        for (index, weight) in weights.iter().enumerate() {
            let wanted = 2000.0 * weight / sum;
            let got = counts.get(&*index.to_string()).copied().unwrap_or_default() as f64;
            prop_assert!((got - wanted).abs() <= 10.0, "{index}: {got} of {wanted}");
        }
    }
}

fn registry(weights: &[(&str, f64)]) -> Registry {
    let registry = Registry::default();
    for version in ["1", "2", "3"] {
        let spec = ModelSpec::new("m", version, InputForm::Message);
        registry.add(Model::pulled(spec).0).unwrap();
    }
    let weights = weights.iter().map(|(version, weight)| ((*version).to_owned(), *weight));
    let weights = Weights::new(weights.collect()).unwrap();
    registry.put_traffic(TrafficSpec::of_weights("m", weights)).unwrap();
    registry
}

fn key_of(registry: &Registry, query: &RouteQuery<'_>) -> String {
    registry.resolve(query).unwrap().models()[0].key().to_owned()
}

#[test]
fn a_named_version_is_that_version() {
    let registry = registry(&[("1", 1.0)]);
    let named = |model, version| {
        let query = RouteQuery { version, draw: Some(0.0), ..RouteQuery::named(model) };
        key_of(&registry, &query)
    };
    assert_eq!(named("m", None), "m-1");
    assert_eq!(named("m", Some("")), "m-1");
    assert_eq!(named("m-2", None), "m-2");
    assert_eq!(named("m", Some("3")), "m-3");
}

#[test]
fn a_request_without_a_name_follows_the_weights_of_a_bare_default() {
    let registry = registry(&[("1", 1.0), ("2", 1.0)]);
    let at = |draw| key_of(&registry, &RouteQuery { draw: Some(draw), ..RouteQuery::named("") });
    registry.set_default(&["m".into()]).unwrap();
    assert_eq!((at(0.0), at(0.9)), ("m-1".to_owned(), "m-2".to_owned()));
    registry.set_default(&["m-3".into()]).unwrap();
    assert_eq!((at(0.0), at(0.9)), ("m-3".to_owned(), "m-3".to_owned()));
    registry.set_default(&["m".into(), "m-3".into()]).unwrap();
    assert_eq!(at(0.9), "m-1");
}

#[test]
fn the_share_of_a_version_that_is_not_loaded_goes_to_the_others() {
    let registry = registry(&[("1", 1.0), ("2", 1.0)]);
    let at = |draw| key_of(&registry, &RouteQuery { draw: Some(draw), ..RouteQuery::named("m") });
    registry.remove("m-2").unwrap();
    assert_eq!((at(0.0), at(0.9)), ("m-1".to_owned(), "m-1".to_owned()));
    registry.remove("m-1").unwrap();
    // None of them is loaded: the name stands for the latest version that they do not name.
    assert_eq!(at(0.9), "m-3");
}

#[test]
fn a_spare_version_is_no_trouble() {
    let registry = registry(&[("1", 1.0), ("2", 0.0)]);
    let trouble = || registry.trouble().is_some();
    // No version has an instance.
    assert!(trouble());
    for version in ["1", "3"] {
        registry.remove(&format!("m-{version}")).unwrap();
        let spec = ModelSpec::new("m", version, InputForm::Message);
        let identity = Box::new(crate::models::executors::inline::Identity);
        registry.put(Model::inline(spec, identity)).unwrap();
    }
    assert!(!trouble(), "{:?}", registry.trouble());
    let weights = Weights::new(vec![("2".into(), 1.0)]).unwrap();
    registry.set_weights("m", weights).unwrap();
    assert!(trouble());
}
