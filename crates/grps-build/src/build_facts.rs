use std::fmt;

/// Characters of a commit in the line for people.
const SHORT_COMMIT: usize = 12;

/// How the code that runs was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildFacts {
    /// The version of GRPS, by Semantic Versioning.
    pub version: &'static str,
    /// The commit it was built of: that of the variable `GRPS_BUILD_COMMIT` at build time. Only
    /// releases have it, so that other builds are not made anew for each commit.
    pub commit: Option<&'static str>,
    /// The version of the Rust compiler.
    pub rust: &'static str,
    /// The platform it runs on, as Rust names it.
    pub target: &'static str,
    /// `release` or `debug`.
    pub profile: &'static str,
}

/// The facts of this build.
pub const BUILD: BuildFacts = BuildFacts {
    version: env!("CARGO_PKG_VERSION"),
    commit: option_env!("GRPS_BUILD_COMMIT"),
    rust: env!("GRPS_BUILD_RUST"),
    target: env!("GRPS_BUILD_TARGET"),
    profile: env!("GRPS_BUILD_PROFILE"),
};

impl fmt::Display for BuildFacts {
    /// Writes one line whose first word is the version.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} (", self.version)?;
        if let Some(commit) = self.commit {
            write!(to, "commit {}, ", commit.get(..SHORT_COMMIT).unwrap_or(commit))?;
        }
        write!(to, "{} build, {}, rust {})", self.profile, self.target, self.rust)
    }
}

#[cfg(test)]
mod tests {
    use super::{BUILD, BuildFacts};

    const RELEASE: BuildFacts = BuildFacts {
        version: "1.2.3",
        commit: Some("0123456789abcdef0123456789abcdef01234567"),
        rust: "1.95.0",
        target: "x86_64-unknown-linux-gnu",
        profile: "release",
    };

    #[test]
    fn a_release_names_its_commit() {
        let line =
            "1.2.3 (commit 0123456789ab, release build, x86_64-unknown-linux-gnu, rust 1.95.0)";
        assert_eq!(RELEASE.to_string(), line);
        assert_eq!(BuildFacts { commit: Some("0a"), ..RELEASE }.to_string().find("0a,"), Some(14));
    }

    #[test]
    fn other_builds_leave_it_out() {
        let line = BuildFacts { commit: None, profile: "debug", ..RELEASE }.to_string();
        assert_eq!(line, "1.2.3 (debug build, x86_64-unknown-linux-gnu, rust 1.95.0)");
    }

    #[test]
    fn this_build_says_how_it_was_made() {
        assert!(BUILD.rust.split('.').all(|part| part.chars().any(|one| one.is_ascii_digit())));
        assert!(BUILD.target.contains(std::env::consts::ARCH), "{}", BUILD.target);
        assert_eq!(BUILD.profile == "debug", cfg!(debug_assertions));
    }
}
