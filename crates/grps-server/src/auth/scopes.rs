//! What an identity may do.

use grps_core::{Error, quoted};

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// No scope.
    pub const NONE: Self = Self(0);
    /// Inference.
    pub const INFER: Self = Self(1);
    /// Metadata, metrics and the data of the dashboard.
    pub const READ: Self = Self(2);
    /// Calls that change the service.
    pub const ADMIN: Self = Self(4);
    /// Every scope.
    pub const ALL: Self = Self(7);

    /// The scope with a name: `infer`, `read` or `admin`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "infer" => Some(Self::INFER),
            "read" => Some(Self::READ),
            "admin" => Some(Self::ADMIN),
            _ => None,
        }
    }

    /// The scopes with these names.
    ///
    /// # Errors
    /// `InvalidArgument` with the name that is no scope.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        names.into_iter().try_fold(Self::NONE, |scopes, name| {
            let scope = Self::from_name(name);
            let unknown = || format!("{} is no scope; use infer, read or admin", quoted(name));
            scope.map(|scope| scopes.with(scope)).ok_or_else(|| Error::invalid(unknown()))
        })
    }

    /// These scopes and others.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all `others` are among these.
    pub fn contain(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// The name of a single scope.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::INFER => "infer",
            Self::READ => "read",
            Self::ADMIN => "admin",
            _ => "several",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_its_scopes_only() {
        let scopes = Scopes::from_names(["infer", "admin"]).unwrap();
        assert!(scopes.contain(Scopes::INFER) && scopes.contain(Scopes::ADMIN));
        assert!(!scopes.contain(Scopes::READ) && !scopes.contain(Scopes::ALL));
        assert!(Scopes::ALL.contain(scopes) && !Scopes::NONE.contain(Scopes::INFER));
        for scope in [Scopes::INFER, Scopes::READ, Scopes::ADMIN] {
            assert_eq!(Scopes::from_name(scope.name()), Some(scope));
        }
        let error = Scopes::from_names(["infer", "write"]).unwrap_err();
        assert!(error.message().contains("'write' is no scope"), "{error}");
    }
}
