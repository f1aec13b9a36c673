//! `{% generation %}` blocks, which mark what a model is trained on and mean nothing here.

use std::borrow::Cow;

/// Writes `{% generation %}` as `{% with %}`, which has a scope of its own too. Lines keep their
/// numbers and marks of whitespace control stay.
pub(crate) fn replace_generation_blocks(source: &str) -> Cow<'_, str> {
    if !source.contains("endgeneration") {
        return Cow::Borrowed(source);
    }
    let mut written = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, block) = rest.split_at(start + 2);
        written.push_str(before);
        rest = block;
        let trimmed = block.trim_start_matches(['-', '+']).trim_start();
        let Some((old, new)) = [("endgeneration", "endwith"), ("generation", "with")]
            .into_iter()
            .find(|(old, _)| trimmed.strip_prefix(old).is_some_and(is_end_of_block))
        else {
            continue;
        };
        let name = block.len() - trimmed.len();
        written.push_str(&block[..name]);
        written.push_str(new);
        rest = &trimmed[old.len()..];
    }
    written.push_str(rest);
    Cow::Owned(written)
}

fn is_end_of_block(rest: &str) -> bool {
    rest.trim_start().trim_start_matches(['-', '+']).starts_with("%}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_of_that_name_are_replaced() {
        let source = "{%- generation -%}a{% endgeneration %}{% if generation %}{{ generation }}{%";
        let expected = "{%- with -%}a{% endwith %}{% if generation %}{{ generation }}{%";
        assert_eq!(replace_generation_blocks(source), expected);
        assert_eq!(replace_generation_blocks("{% generation"), "{% generation");
    }
}
