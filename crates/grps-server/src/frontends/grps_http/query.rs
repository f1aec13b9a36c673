//! The query of a predict call.

use form_urlencoded::parse;

/// What a predict call may say in its query.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PredictQuery {
    /// `model`; a model in the body wins over it.
    pub(crate) model: String,
    /// `return-ndarray=true`: answer with a nested array instead of gtensors.
    pub(crate) return_ndarray: bool,
    /// `streaming=true`: answer piece by piece.
    pub(crate) streaming: bool,
    /// `shape`, such as `1,3`: the body is the elements of one tensor.
    pub(crate) shape: Option<String>,
    /// `dtype` of that tensor.
    pub(crate) dtype: Option<String>,
}

impl PredictQuery {
    /// Reads the query; of a repeated key the first counts, unknown keys are ignored.
    pub(crate) fn of(query: Option<&str>) -> Self {
        let mut found = Self::default();
        let mut seen = (false, false, false);
        for (key, value) in parse(query.unwrap_or_default().as_bytes()) {
            match &*key {
                "model" if !seen.0 => (found.model, seen.0) = (value.into_owned(), true),
                "return-ndarray" if !seen.1 => {
                    (found.return_ndarray, seen.1) = (is_true(&value), true);
                }
                "streaming" if !seen.2 => (found.streaming, seen.2) = (is_true(&value), true),
                "shape" if found.shape.is_none() => found.shape = Some(value.into_owned()),
                "dtype" if found.dtype.is_none() => found.dtype = Some(value.into_owned()),
                _ => {}
            }
        }
        found
    }
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read() {
        let query = PredictQuery::of(Some("model=a%2Db-1.0&return-ndarray=TRUE&x=1&model=c"));
        assert_eq!(query.model, "a-b-1.0");
        assert!(query.return_ndarray);
        assert!(!query.streaming);
    }

    #[test]
    fn only_true_counts() {
        assert_eq!(
            PredictQuery::of(Some("return-ndarray=1&streaming=yes")),
            PredictQuery::default()
        );
        assert_eq!(PredictQuery::of(None), PredictQuery::default());
    }
}
