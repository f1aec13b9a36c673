//! The query of a predict call.

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
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*key {
                "model" if !seen.0 => (parsed.model, seen.0) = (value.into_owned(), true),
                "return-ndarray" if !seen.1 => {
                    (parsed.return_ndarray, seen.1) = (is_true(&value), true);
                }
                "streaming" if !seen.2 => (parsed.streaming, seen.2) = (is_true(&value), true),
                "shape" if parsed.shape.is_none() => parsed.shape = Some(value.into_owned()),
                "dtype" if parsed.dtype.is_none() => parsed.dtype = Some(value.into_owned()),
                _ => {}
            }
        }
        parsed
    }
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_are_parsed() {
        let query = PredictQuery::parse(Some("model=a%2Db-1.0&return-ndarray=TRUE&x=1&model=c"));
        assert_eq!(query.model, "a-b-1.0");
        assert!(query.return_ndarray);
        assert!(!query.streaming);
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
