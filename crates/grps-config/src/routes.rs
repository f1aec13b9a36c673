//! Paths of customized routes: which of them a service can serve beside its own.

use crate::schema::Schema;
use crate::text::quoted;

/// What has a meaning of its own in a path, beside letters, digits and `_.-~`.
const SAFE: &str = "/%:@!$&'()*+,;=_.-~";

/// Why a service can't serve a customized route at `path`; `None` when it can. `protocols` are
/// those that it serves of the ones that are off by default.
pub(crate) fn path_fault(path: &str, protocols: &[&str], schema: &Schema) -> Option<String> {
    let shown = quoted(path);
    if !path.starts_with('/') {
        return Some(format!("{shown} must start with '/'"));
    }
    if path
        .contains(|one: char| matches!(one, '?' | '#' | '\x00'..='\x1f' | '\x7f') || is_space(one))
    {
        return Some(format!("{shown} must be a path alone, without spaces, '?' and '#'"));
    }
    if !path.is_ascii() {
        let sent = quoted(&escaped(path));
        return Some(format!("{shown} must be written as clients send it: {sent}"));
    }
    let optional = protocols.iter().filter_map(|name| schema.optional_paths.get(*name)).flatten();
    let is_own = schema.own_paths.iter().chain(optional).any(|own| is_route(own, path));
    is_own.then(|| {
        format!(
            "{shown} is a route of the service itself; choose another path, such as \
             '/custom_predict'"
        )
    })
}

fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\x1c'..='\x1f')
}

/// Whether a path is one of a route, whose `{name}` stands for a segment or a part of one and whose
/// `{*name}` for the rest.
fn is_route(route: &str, path: &str) -> bool {
    let Some(begin) = route.find('{') else { return route == path };
    let Some(length) = route.get(begin..).and_then(|rest| rest.find('}')) else { return false };
    let (before, name) = (route.get(..begin), route.get(begin + 1..begin + length));
    let behind = route.get(begin + length + 1..).unwrap_or_default();
    let Some(rest) = before.and_then(|before| path.strip_prefix(before)) else { return false };
    if name.is_some_and(|name| name.starts_with('*')) {
        return !rest.is_empty();
    }
    let segment = rest.find('/').unwrap_or(rest.len());
    (1..=segment).any(|end| rest.get(end..).is_some_and(|left| is_route(behind, left)))
}

fn escaped(path: &str) -> String {
    let mut sent = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || SAFE.contains(char::from(byte)) {
            sent.push(char::from(byte));
        } else {
            sent.push_str(&format!("%{byte:02X}"));
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_routes_stand_for_segments() {
        assert!(is_route("/a/{x}", "/a/b"));
        assert!(!is_route("/a/{x}", "/a/b/c"));
        assert!(!is_route("/a/{x}", "/a/"));
        assert!(is_route("/a/{x}:run", "/a/b:c:run"));
        assert!(is_route("/a/{*x}", "/a/b/c"));
        assert!(!is_route("/a", "/a/"));
    }
}
