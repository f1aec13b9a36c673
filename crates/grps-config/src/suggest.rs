//! Did-you-mean hints for keys and values: the same words that Python's `difflib` finds.

use crate::text::quoted;

/// Least similarity of a word that is suggested.
const CUTOFF: f64 = 0.6;

/// ` (did you mean 'x'?)`, or nothing when no allowed word is near.
pub(crate) fn hint<'a>(given: &str, allowed: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<&str> = allowed.into_iter().collect();
    closest(given, &words)
        .map_or_else(String::new, |word| format!(" (did you mean {}?)", quoted(word)))
}

/// The allowed word that `given` most likely stands for, if any is near.
fn closest<'a>(given: &str, words: &[&'a str]) -> Option<&'a str> {
    let target: Vec<char> = given.to_lowercase().chars().collect();
    let mut best: Option<(f64, String, &str)> = None;
    for word in words {
        let folded = word.to_lowercase();
        let score = similarity(&folded.chars().collect::<Vec<_>>(), &target);
        let is_better = best.as_ref().is_none_or(|(most, text, _)| {
            score > *most || (score.total_cmp(most).is_eq() && folded >= *text)
        });
        if score >= CUTOFF && is_better {
            best = Some((score, folded, word));
        }
    }
    let near = best.map(|(_, _, word)| word);
    near.or_else(|| words.iter().copied().find(|word| !given.is_empty() && word.starts_with(given)))
}

/// Twice the number of characters in matching blocks by the number of all characters.
fn similarity(first: &[char], second: &[char]) -> f64 {
    let total = first.len() + second.len();
    if total == 0 { 1.0 } else { 2.0 * matching(first, second) as f64 / total as f64 }
}

/// How many characters are in the longest common block, and in those before and after it.
fn matching(first: &[char], second: &[char]) -> usize {
    let (start, other, length) = longest_block(first, second);
    if length == 0 {
        return 0;
    }
    let before =
        matching(first.get(..start).unwrap_or_default(), second.get(..other).unwrap_or_default());
    let after = matching(
        first.get(start + length..).unwrap_or_default(),
        second.get(other + length..).unwrap_or_default(),
    );
    before + length + after
}

/// The first longest common block: where it starts in both, and its length.
fn longest_block(first: &[char], second: &[char]) -> (usize, usize, usize) {
    let mut best = (0, 0, 0);
    let mut lengths = vec![0; second.len() + 1];
    for (row, one) in first.iter().enumerate() {
        let mut diagonal = 0;
        for (column, other) in second.iter().enumerate() {
            let Some(cell) = lengths.get_mut(column + 1) else { break };
            let length = if one == other { diagonal + 1 } else { 0 };
            diagonal = std::mem::replace(cell, length);
            if length > best.2 {
                best = (row + 1 - length, column + 1 - length, length);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested() {
        let allowed = ["name", "version", "inferer_type", "inferer_name"];
        assert_eq!(hint("infer_type", allowed), " (did you mean 'inferer_type'?)");
        assert_eq!(hint("Versoin", allowed), " (did you mean 'version'?)");
        assert_eq!(hint("v", allowed), " (did you mean 'version'?)");
        assert_eq!(hint("zzz", allowed), "");
        assert_eq!(hint("", allowed), "");
    }
}
