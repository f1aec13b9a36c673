//! Hands what only a build script is told to the crate: compiler, target and profile.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=GRPS_BUILD_RUST={}", rust_version());
    for (name, told) in [("GRPS_BUILD_TARGET", "TARGET"), ("GRPS_BUILD_PROFILE", "PROFILE")] {
        println!("cargo::rustc-env={name}={}", env::var(told).unwrap_or_default());
    }
}

/// The version of the compiler, such as `1.95.0`; empty if it does not say one.
fn rust_version() -> String {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let answer = Command::new(compiler).arg("--version").output();
    let line = answer.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned());
    line.unwrap_or_default().split(' ').nth(1).unwrap_or_default().trim().to_owned()
}
