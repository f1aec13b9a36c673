//! The order of names in which `output_10` follows `output_9`.

/// What a name is sorted by: numbers within it as numbers, behind other text.
pub(super) fn natural(name: &str) -> Vec<(i128, &str)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let is_number = first.is_ascii_digit();
        let other = |found: char| found.is_ascii_digit() != is_number;
        let (part, behind) = rest.split_at(rest.find(other).unwrap_or(rest.len()));
        parts.push(if is_number { (part.parse().unwrap_or(i128::MAX), "") } else { (-1, part) });
        rest = behind;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_as_numbers() {
        let mut names = ["out_10", "out_9", "é2", "", "out", "9", "a"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["", "a", "out", "out_9", "out_10", "é2", "9"]);
    }
}
