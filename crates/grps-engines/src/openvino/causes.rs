//! One-line causes out of the long texts of OpenVINO; as `grps/backends/openvino/causes.py`.

use crate::common::one_line;

/// What OpenVINO says, without the places in its sources.
pub(super) fn cause_in(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !is_place(line));
    one_line(&lines.collect::<Vec<_>>().join(" "))
}

fn is_place(line: &str) -> bool {
    let Some(line) = line.strip_suffix(':') else { return false };
    let ends_in_line = |text: &str| {
        let word = text.rsplit(' ').next().and_then(|word| word.rsplit_once(':'));
        word.is_some_and(|(file, number)| {
            !file.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let is_one_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    if let Some(place) = line.strip_prefix("Exception from ") {
        return is_one_word(place) && ends_in_line(place);
    }
    if line.starts_with("Check '") && line.contains("' failed at ") {
        return ends_in_line(line);
    }
    line.strip_prefix("FrontEnd API failed with ").is_some_and(is_one_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_source_are_left_out() {
        let long = "Exception from src/inference/src/cpp/core.cpp:96:\n\
                    Check 'util::directory_exists(path) || util::file_exists(path)' failed at \
                    src/frontends/common/src/frontend.cpp:117:\n\
                    FrontEnd API failed with GeneralFailure:\n\
                    Could not open\n  the file: a.xml\n";
        assert_eq!(cause_in(long), "Could not open the file: a.xml");
        assert_eq!(cause_in("Check failed:"), "Check failed:");
        assert_eq!(cause_in("Exception from a b.cpp:1:"), "Exception from a b.cpp:1:");
    }
}
