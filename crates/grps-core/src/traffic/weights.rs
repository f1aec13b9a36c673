//! The weights of versions.

use crate::error::Error;
use crate::text::quoted;

/// Most versions that share the requests of a name.
const MAX_VERSIONS: usize = 16;
/// Largest weight.
const MAX_WEIGHT: f64 = 1e6;

/// Versions of a model and the weight of each: a version gets its weight's share of all weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights(Vec<(String, f64)>);

impl Weights {
    /// Weights in the order in which versions are listed.
    ///
    /// # Errors
    /// `InvalidArgument` for no version or too many, one that is listed twice, a weight that is not
    /// from 0 to 1,000,000, or weights that are all 0.
    pub fn new(weights: Vec<(String, f64)>) -> Result<Self, Error> {
        if weights.is_empty() {
            return Err(Error::invalid("at least one version needs a weight"));
        }
        if weights.len() > MAX_VERSIONS {
            let count = weights.len();
            let text = format!("{count} versions are too many, {MAX_VERSIONS} are allowed");
            return Err(Error::invalid(text));
        }
        for (index, (version, weight)) in weights.iter().enumerate() {
            if weights.iter().take(index).any(|(earlier, _)| earlier == version) {
                return Err(Error::invalid(format!("version {} is listed twice", quoted(version))));
            }
            if !(0.0..=MAX_WEIGHT).contains(weight) {
                let version = quoted(version);
                let text = format!("the weight of {version}, {weight}, is not from 0 to 1000000");
                return Err(Error::invalid(text));
            }
        }
        if weights.iter().all(|(_, weight)| *weight == 0.0) {
            return Err(Error::invalid("all weights are 0: no version would get a request"));
        }
        Ok(Self(weights))
    }

    /// Versions and weights in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(version, weight)| (version.as_str(), *weight))
    }

    /// Whether a version is listed.
    pub fn has(&self, version: &str) -> bool {
        self.0.iter().any(|(listed, _)| listed == version)
    }

    /// The share of a version in percent; 0 for one that is not listed.
    pub fn percent(&self, version: &str) -> f64 {
        let sum: f64 = self.0.iter().map(|(_, weight)| weight).sum();
        let own = self.0.iter().find(|(listed, _)| listed == version);
        own.map_or(0.0, |(_, weight)| 100.0 * weight / sum)
    }

    /// The version that is listed last.
    pub(crate) fn last(&self) -> &str {
        self.0.last().map(|(version, _)| version.as_str()).unwrap_or_default()
    }

    /// Weights in percent with which a version has this share. The others have the rest, divided as
    /// it is now, or as it was in `usual` if they have nothing now.
    pub(crate) fn with_percent(&self, version: &str, percent: f64, usual: &Self) -> Self {
        let others = |weights: &Self| -> Vec<(String, f64)> {
            let all = weights.0.iter().filter(|(listed, _)| listed != version);
            all.cloned().collect()
        };
        let sum_of = |some: &[(String, f64)]| some.iter().map(|(_, weight)| weight).sum::<f64>();
        let mut rest = others(self);
        if sum_of(&rest) == 0.0 {
            rest = others(usual);
        }
        if sum_of(&rest) == 0.0 {
            // The others never had a weight: the first of them takes over.
            rest.iter_mut().take(1).for_each(|(_, weight)| *weight = 1.0);
        }
        let sum = sum_of(&rest);
        let mut all: Vec<(String, f64)> = rest
            .into_iter()
            .map(|(listed, weight)| (listed, (100.0 - percent) * weight / sum))
            .collect();
        // It keeps its place in the list, on which the choice of a request without a key depends.
        let place = self.0.iter().position(|(listed, _)| listed == version).unwrap_or(all.len());
        all.insert(place.min(all.len()), (version.to_owned(), percent));
        Self(all)
    }

    /// The weights in one line, in percent.
    pub fn describe(&self) -> String {
        let each = self.0.iter().map(|(version, _)| {
            let percent = (self.percent(version) * 100.0).round() / 100.0;
            format!("{version} {percent} %")
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(pairs: &[(&str, f64)]) -> Result<Weights, String> {
        let pairs = pairs.iter().map(|(version, weight)| ((*version).to_owned(), *weight));
        Weights::new(pairs.collect()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn limits_are_exact() {
        let numbered = |count: usize| -> Vec<(String, f64)> {
            (0..count).map(|number| (number.to_string(), 1.0)).collect()
        };
        assert!(Weights::new(numbered(MAX_VERSIONS)).is_ok());
        let error = Weights::new(numbered(MAX_VERSIONS + 1)).unwrap_err();
        assert_eq!(error.message(), "17 versions are too many, 16 are allowed");
        assert!(weights(&[("1", MAX_WEIGHT)]).is_ok());
        for bad in [MAX_WEIGHT + 1.0, -0.1, f64::NAN, f64::INFINITY] {
            assert!(weights(&[("1", 1.0), ("2", bad)]).unwrap_err().contains("of '2'"), "{bad}");
        }
        assert!(weights(&[]).unwrap_err().contains("at least one version"));
        assert!(weights(&[("1", 0.0), ("2", 0.0)]).unwrap_err().contains("all weights are 0"));
        assert!(weights(&[("1", 1.0), ("1", 1.0)]).unwrap_err().contains("'1' is listed twice"));
    }

    #[test]
    fn a_share_leaves_the_rest_divided_as_it_is() {
        let usual = weights(&[("1", 60.0), ("2", 30.0), ("3", 10.0)]).unwrap();
        let half = usual.with_percent("3", 55.0, &usual);
        assert_eq!(half, weights(&[("1", 30.0), ("2", 15.0), ("3", 55.0)]).unwrap());
        let all = half.with_percent("3", 100.0, &usual);
        assert_eq!(all, weights(&[("1", 0.0), ("2", 0.0), ("3", 100.0)]).unwrap());
        assert_eq!(all.with_percent("3", 55.0, &usual), half);
        assert_eq!(half.describe(), "1 30 %, 2 15 %, 3 55 %");
    }

    #[test]
    fn a_version_without_others_of_weight_gives_to_the_first() {
        let usual = weights(&[("1", 0.0), ("2", 1.0)]).unwrap();
        let back = usual.with_percent("2", 0.0, &usual);
        assert_eq!(back, weights(&[("1", 100.0), ("2", 0.0)]).unwrap());
    }
}
