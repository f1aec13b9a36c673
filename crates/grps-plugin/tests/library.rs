//! Libraries that are missing, no plugins, made for other versions, or break a rule.
#![expect(clippy::expect_used, reason = "helpers of tests may panic")]

use std::path::Path;
use std::sync::Arc;

use grps_core::{InputForm, LoadInferer, NestedCalls};
use grps_plugin::{InfererSettings, Library, PluginError};

mod support;

/// The macros of `broken_plugin.c` from 1 on, with what is said about each.
const FAULTS: [&str; 19] = [
    "it exports no grps_plugin_open, so it is no plugin of GRPS; the macro GRPS_PLUGIN of \
     grps/plugin.hpp defines it",
    "grps_plugin_open: no license",
    "grps_plugin_open: no license",
    "grps_plugin_open returned NULL without a reason",
    "it is made for version 0.2 of the plugin interface, which is older than 1.2; build it again \
     with this version's header",
    "it is made for version 2.2 of the plugin interface, which is newer than 1.2; update GRPS, or \
     build it again with this version's header",
    "it is made for version 1.3 of the plugin interface, which is newer than 1.2; update GRPS, or \
     build it again with this version's header",
    "struct_size of its table is 39, not 40 or more",
    "the name of its table is NULL or not UTF-8",
    "its table has 0 inferers; 1 to 1024 are allowed",
    "its table has 1025 inferers; 1 to 1024 are allowed",
    "the list of inferers of its table is NULL",
    "inferer 0 of its table: it is NULL",
    "inferer 0 of its table: its struct_size is 39, not 40 or more",
    "inferer 0 of its table: its name \"a b\" is not 1 to 128 letters, digits, '.', '_' and '-'",
    "is not 1 to 128 letters, digits, '.', '_' and '-'",
    "are called '0123456789abcdef",
    "has no infer",
    "has unknown flags: 2",
];
/// The macros of faults that are no faults of the table.
const CREATES_NOTHING: usize = 20;
const LARGER_TABLE: usize = 21;
const OLDER_CLASS: usize = 22;
/// The macros of faults of a class that makes steps, with what is said about each.
const STEP_FAULTS: [(usize, &str); 5] = [
    (23, "makes steps whose struct_size is 47, not 48 or more"),
    (24, "makes steps, but has no begin"),
    (25, "makes steps, but has no step"),
    (26, "makes steps, but has no end"),
    (27, "makes steps, which take tensors, but takes messages"),
];
/// A class of an older version, behind which there is something else.
const CLASS_BEFORE_STEPS: usize = 28;

fn broken(fault: usize) -> std::path::PathBuf {
    let flag = format!("-DFAULT={fault}");
    support::compile("cc", "broken_plugin.c", &format!("broken-{fault}"), &["-std=c11", &flag])
}

fn calls() -> Arc<NestedCalls> {
    Arc::new(NestedCalls::new("m-1"))
}

fn settings(inferer: &str, args: &str) -> InfererSettings {
    InfererSettings {
        inferer: inferer.to_owned(),
        model: "m-1".to_owned(),
        folder: "/".to_owned(),
        device: String::new(),
        args: args.to_owned(),
        warm_up: true,
    }
}

fn loader(library: &Arc<Library>) -> LoadInferer {
    let name = "0123456789abcdef".repeat(8);
    library.loader(&settings(&name, "{}"), 0, &calls()).expect("a loader")
}

#[test]
fn each_fault_is_named() {
    for (index, fault) in FAULTS.iter().enumerate() {
        let path = broken(index + 1);
        let message = Library::open(&path).expect_err("a fault").to_string();
        assert!(message.starts_with(&format!("{}: ", path.display())), "{message}");
        assert!(message.ends_with(fault) || message.contains(fault), "{message}\nnot: {fault}");
    }
}

#[test]
fn each_fault_of_steps_is_named() {
    for (number, fault) in STEP_FAULTS {
        let message = Library::open(&broken(number)).expect_err("a fault").to_string();
        assert!(message.ends_with(fault), "{message}\nnot: {fault}");
    }
}

#[test]
fn a_class_before_steps_makes_none() {
    let library = Library::open(&broken(CLASS_BEFORE_STEPS)).expect("a plugin");
    let name = "0123456789abcdef".repeat(8);
    assert!(library.check_steps(&name, false, false).is_ok());
    let fault = library.check_steps(&name, true, false).expect_err("no step model").to_string();
    assert!(fault.contains("batching.type continuous needs a step model, but inferer "), "{fault}");
}

#[test]
fn files_that_are_no_libraries_are_named() {
    let missing = Library::open(Path::new("./nowhere.so")).expect_err("a fault");
    assert_eq!(missing.to_string(), "./nowhere.so: no such file; build the plugin first");
    let manifest = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let Err(PluginError::Load { fault, .. }) = Library::open(manifest) else {
        panic!("a file of text is no library")
    };
    assert!(fault.contains("invalid ELF header") || fault.contains("file too short"), "{fault}");
}

#[test]
fn a_larger_table_is_taken_and_names_have_exact_limits() {
    let library = Arc::new(Library::open(&broken(LARGER_TABLE)).expect("a plugin"));
    assert_eq!(library.title(), "broken 1.2.3");
    let name = "0123456789abcdef".repeat(8);
    assert_eq!(library.form_of(&name).expect("a name of 128 bytes"), InputForm::Tensors);
    let unknown = library.form_of("other").expect_err("an unknown name").to_string();
    assert!(unknown.ends_with(&format!("it has no inferer 'other'; it has: {name}")), "{unknown}");
    assert!(loader(&library)().is_ok());
    let zero = library.loader(&settings("a", "{\0}"), 0, &calls()).err().expect("a fault");
    assert_eq!(zero.to_string(), "inferer_args contains a zero byte");
    let text = library.loader(&settings("a", "{"), 0, &calls()).err().expect("a fault");
    assert!(text.to_string().starts_with("inferer_args: EOF"), "{text}");
}

#[test]
fn a_plugin_of_an_older_header_has_what_its_version_had() {
    let library = Arc::new(Library::open(&broken(OLDER_CLASS)).expect("a plugin"));
    assert!(loader(&library)().is_ok());
    let name = "0123456789abcdef".repeat(8);
    assert_eq!(library.describe(&settings(&name, "{}")), Ok(None));
}

#[test]
fn an_inferer_that_is_null_is_an_error() {
    let library = Arc::new(Library::open(&broken(CREATES_NOTHING)).expect("a plugin"));
    let error = loader(&library)().err().expect("a fault");
    assert!(error.ends_with("': create returned NULL without a reason"), "{error}");
}
