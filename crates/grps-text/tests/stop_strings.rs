//! Stop strings are found across pieces as a search of the whole text finds them.

use grps_text::{MAX_STOP_BYTES, MAX_STOP_STRINGS, StopStrings, TextError};
use proptest::prelude::*;

/// What may be sent of a text, by a search of each of its beginnings.
fn search(text: &str, strings: &[String], include: bool) -> (String, Option<usize>) {
    for end in 0..=text.len() {
        let beginning = &text.as_bytes()[..end];
        let mut found: Option<usize> = None;
        for (index, string) in strings.iter().enumerate() {
            let longer = found.is_none_or(|other| string.len() > strings[other].len());
            if beginning.ends_with(string.as_bytes()) && longer {
                found = Some(index);
            }
        }
        if let Some(index) = found {
            let sent = if include { end } else { end - strings[index].len() };
            return (text[..sent].to_owned(), found);
        }
    }
    (text.to_owned(), None)
}

/// Whether the end of a text may begin a stop string.
fn may_begin(text: &str, string: &str) -> bool {
    (1..string.len()).any(|bytes| text.as_bytes().ends_with(&string.as_bytes()[..bytes]))
}

/// Cuts a text into pieces of whole characters.
fn pieces(text: &str, lengths: &[usize]) -> Vec<String> {
    let mut characters = text.chars();
    let mut pieces: Vec<String> =
        lengths.iter().map(|length| characters.by_ref().take(*length).collect()).collect();
    pieces.push(characters.collect());
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_pieces_give_what_a_search_of_the_whole_text_gives(
        text in "[abé世]{0,40}",
        strings in prop::collection::vec("[abé世]{1,6}", 0..5),
        lengths in prop::collection::vec(0..6usize, 0..16),
        include in any::<bool>(),
    ) {
        let (expected, matched) = search(&text, &strings, include);
        let mut stop = StopStrings::new(&strings, include).expect("within the limits");
        for _ in 0..2 {
            let (mut sent, mut found, mut received) = (String::new(), None, String::new());
            for piece in pieces(&text, &lengths) {
                received.push_str(&piece);
                let step = stop.push(&piece);
                sent.push_str(step.text);
                found = step.matched;
                prop_assert!(received.starts_with(&sent));
                if found.is_none() && !strings.iter().any(|string| may_begin(&received, string)) {
                    prop_assert_eq!(&sent, &received, "nothing is held back without need");
                }
            }
            sent.push_str(stop.finish());
            prop_assert_eq!((&sent, found), (&expected, matched));
        }
    }
}

#[test]
fn a_stop_string_is_never_partly_sent() {
    let mut stop = StopStrings::new(&["</answer>"], false).expect("few");
    assert_eq!(stop.push("42</").text, "42");
    assert_eq!(stop.push("ans").text, "");
    let step = stop.push("wer> and more");
    assert_eq!((step.text, step.matched), ("", Some(0)));
    let later = stop.push("later");
    assert_eq!((later.text, later.matched), ("", Some(0)));
    assert_eq!(stop.finish(), "");
}

#[test]
fn text_that_turns_out_to_be_none_is_released() {
    let mut stop = StopStrings::new(&["aab"], false).expect("few");
    let steps: Vec<_> = ["a", "a", "a", "c"].map(|text| stop.push(text).text.to_owned()).into();
    assert_eq!(steps, ["", "", "a", "aac"]);
    assert_eq!(stop.push("xaa").text, "x");
    assert_eq!(stop.finish(), "aa");
}

#[test]
fn the_stop_string_is_sent_if_it_is_included() {
    let mut stop = StopStrings::new(&["END", "D."], true).expect("few");
    assert_eq!(stop.push("the E").text, "the ");
    let step = stop.push("ND. more");
    assert_eq!((step.text, step.matched), ("END", Some(0)));
}

#[test]
fn the_match_that_ends_first_wins() {
    let mut stop = StopStrings::new(&["abcd", "bc", "abc"], false).expect("few");
    let step = stop.push("xabcd");
    assert_eq!((step.text, step.matched), ("x", Some(2)), "the longest of those that end there");
}

#[test]
fn no_stop_strings_pass_all_text_on() {
    let mut stop = StopStrings::new(&[""; 0], false).expect("none");
    assert_eq!(stop.push("all").text, "all");
    assert_eq!(stop.finish(), "");
}

#[test]
fn numbers_and_lengths_up_to_the_limits_are_taken() {
    let longest = "é".repeat(MAX_STOP_BYTES / 2);
    let mut strings = vec![longest; MAX_STOP_STRINGS];
    assert!(StopStrings::new(&strings, false).is_ok());
    strings.push("x".to_owned());
    let error = StopStrings::new(&strings, false).expect_err("too many");
    assert_eq!(error.to_string(), "17 stop strings, at most 16 are allowed");

    let error = StopStrings::new(&["a", &"x".repeat(MAX_STOP_BYTES + 1)], false);
    let error = error.expect_err("too long");
    assert_eq!(error.to_string(), "stop string 1 has 257 bytes, at most 256 are allowed");
    let error = StopStrings::new(&["a", "b", ""], false).expect_err("empty");
    assert!(matches!(error, TextError::EmptyStopString { index: 2 }));
}
