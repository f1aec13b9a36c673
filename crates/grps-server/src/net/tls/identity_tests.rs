use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

/// The subject is `/C=DE/O=Ex, "ample"/CN=robot #1+UID=7`.
const WITH_SUBJECT: &str = "\
    MIIB5jCCAYugAwIBAgIUebEwdNCveNTPWX4Uj2go1b8JVXkwCgYIKoZIzj0EAwIwRzELMAkGA1UEBhMCREUxFDAS\
    BgNVBAoMC0V4LCAiYW1wbGUiMSIwDwYDVQQDDAhyb2JvdCAjMTAPBgoJkiaJk/IsZAEBDAE3MCAXDTI2MTEyNzIz\
    MjQzOVoYDzIxMjYxMTAzMjMyNDM5WjBHMQswCQYDVQQGEwJERTEUMBIGA1UECgwLRXgsICJhbXBsZSIxIjAPBgNV\
    BAMMCHJvYm90ICMxMA8GCgmSJomT8ixkAQEMATcwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASqJmQvpbfhDOUK\
    OfPnaUopIPAsEmwiM+DIib6oTmLqKjE4gllp4JI5T31WfWmmgJEVPeVVKaMj5LfaQidEL55co1MwUTAdBgNVHQ4E\
    FgQU4KmGd0BVzD7lQZMSGkfTCUEBt7AwHwYDVR0jBBgwFoAU4KmGd0BVzD7lQZMSGkfTCUEBt7AwDwYDVR0TAQH/\
    BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA8Tq6UplIE4AqRq0OXoUW6oBawDL2LhoYD51KxOmzWJ8CIQDDmYe2\
    TFjKYHvU5mW0/x635CYqTkgZyh4I6mgk5IQZcQ==\
";

/// It has no subject; its alternative names are `DNS:a.example,URI:spiffe://example/robot`.
const WITHOUT_SUBJECT: &str = "\
    MIIBhTCCASygAwIBAgIUEp7Q21fchP69uqX4E/bxz6nYjOQwCgYIKoZIzj0EAwIwADAgFw0yNjExMjcyMzI0Mzla\
    GA8yMTI2MTEwMzIzMjQzOVowADBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB9nq2jlTkjekbgEWTR8bypZ08Om\
    kIXJIxxYWPBG6kqeFOun4oxgdiHutjZ+YCNQPqVqqRKca0m8YrDrB2H1yiWjgYEwfzAdBgNVHQ4EFgQUQUb4VYUy\
    Own+F8kCtLHd+RSChcgwHwYDVR0jBBgwFoAUQUb4VYUyOwn+F8kCtLHd+RSChcgwDwYDVR0TAQH/BAUwAwEB/zAs\
    BgNVHREEJTAjgglhLmV4YW1wbGWGFnNwaWZmZTovL2V4YW1wbGUvcm9ib3QwCgYIKoZIzj0EAwIDRwAwRAIgNF4j\
    nJdwiq5i2ahYVQJ7xLDcVc9enegFIawYXU2hYcgCICiaO016aG4Y3WL9UNa7p+DQIRazwKG5t7HYo8sZ20td\
";

fn der(text: &str) -> Vec<u8> {
    STANDARD.decode(text.replace(char::is_whitespace, "")).unwrap()
}

#[test]
fn the_subject_is_the_name() {
    let name = name_of(&der(WITH_SUBJECT)).unwrap();
    assert_eq!(name, r#"CN=robot #1+UID=7,O=Ex\, \"ample\",C=DE"#);
}

#[test]
fn a_resource_is_the_name_without_a_subject() {
    assert_eq!(name_of(&der(WITHOUT_SUBJECT)).unwrap(), "URI:spiffe://example/robot");
}

#[test]
fn values_are_escaped() {
    for (value, expected) in [
        ("plain", "plain"),
        (" a ", "\\ a\\ "),
        ("#a#", "\\#a#"),
        ("a=b,c+d", "a=b\\,c\\+d"),
        ("a\r\nb", "a\\0d\\0ab"),
    ] {
        let mut part = String::new();
        push_escaped(&mut part, value);
        assert_eq!(part, expected);
    }
}

#[test]
fn a_certificate_that_ends_early_has_no_name() {
    for whole in [der(WITH_SUBJECT), der(WITHOUT_SUBJECT)] {
        for end in 0..whole.len() {
            assert_eq!(name_of(&whole[..end]), None, "{end}");
        }
    }
}

proptest! {
    #[test]
    fn garbage_is_read_without_a_panic(
        position in 0usize..500, byte: u8, noise in proptest::collection::vec(any::<u8>(), 0..200)
    ) {
        let _ = name_of(&noise);
        for mut whole in [der(WITH_SUBJECT), der(WITHOUT_SUBJECT)] {
            if let Some(changed) = whole.get_mut(position) {
                *changed = byte;
            }
            if let Some(name) = name_of(&whole) {
                prop_assert!(name.len() <= MAX_NAME_BYTES);
            }
        }
    }
}
