//! The order of the versions of a model; a bare name is its latest version.
//!
//! Versions follow Semantic Versioning where they can: `1.0.0-rc.1` is before `1.0.0`, and `1.10.0`
//! after `1.9.0`. Python's forms (`1.0.0rc1`, `1.0.post1`), a leading `v`, dates and names with
//! numbers have their usual order too.

use std::cmp::Ordering;

/// Words that mark a pre-release without a hyphen, as in `1.0rc1`.
const PRE_RELEASE: [&str; 6] = ["alpha", "beta", "rc", "pre", "preview", "dev"];
/// Letters that mark a pre-release without a hyphen, before a number: `1.0b2`.
const PRE_RELEASE_LETTERS: [&str; 3] = ["a", "b", "c"];
/// The word that marks a release after the release itself.
const POST_RELEASE: &str = "post";

/// Compares two versions. Only equal texts are equal, so that the order does not depend on the order
/// in which models are loaded.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    Version::parse(left).cmp(&Version::parse(right)).then_with(|| left.cmp(right))
}

/// A version; its fields are compared in their order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    /// The parts before the suffix, without zeros at the end: 1.0 and 1.0.0 are the same release.
    release: Vec<Part>,
    suffix: Suffix,
    /// The parts after `+`.
    build: Vec<Part>,
}

/// What follows the numbers of a release.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    Pre(Vec<Part>),
    None,
    Post(Vec<Part>),
}

/// A run of digits or of other characters. Numbers are before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// The number of digits and the digits, without zeros at the start: the order of numbers of any
    /// size.
    Number(usize, String),
    /// A word in lower case.
    Word(String),
}

/// A part and whether a hyphen precedes it.
type Separated = (bool, Part);

impl Version {
    fn parse(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let (version, build) = lower.split_once('+').unwrap_or((&lower, ""));
        let numbered = |rest: &&str| rest.starts_with(|first: char| first.is_ascii_digit());
        let version = version.strip_prefix('v').filter(numbered).unwrap_or(version);
        let parts = split(version);
        let end = suffix_start(&parts).unwrap_or(parts.len());
        let (release, suffix) = parts.split_at(end);
        let mut release = without_separators(release);
        while release.last().is_some_and(Part::is_zero) {
            release.pop();
        }
        let suffix = match suffix {
            [] => Suffix::None,
            [(_, Part::Word(word)), rest @ ..] if word == POST_RELEASE => {
                Suffix::Post(without_separators(rest))
            }
            pre => Suffix::Pre(without_separators(pre)),
        };
        Self { release, suffix, build: without_separators(&split(build)) }
    }
}

impl Part {
    fn new(run: &str) -> Self {
        if !run.starts_with(|first: char| first.is_ascii_digit()) {
            return Self::Word(run.to_owned());
        }
        let digits = run.trim_start_matches('0');
        Self::Number(digits.len(), digits.to_owned())
    }

    fn is_zero(&self) -> bool {
        matches!(self, Self::Number(0, _))
    }
}

/// Splits a version into runs of digits and runs of other characters; `.`, `_` and `-` separate too.
fn split(text: &str) -> Vec<Separated> {
    let mut parts = Vec::new();
    for (index, section) in text.split('-').enumerate() {
        let mut after_hyphen = index > 0;
        for word in section.split(['.', '_']).filter(|word| !word.is_empty()) {
            let mut rest = word;
            while let Some(first) = rest.chars().next() {
                let is_digit = first.is_ascii_digit();
                let other = |character: char| character.is_ascii_digit() != is_digit;
                let (run, next) = rest.split_at(rest.find(other).unwrap_or(rest.len()));
                parts.push((after_hyphen, Part::new(run)));
                after_hyphen = false;
                rest = next;
            }
        }
    }
    parts
}

/// The index of the first part of the suffix. Only a version that begins with a number has one: in
/// `large-2` the hyphen is a separator.
fn suffix_start(parts: &[Separated]) -> Option<usize> {
    if !matches!(parts, [(_, Part::Number(..)), ..]) {
        return None;
    }
    let starts = |(index, (after_hyphen, part)): (usize, &Separated)| {
        let before_number = matches!(parts.get(index + 1), Some((_, Part::Number(..))));
        let is_marker = match part {
            Part::Number(..) => false,
            Part::Word(word) => {
                word == POST_RELEASE
                    || PRE_RELEASE.contains(&word.as_str())
                    || before_number && PRE_RELEASE_LETTERS.contains(&word.as_str())
            }
        };
        *after_hyphen || is_marker
    };
    parts.iter().enumerate().position(starts)
}

fn without_separators(parts: &[Separated]) -> Vec<Part> {
    parts.iter().map(|(_, part)| part.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that each version is before all that follow it.
    fn check_order(versions: &[&str]) {
        for (index, earlier) in versions.iter().enumerate() {
            assert_eq!(compare(earlier, earlier), Ordering::Equal);
            for later in &versions[index + 1..] {
                assert_eq!(compare(earlier, later), Ordering::Less, "{earlier} and {later}");
                assert_eq!(compare(later, earlier), Ordering::Greater, "{later} and {earlier}");
            }
        }
    }

    #[test]
    fn numbers_compare_as_numbers() {
        check_order(&["1", "1.9", "1.10", "2", "10"]);
        check_order(&["v1", "v2", "v9", "v10", "v10.1"]);
        check_order(&["r2", "r10", "s1"]);
        check_order(&["large", "large-2", "large-10", "small-1"]);
        check_order(&["2024-01-15", "2024-02-01", "2024-10-01", "2025-01-01"]);
        check_order(&["20240101", "99999999999999999998", "99999999999999999999"]);
        check_order(&["1.0", "1.0.1", "1.0.x"]);
        check_order(&["9", "v10", "11"]);
    }

    #[test]
    fn a_pre_release_is_before_its_release() {
        check_order(&[
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0-rc2",
            "1.0.0-rc10",
            "1.0.0",
            "1.0.0+build.1",
            "1.0.0+build.10",
            "1.0.0-post1",
            "1.0.1-rc1",
            "1.0.1",
        ]);
        check_order(&["1.9.9", "2.0-RC1", "2.0.0-rc2", "2.0"]);
        check_order(&["v2-rc1", "v2", "v10-rc1", "v10"]);
    }

    #[test]
    fn pythons_forms_are_known() {
        check_order(&["1.0a1", "1.0.b2", "1.0rc1", "1.0", "1.0.post1", "1.0.post2", "1.1.dev1"]);
        check_order(&["1.0.2", "1.0.2a", "1.0.2b"]);
    }

    #[test]
    fn equal_versions_of_different_texts_have_an_order() {
        check_order(&["1", "1.0", "1.0.0", "v1"]);
        check_order(&["", "-", "1"]);
    }
}
