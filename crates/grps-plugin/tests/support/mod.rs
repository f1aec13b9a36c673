//! Compiling the libraries of `sdk/cpp/tests`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles a library, each by a name of its own, and returns its file.
pub(crate) fn compile(compiler: &str, source: &str, name: &str, flags: &[&str]) -> PathBuf {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/cpp");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target = target.join(format!("{name}-{}.so", std::process::id()));
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&target);
    command.arg("-I").arg(sdk.join("include")).args(flags).arg(sdk.join("tests").join(source));
    let status = command.status().expect("a compiler");
    assert!(status.success(), "{source} with {flags:?}");
    target
}
