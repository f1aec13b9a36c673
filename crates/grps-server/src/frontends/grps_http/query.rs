//! The query of a predict call.

use std::borrow::Cow;

/// Query parameters of a predict call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PredictQuery {
    /// `model`; a model in the body overrides it.
    pub(crate) model: String,
    /// `return-ndarray=true`: the response contains a nested array instead of gtensors.
    pub(crate) return_ndarray: bool,
    /// `streaming=true`: the response is streamed.
    pub(crate) streaming: bool,
    /// `shape`, such as `1,3`: the body contains the raw elements of one tensor.
    pub(crate) shape: Option<String>,
    /// `dtype` of that tensor.
    pub(crate) dtype: Option<String>,
}

impl PredictQuery {
    /// Parses the query. The first of repeated keys applies; unknown keys are ignored.
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let mut parsed = Self::default();
        let mut seen = (false, false, false);
        for_each_pair(query.unwrap_or_default(), |key, value| match key {
            "model" if !seen.0 => (parsed.model, seen.0) = (value.into_owned(), true),
            "return-ndarray" if !seen.1 => {
                (parsed.return_ndarray, seen.1) = (is_true(&value), true);
            }
            "streaming" if !seen.2 => (parsed.streaming, seen.2) = (is_true(&value), true),
            "shape" if parsed.shape.is_none() => parsed.shape = Some(value.into_owned()),
            "dtype" if parsed.dtype.is_none() => parsed.dtype = Some(value.into_owned()),
            _ => {}
        });
        parsed
    }
}

/// Passes the keys and values of a query on. One without escapes, the common case, is only cut.
fn for_each_pair(query: &str, mut take: impl FnMut(&str, Cow<'_, str>)) {
    if memchr::memchr2(b'%', b'+', query.as_bytes()).is_some() {
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            take(&key, value);
        }
        return;
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        take(key, Cow::Borrowed(value));
    }
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_keys_are_parsed() {
        let query = PredictQuery::parse(Some("model=a%2Db-1.0&return-ndarray=TRUE&x=1&model=c"));
        assert_eq!(query.model, "a-b-1.0");
        assert!(query.return_ndarray);
        assert!(!query.streaming);
    }

    proptest! {
        #[test]
        fn a_query_is_cut_as_forms_are(query in "[a-c=&%+2 é]{0,20}") {
            let mut pairs = Vec::new();
            for_each_pair(&query, |key, value| pairs.push((key.to_owned(), value.into_owned())));
            let expected: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            prop_assert_eq!(pairs, expected);
        }
    }

    #[test]
    fn flags_are_set_by_true_only() {
        assert_eq!(
            PredictQuery::parse(Some("return-ndarray=1&streaming=yes")),
            PredictQuery::default()
        );
        assert_eq!(PredictQuery::parse(None), PredictQuery::default());
    }
}
