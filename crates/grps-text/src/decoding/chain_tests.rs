//! Every chain of decoders gives the text of `tokenizers`, by each plan that it has.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use super::{DecodingState, Plan};
use crate::vocabulary::Vocabulary;

/// Tokens that mean something to some decoder.
const TOKENS: [&str; 28] = [
    "<unk>",
    "<s>",
    "</s>",
    "▁",
    "▁▁a",
    "▁b▁",
    " ",
    "  ",
    " c ",
    "",
    "##x",
    "##",
    "d</w>",
    "</w>e",
    "<0x0A>",
    "<0xE2>",
    "<0x82>",
    "<0xAC>",
    "<0xFF>",
    "<0x20>",
    "Ġf",
    "Ã",
    "©",
    "<pad>",
    "|",
    " .",
    "n't",
    "😀\u{301}",
];

/// One decoder with parameters that match some tokens.
fn decoder() -> impl Strategy<Value = Value> {
    let replace = |pattern: Value, content: &str| json!({"type": "Replace", "pattern": pattern, "content": content});
    let strip = |content: &str, start: usize, stop: usize| json!({"type": "Strip", "content": content, "start": start, "stop": stop});
    let metaspace = |scheme: &str| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true});
    prop::sample::select(vec![
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}),
        replace(json!({"String": "▁"}), " "),
        replace(json!({"String": " "}), "▁"),
        replace(json!({"String": "a"}), ""),
        replace(json!({"String": "d"}), "<0x41>"),
        strip(" ", 1, 0),
        strip(" ", 2, 1),
        strip("<", 1, 1),
        metaspace("always"),
        metaspace("never"),
        metaspace("first"),
        json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
        json!({"type": "WordPiece", "prefix": "<", "cleanup": false}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
        json!({"type": "BPEDecoder", "suffix": "</w>"}),
        json!({"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": true}),
    ])
}

fn chain() -> impl Strategy<Value = Value> {
    let sequence = prop::collection::vec(decoder(), 0..5)
        .prop_map(|decoders| json!({"type": "Sequence", "decoders": decoders}));
    prop_oneof![1 => Just(Value::Null), 4 => decoder(), 16 => sequence]
}

/// A tokenizer with the tokens above.
fn tokenizer(decoder: &Value) -> Tokenizer {
    let vocabulary: serde_json::Map<_, _> =
        TOKENS.iter().enumerate().map(|(id, token)| ((*token).to_owned(), id.into())).collect();
    let added: Vec<Value> = (0..3)
        .map(|id| {
            json!({"id": id, "content": TOKENS[id], "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true})
        })
        .collect();
    let json = json!({"version": "1.0", "truncation": null, "padding": null,
        "added_tokens": added, "normalizer": null, "pre_tokenizer": null, "post_processor": null,
        "decoder": decoder,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"}});
    Tokenizer::from_bytes(json.to_string()).expect("a tokenizer")
}

fn decode(vocabulary: &Vocabulary, ids: &[u32], skip: bool) -> String {
    let mut state = DecodingState::new(vocabulary);
    let mut text = String::new();
    for id in ids {
        text.push_str(state.push(vocabulary, *id, skip));
    }
    text + state.finish(vocabulary)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_plan_gives_the_same_text(
        chain in chain(),
        sequences in prop::collection::vec(
            (prop::collection::vec(0..30u32, 0..12), any::<bool>()), 1..8),
    ) {
        let tokenizer = tokenizer(&chain);
        let plan = Plan::new(tokenizer.get_decoder()).expect("a plan");
        let staged = Plan { by_table: false, ..plan.clone() };
        let whole = Plan::whole(tokenizer.get_decoder());
        for plan in [plan, staged, whole] {
            let vocabulary = Vocabulary::build(&tokenizer, plan).expect("a vocabulary");
            for (ids, skip) in &sequences {
                // Some chains make tokenizers panic: there is nothing to compare with then.
                let decoded = catch_unwind(AssertUnwindSafe(|| tokenizer.decode(ids, *skip)));
                let Ok(Ok(expected)) = decoded else { continue };
                let text = decode(&vocabulary, ids, *skip);
                prop_assert_eq!(text, expected, "{:?} {:?}", ids, vocabulary.plan());
            }
        }
    }
}

#[test]
fn common_decoders_have_a_table() {
    let replace = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
    let fallback = json!({"type": "ByteFallback"});
    let fuse = json!({"type": "Fuse"});
    let strip = json!({"type": "Strip", "content": " ", "start": 1, "stop": 0});
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true});
    for decoder in [
        Value::Null,
        byte_level.clone(),
        json!({"type": "Sequence", "decoders": [byte_level, fuse]}),
        json!({"type": "Sequence", "decoders": [replace, fallback, fuse]}),
        json!({"type": "Sequence", "decoders": [replace, fallback, fuse, strip]}),
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}),
        json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
    ] {
        let plan = Plan::new(tokenizer(&decoder).get_decoder()).expect("a plan");
        assert!(plan.by_table, "{decoder}");
    }
}

#[test]
fn a_regular_expression_is_taken_on_tokens_and_refused_on_joined_text() {
    let regex = json!({"type": "Replace", "pattern": {"Regex": "[a-c]+$"}, "content": "!"});
    let tokenizer_of =
        |decoders: Value| tokenizer(&json!({"type": "Sequence", "decoders": decoders}));
    let taken = tokenizer_of(json!([regex]));
    let plan = Plan::new(taken.get_decoder()).expect("a plan");
    let vocabulary = Vocabulary::build(&taken, plan).expect("a vocabulary");
    assert_eq!(decode(&vocabulary, &[4, 6, 4], true), "▁▁! ▁▁!");
    for before in [json!({"type": "Fuse"}), json!({"type": "ByteFallback"})] {
        let refused = tokenizer_of(json!([before, regex]));
        let error = Plan::new(refused.get_decoder()).expect_err("refused").to_string();
        assert!(error.contains("a regular expression on joined tokens"), "{error}");
    }
}
