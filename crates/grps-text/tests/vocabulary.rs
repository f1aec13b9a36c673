//! Loading a vocabulary, its limits, and what it says about a token.

#![expect(clippy::expect_used, reason = "helpers of tests may panic")]

mod common;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use grps_text::{Detokenizer, MAX_FILE_BYTES, MAX_TOKEN_ID, TextError, Vocabulary};
use proptest::prelude::*;
use serde_json::{Value, json};

fn load(json: &Value) -> Result<Vocabulary, TextError> {
    Vocabulary::from_bytes(json.to_string().as_bytes())
}

/// A tokenizer whose only token has an id.
fn one_token(id: u32) -> Value {
    json!({"version": "1.0", "added_tokens": [],
        "model": {"type": "WordLevel", "vocab": {"a": id}, "unk_token": "a"}})
}

static TRAINED: LazyLock<[Value; 4]> = LazyLock::new(|| {
    [common::byte_level(), common::byte_fallback(), common::word_piece(), common::unigram()]
});

#[test]
fn a_file_is_read_and_a_missing_one_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokenizer.json");
    let error = Vocabulary::from_file(&path).expect_err("missing").to_string();
    assert!(error.starts_with(&format!("cannot read {}: ", path.display())), "{error}");
    std::fs::write(&path, one_token(2).to_string()).expect("written");
    let vocabulary = Vocabulary::from_file(&path).expect("a vocabulary");
    assert_eq!(vocabulary.token_bytes(2), Some(&b" a"[..]));
    assert_eq!(vocabulary.token_bytes(1), None);
}

#[test]
fn files_up_to_the_limit_are_read() {
    let size = usize::try_from(MAX_FILE_BYTES).expect("memory");
    let mut json = one_token(0).to_string().into_bytes();
    json.resize(size, b' ');
    assert!(Vocabulary::from_bytes(&json).is_ok());
    json.push(b' ');
    let error = Vocabulary::from_bytes(&json).expect_err("too large");
    assert!(matches!(error, TextError::FileTooLarge { limit: MAX_FILE_BYTES }));
    let endless = Vocabulary::from_file(Path::new("/dev/zero")).expect_err("too large");
    assert!(matches!(endless, TextError::FileTooLarge { .. }));
}

#[test]
fn ids_up_to_the_limit_are_taken() {
    let vocabulary = load(&one_token(MAX_TOKEN_ID)).expect("a vocabulary");
    assert_eq!(vocabulary.token_text(MAX_TOKEN_ID).as_deref(), Some(" a"));
    for id in [MAX_TOKEN_ID + 1, u32::MAX] {
        let error = load(&one_token(id)).expect_err("too high").to_string();
        assert_eq!(error, format!("token id {id} is above 4194303, the highest that is supported"));
    }
}

#[test]
fn invalid_files_are_errors() {
    let mut unknown_decoder = one_token(0);
    unknown_decoder["decoder"] = json!({"type": "Nothing"});
    let mut broken_decoder = one_token(0);
    broken_decoder["decoder"] = json!({"type": "Sequence", "decoders": [{"type": "Strip"}]});
    for json in [json!(null), json!([]), json!({}), unknown_decoder, broken_decoder] {
        let error = load(&json).expect_err("invalid").to_string();
        assert!(error.starts_with("not a valid tokenizer.json: "), "{error}");
    }
    assert!(Vocabulary::from_bytes(b"").is_err());
}

#[test]
fn bytes_of_a_token_are_what_it_adds_within_a_text() {
    let byte_level = load(&common::byte_level()).expect("a vocabulary");
    let id = |token: &str, json: &Value| {
        let id = json["model"]["vocab"][token].as_u64();
        u32::try_from(id.expect("a token")).expect("a small id")
    };
    let json = common::byte_level();
    assert_eq!(byte_level.token_bytes(id("Ġ", &json)), Some(&b" "[..]));
    assert_eq!(byte_level.token_bytes(id("ð", &json)), Some(&[0xF0][..]));
    assert_eq!(byte_level.token_text(id("ð", &json)).as_deref(), Some("\u{FFFD}"));
    assert_eq!(byte_level.token_text(1).as_deref(), Some("<|im_start|>"));
    let count = json["model"]["vocab"].as_object().expect("a vocabulary").len();
    let added = u32::try_from(count).expect("few tokens");
    assert_eq!(byte_level.token_text(added).as_deref(), Some("<think> 世界"));
    assert_eq!(byte_level.token_text(added + 1).as_deref(), Some("n\u{FFFD}"), "of the alphabet");

    let fallback = load(&common::byte_fallback()).expect("a vocabulary");
    assert_eq!(fallback.token_bytes(3 + 0xE2), Some(&[0xE2][..]));
    assert_eq!(fallback.token_text(3 + 0x41).as_deref(), Some("A"));
    assert_eq!(fallback.token_text(1).as_deref(), Some("<s>"));
    assert_eq!(fallback.token_text(5_000), None);

    let json = common::unigram();
    let unigram = load(&json).expect("a vocabulary");
    let pieces = json["model"]["vocab"].as_array().expect("pieces");
    let the = pieces.iter().position(|piece| piece[0] == "▁").expect("a space");
    assert_eq!(unigram.token_text(u32::try_from(the).expect("an id")).as_deref(), Some(" "));
}

/// Changes one value in a JSON document: the one that a depth-first walk meets `at`-th.
fn change(json: &mut Value, at: &mut usize, new: &Value) {
    if *at == 0 {
        *json = new.clone();
    }
    *at = at.wrapping_sub(1);
    match json {
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, at, new)),
        Value::Object(items) => items.values_mut().for_each(|item| change(item, at, new)),
        _ => {}
    }
}

fn try_all(json: &[u8], ids: &[u32]) {
    let Ok(vocabulary) = Vocabulary::from_bytes(json) else { return };
    let vocabulary = Arc::new(vocabulary);
    for skip in [true, false] {
        let mut detokenizer = Detokenizer::new(Arc::clone(&vocabulary), skip);
        for &id in ids {
            detokenizer.push(id);
            assert_eq!(vocabulary.token_bytes(id).is_some(), vocabulary.token_text(id).is_some());
        }
        detokenizer.finish();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_and_no_ids_end_the_thread(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        kind in 0..4usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ids in prop::collection::vec(prop_oneof![0..800u32, any::<u32>()], 0..12),
    ) {
        try_all(&bytes, &ids);
        let mut json = TRAINED[kind].to_string().into_bytes();
        for (index, byte) in changes {
            let at = index.index(json.len());
            json[at] = byte;
        }
        try_all(&json, &ids);
    }

    #[test]
    fn no_document_ends_the_thread(
        kind in 0..4usize,
        key in prop::sample::select(vec!["added_tokens", "decoder", "model", "normalizer",
            "post_processor", "pre_tokenizer", "version", "truncation", "padding"]),
        at in 0..40usize,
        new in prop::sample::select(vec![json!(null), json!(true), json!(-1), json!(4294967295u64),
            json!(1e300), json!(""), json!("▁"), json!([]), json!({}), json!([[]]),
            json!({"type": "ByteFallback"}), json!({"String": ""}), json!({"Regex": "(a*)*$"}),
            json!({"Regex": "("}), json!({"type": "Fuse", "decoders": []})]),
        ids in prop::collection::vec(prop_oneof![0..800u32, any::<u32>()], 0..12),
    ) {
        let mut json = TRAINED[kind].clone();
        let mut at = at;
        change(&mut json[key], &mut at, &new);
        try_all(json.to_string().as_bytes(), &ids);
    }
}
