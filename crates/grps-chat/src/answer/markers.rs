//! Finds markers in text that is not complete yet.

use super::grammar::Choice;

/// The first place where a marker is or may begin.
#[derive(Debug)]
pub(super) enum Found {
    /// The text has no marker.
    Nothing,
    /// A marker begins here.
    Marker(usize, &'static Choice),
    /// The text ends with the beginning of a marker.
    Beginning(usize),
}

/// Returns whether a text certainly has no marker, nor the beginning of one.
pub(super) fn has_none(text: &str, markers: &[Choice]) -> bool {
    !markers.iter().any(|marker| text.as_bytes().contains(&marker.token.as_bytes()[0]))
}

/// Finds the first marker. All of `markers` begin with the same ASCII character.
pub(super) fn find(text: &str, markers: &'static [Choice]) -> Found {
    let Some(first) = markers.first().and_then(|marker| marker.token.chars().next()) else {
        return Found::Nothing;
    };
    for (at, _) in text.match_indices(first) {
        let rest = &text[at..];
        for marker in markers {
            if rest.starts_with(marker.token) {
                return Found::Marker(at, marker);
            }
            if marker.token.starts_with(rest) {
                return Found::Beginning(at);
            }
        }
    }
    Found::Nothing
}
