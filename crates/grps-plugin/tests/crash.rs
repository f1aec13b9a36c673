//! Crashes of an inferer of `sdk/cpp/tests/plugin.cpp`, each in a process of its own.
#![expect(clippy::expect_used, reason = "helpers of tests may panic")]

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use grps_core::{Content, Tensor, Values};

mod service;
mod support;

use service::Service;

/// What the process is to crash by, when it is one that crashes.
const NUMBER: &str = "GRPS_TEST_CRASH";

#[tokio::test(flavor = "multi_thread")]
async fn crash() {
    let Ok(number) = std::env::var(NUMBER) else { return };
    let service = Service::new("crash");
    let number = number.parse::<f32>().expect("a number");
    let input = Tensor::new("x".into(), vec![1, 1], Values::from(vec![number])).expect("a tensor");
    let _ = service.ask_for(Content::Tensors(vec![input])).await;
}

#[test]
fn each_crash_is_reported_and_ends_the_process_by_its_signal() {
    let crashes = [
        (11, 11, "Segmentation fault (signal 11) in m-1#0, at address 0x0\n", "FallOver(int)"),
        (7, 7, "Bus error (signal 7) in m-1#0\n", "FallOver(int)"),
        (8, 8, "Floating point exception (signal 8) in m-1#0\n", "FallOver(int)"),
        (4, 4, "Illegal instruction (signal 4) in m-1#0, at address ", "FallOver(int)"),
        (6, 6, "Aborted (signal 6) in m-1#0\n", "FallOver(int)"),
        // The stack is full: the report has one of its own. Rust's handler then aborts.
        (-1, 6, "Segmentation fault (signal 11) in m-1#0, at address ", "Recurse(int volatile*)"),
    ];
    for (number, signal, head, name) in crashes {
        let test = std::env::current_exe().expect("this test");
        let mut command = Command::new(test);
        command.args(["--exact", "crash", "--nocapture"]).env(NUMBER, number.to_string());
        command.env(service::PLUGIN, service::library().path());
        let output = command.output().expect("a process");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(signal), "{stderr}");
        let report = stderr.split_once(&format!("grps crash: {head}")).expect("a report").1;
        let named = format!("(anonymous namespace)::Crash::{name} ");
        assert!(report.contains(&named), "{stderr}");
    }
}
