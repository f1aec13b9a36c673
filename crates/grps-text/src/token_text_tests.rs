//! Tests of text that is made of the outputs of steps.

use bytes::Bytes;
use grps_core::Values;

use super::*;
use crate::stop_strings::MAX_STOP_BYTES;

const TOKENIZER: &str = r#"{"version": "1.0", "added_tokens": [{"id": 4, "content": "</s>",
    "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
    "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
    "model": {"type": "WordLevel", "unk_token": "a",
    "vocab": {"a": 0, "Ġb": 1, "Ã": 2, "©": 3, "</s>": 4}}}"#;

fn load(stop: &[&str], skip_special_tokens: bool) -> Result<TokenText, TextError> {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = folder.path().join("tokenizer.json");
    std::fs::write(&tokenizer, TOKENIZER).unwrap();
    let stop = stop.iter().map(|&one| one.to_owned()).collect();
    TokenText::load(TokenTextOptions {
        tokenizer: TokenizerSource::File(tokenizer),
        token_output: "token".to_owned(),
        stop,
        skip_special_tokens,
    })
}

fn stop(strings: &[&str]) -> Vec<Tensor> {
    let values = strings.iter().map(|one| Bytes::copy_from_slice(one.as_bytes())).collect();
    vec![tensor(STOP_INPUT, vec![strings.len()], Values::String(values))]
}

fn tensor(name: &str, shape: Vec<usize>, values: Values) -> Tensor {
    Tensor::new(name.into(), shape, values).unwrap()
}

/// The text of tokens, the last of which is the end of the sequence.
fn text(maker: &TokenText, inputs: &[Tensor], tokens: &[i64]) -> (String, bool) {
    let mut sequence = maker.begin(inputs).unwrap();
    let mut text = String::new();
    for token in tokens {
        let outputs = [tensor("token", vec![1], Values::Int64(vec![*token]))];
        if sequence.push(&outputs, &mut text).unwrap() == Some(EndReason::StopString) {
            return (text, true);
        }
    }
    let is_stopped = sequence.finish(&mut text);
    (text, is_stopped)
}

fn found(text: &str, is_stopped: bool) -> (String, bool) {
    (text.to_owned(), is_stopped)
}

#[test]
fn tokens_become_text() {
    let maker = load(&[], true).unwrap();
    assert_eq!(text(&maker, &[], &[0, 1, 2, 3, 4]), found("a bé", false));
    assert_eq!(text(&maker, &[], &[0, 2]), found("a\u{FFFD}", false), "the end flushes");
    let maker = load(&[], false).unwrap();
    assert_eq!(text(&maker, &[], &[0, 4]), found("a</s>", false));
}

#[test]
fn stop_strings_of_requests_and_of_all_requests_are_found() {
    let maker = load(&["é"], true).unwrap();
    assert_eq!(text(&maker, &[], &[0, 2, 3, 0]), found("a", true));
    assert_eq!(text(&maker, &stop(&[]), &[0, 2, 3, 0]), found("a", true));
    assert_eq!(text(&maker, &stop(&["b"]), &[0, 1, 2]), found("a ", true));
    let maker = load(&[], true).unwrap();
    assert_eq!(text(&maker, &stop(&[]), &[0, 0]), found("aa", false));
    assert_eq!(text(&maker, &stop(&["aab"]), &[0, 0]), found("aa", false), "held back, flushed");
    assert_eq!(text(&maker, &stop(&["\u{FFFD}"]), &[0, 2]), found("a", true), "found at the end");
}

#[test]
fn the_stop_string_that_was_found_is_known() {
    let maker = load(&["é"], true).unwrap();
    let stopped_by = |inputs: &[Tensor], tokens: &[i64]| {
        let mut sequence = maker.begin(inputs).unwrap();
        let mut text = String::new();
        for token in tokens {
            let outputs = [tensor("token", vec![1], Values::Int64(vec![*token]))];
            sequence.push(&outputs, &mut text).unwrap();
        }
        sequence.finish(&mut text);
        sequence.stop_string().map(str::to_owned)
    };
    assert_eq!(stopped_by(&[], &[0, 2, 3]).as_deref(), Some("é"));
    assert_eq!(stopped_by(&stop(&["x", " b"]), &[0, 1]).as_deref(), Some(" b"));
    assert_eq!(stopped_by(&stop(&["x", "b"]), &[0, 2, 3]).as_deref(), Some("é"));
    let at_end = stopped_by(&stop(&["\u{FFFD}"]), &[0, 2]);
    assert_eq!(at_end.as_deref(), Some("\u{FFFD}"), "found when the text is flushed");
    assert_eq!(stopped_by(&[], &[0, 0]), None);
}

