//! Parameters of requests, inputs and outputs.

use grps_core::{Error, quoted, shown};

/// Most parameters of one request, input or output.
pub(crate) const MAX_PARAMETERS: usize = 256;

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Parameter {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
}

/// Parameters by name, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parameters(Vec<(String, Parameter)>);

impl Parameters {
    /// Adds a parameter.
    ///
    /// # Errors
    /// `InvalidArgument` when there are too many.
    pub(crate) fn add(&mut self, name: String, value: Parameter) -> Result<(), Error> {
        if self.0.len() >= MAX_PARAMETERS {
            return Err(Error::invalid(format!("more than {MAX_PARAMETERS} parameters")));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// All parameters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is no parameter.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a parameter; of a repeated one the last.
    pub(crate) fn get(&self, name: &str) -> Option<&Parameter> {
        self.0.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// A parameter that is true or false; false when it is absent.
    ///
    /// # Errors
    /// `InvalidArgument` when it is neither.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Error> {
        Ok(self.optional_flag(name)?.unwrap_or_default())
    }

    /// A parameter that is true or false.
    ///
    /// # Errors
    /// `InvalidArgument` when it is neither.
    pub(crate) fn optional_flag(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Parameter::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(wrong_type(name, "true or false")),
        }
    }

    /// A parameter that is a whole number from 0.
    ///
    /// # Errors
    /// `InvalidArgument` when it is none.
    pub(crate) fn whole_number(&self, name: &str) -> Result<Option<u64>, Error> {
        let number = match self.get(name) {
            None => return Ok(None),
            Some(Parameter::Uint(value)) => Some(*value),
            Some(Parameter::Int(value)) => u64::try_from(*value).ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| wrong_type(name, "a whole number from 0"))
    }

    /// A parameter that is text.
    ///
    /// # Errors
    /// `InvalidArgument` when it is none.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Parameter::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(name, "a string")),
        }
    }
}

fn wrong_type(name: &str, wanted: &str) -> Error {
    Error::invalid(format!("parameter {} must be {wanted}", quoted(name)))
}

/// The error for a parameter that this service does not know and that must not be ignored.
pub(crate) fn unknown(name: &str) -> Error {
    Error::invalid(format!(
        "parameter {} is not supported: names that begin with 'triton_' are reserved",
        shown(name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(values: &[(&str, Parameter)]) -> Parameters {
        let mut parameters = Parameters::default();
        for (name, value) in values {
            parameters.add((*name).to_owned(), value.clone()).unwrap();
        }
        parameters
    }

    #[test]
    fn values_have_the_type_that_their_name_requires() {
        let given = parameters(&[
            ("flag", Parameter::Bool(true)),
            ("number", Parameter::Int(5)),
            ("negative", Parameter::Int(-1)),
            ("large", Parameter::Uint(u64::MAX)),
            ("text", Parameter::Text("a".to_owned())),
            ("text", Parameter::Text("b".to_owned())),
        ]);
        assert!(given.flag("flag").unwrap() && !given.flag("none").unwrap());
        assert!(given.flag("number").is_err() && given.whole_number("flag").is_err());
        assert_eq!(given.whole_number("number").unwrap(), Some(5));
        assert_eq!(given.whole_number("large").unwrap(), Some(u64::MAX));
        assert!(given.whole_number("negative").is_err() && given.text("flag").is_err());
        assert_eq!((given.text("text").unwrap(), given.text("x").unwrap()), (Some("b"), None));
    }

    #[test]
    fn the_number_of_parameters_is_limited() {
        let mut given = Parameters::default();
        for _ in 0..MAX_PARAMETERS {
            given.add("x".to_owned(), Parameter::Bool(true)).unwrap();
        }
        assert!(given.add("x".to_owned(), Parameter::Bool(true)).is_err());
    }
}