#[test]
fn limits_of_stop_strings() {
    let maker = load(&["x"], true).unwrap();
    let refused = |inputs: &[Tensor]| maker.begin(inputs).map(|_| ()).unwrap_err();
    let longest = "a".repeat(MAX_STOP_BYTES);
    assert!(maker.begin(&stop(&["b"; MAX_STOP_STRINGS - 1])).is_ok());
    assert!(maker.begin(&stop(&[&longest])).is_ok());
    let error = refused(&stop(&["b"; MAX_STOP_STRINGS]));
    assert_eq!(error.cause(), Cause::InvalidArgument);
    assert_eq!(error.message(), "input 'stop' has 16 stop strings, at most 15 are allowed");
    let error = refused(&stop(&["b", &(longest + "a")]));
    assert!(error.message().contains("stop string 1 has 257 bytes"), "{error}");
    assert!(refused(&stop(&[""])).message().contains("stop string 0 is empty"));
    let bytes = Values::String(vec![Bytes::from_static(&[0xFF])]);
    let error = refused(&[tensor(STOP_INPUT, vec![1], bytes)]);
    assert_eq!(error.message(), "input 'stop': stop string 0 is not UTF-8");
    let error = refused(&[tensor(STOP_INPUT, vec![1], Values::Int64(vec![1]))]);
    assert_eq!(error.message(), "input 'stop' is int64, not string");
}

#[test]
fn wrong_keys_are_named() {
    let error = load(&["a", ""], true).unwrap_err().to_string();
    assert_eq!(error, "batching.steps.text.stop: stop string 1 is empty");
    let options = TokenTextOptions {
        tokenizer: TokenizerSource::File("/nonesuch/tokenizer.json".into()),
        token_output: String::new(),
        stop: vec![],
        skip_special_tokens: true,
    };
    let error = TokenText::load(options).unwrap_err().to_string();
    assert!(
        error.starts_with("batching.steps.text.tokenizer: cannot read /nonesuch/tokenizer.json:"),
        "{error}"
    );
}

fn token_of(output: Option<&Tensor>, name: &str) -> Result<u32, String> {
    let mut tokens = tokens_of(output, name)?;
    tokens.next().unwrap_or_else(|| Err("no token".to_owned()))
}

#[test]
fn a_step_may_have_several_tokens_or_none() {
    let maker = load(&[], true).unwrap();
    let mut sequence = maker.begin(&[]).unwrap();
    let mut text = String::new();
    for tokens in [vec![], vec![0, 1, 2], vec![], vec![3]] {
        let outputs = [tensor("token", vec![tokens.len()], Values::Int64(tokens))];
        assert_eq!(sequence.push(&outputs, &mut text), Ok(None));
    }
    assert_eq!(text, "a bé");
}

#[test]
fn the_most_tokens_end_a_sequence() {
    let maker = load(&[], true).unwrap();
    let most = |values| [tensor(MAX_TOKENS_INPUT, vec![1], values)];
    for (last, reason) in [(0, EndReason::MaxSteps), (4, EndReason::Finished)] {
        let mut sequence = maker.begin(&most(Values::Int32(vec![2]))).unwrap();
        let mut push = |token| {
            let outputs = [tensor("token", vec![1], Values::Int64(vec![token]))];
            sequence.push(&outputs, &mut String::new()).unwrap()
        };
        assert_eq!((push(0), push(last)), (None, Some(reason)));
    }
    for wrong in [Values::Int64(vec![0]), Values::Int64(vec![-1]), Values::Float32(vec![2.0])] {
        let error = maker.begin(&most(wrong)).unwrap_err();
        assert_eq!(error.cause(), Cause::InvalidArgument);
    }
}

#[test]
fn the_text_of_a_tokenizer_reads_text_too() {
    let options = |tokenizer| TokenTextOptions {
        tokenizer,
        token_output: "token".to_owned(),
        stop: vec![],
        skip_special_tokens: true,
    };
    let json = TokenizerSource::Json(TOKENIZER.to_owned());
    let maker = TokenText::load(options(json)).unwrap();
    assert_eq!(maker.encode("a</s>", false), Ok(vec![0, 4]));
    assert_eq!(maker.decode(&[0, 4], true), "a");
    assert_eq!(maker.decode(&[0, 4], false), "a</s>");
    assert_eq!((maker.token_bytes(2), maker.token_bytes(9)), (&b"\xc3"[..], &b""[..]));
    let error = load(&[], true).unwrap().encode("a", false).unwrap_err();
    assert_eq!(error.cause(), Cause::Unsupported);
}

#[test]
fn a_token_is_a_whole_number_of_any_type() {
    let wide = [
        Values::Uint8(vec![3]),
        Values::Int8(vec![3]),
        Values::Uint16(vec![3]),
        Values::Int16(vec![3]),
        Values::Uint32(vec![3]),
        Values::Int32(vec![3]),
        Values::Uint64(vec![3]),
        Values::Int64(vec![3]),
    ];
    for values in wide {
        assert_eq!(token_of(Some(&tensor("token", vec![1, 1], values)), "token"), Ok(3));
    }
    let most = i64::from(u32::MAX);
    let of =
        |value: i64| token_of(Some(&tensor("token", vec![1], Values::Int64(vec![value]))), "token");
    assert_eq!(of(most), Ok(u32::MAX));
    assert_eq!(
        of(most + 1).unwrap_err(),
        "output 'token' of a step has 4294967296, which is no token"
    );
    assert!(of(-1).is_err());
    assert!(token_of(None, "token").is_err());
    let several = tensor("token", vec![1, 2], Values::Int64(vec![1, 2]));
    assert!(token_of(Some(&several), "token").is_err());
}
