use super::*;

/// Words by their numbers, with special tokens around one text and two.
const TOKENIZER: &str = r#"{
  "version": "1.0", "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
  "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
  "added_tokens": [], "normalizer": null, "decoder": null,
  "pre_tokenizer": {"type": "WhitespaceSplit"},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
    "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
    "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}}},
  "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "c": 5, "say:": 6}}
}"#;

fn encoder(options: PairOptions) -> PairEncoder {
    PairEncoder::from_bytes(TOKENIZER.as_bytes(), options).unwrap()
}

fn tokens(text: &str, second: Option<&str>, most: Option<usize>) -> Result<TextTokens, Error> {
    encoded(PairOptions::default(), text, second, most)
}

fn encoded(
    options: PairOptions,
    text: &str,
    second: Option<&str>,
    most: Option<usize>,
) -> Result<TextTokens, Error> {
    let encoder = encoder(options);
    let first = encoder.tokens(text, second.is_none())?;
    let second = second.map(|second| encoder.tokens(second, false)).transpose()?;
    encoder.row(&first, second.as_deref(), most)
}

#[test]
fn texts_and_pairs_have_their_special_tokens_and_are_neither_cut_nor_filled_up() {
    let one = tokens("a b c a b c", None, None).unwrap();
    assert_eq!(one.tokens, [1, 3, 4, 5, 3, 4, 5, 2]);
    assert_eq!(one.types, [0; 8]);
    let two = tokens("a", Some("b c"), None).unwrap();
    assert_eq!(two.tokens, [1, 3, 2, 4, 5, 2]);
    assert_eq!(two.types, [0, 0, 0, 1, 1, 1]);
    assert_eq!(encoder(PairOptions::default()).token_count(), 7);
}

#[test]
fn the_end_of_the_last_text_is_left_out() {
    assert_eq!(tokens("a b c", None, Some(5)).unwrap().tokens, [1, 3, 4, 5, 2]);
    assert_eq!(tokens("a b c", None, Some(4)).unwrap().tokens, [1, 3, 4, 2]);
    assert_eq!(tokens("a b", Some("b c"), Some(6)).unwrap().tokens, [1, 3, 4, 2, 4, 2]);
    let error = tokens("a b", Some("b c"), Some(5)).unwrap_err();
    assert_eq!(error.message(), "5 tokens have no room for 5 that can't be left out");
    assert!(tokens("a", None, Some(2)).is_err());
}

#[test]
fn what_is_left_out_of_a_long_text_costs_nothing() {
    // As many parts of one token, each with the first text, would take 10^10 tokens.
    let (query, document) = (vec![3; 100_000], vec![4; 100_000]);
    let most = query.len() + 4;
    let row = encoder(PairOptions::default()).row(&query, Some(&document), Some(most)).unwrap();
    assert_eq!((row.tokens.len(), row.types.len()), (most, most));
    assert_eq!(row.tokens.last_chunk(), Some(&[3, 2, 4, 2]));
}

#[test]
fn a_text_gets_its_prefix_and_becomes_lower_case() {
    let options = PairOptions { lowercase: true, prefix: "SAY: ".to_owned() };
    assert_eq!(encoded(options.clone(), "A", None, None).unwrap().tokens, [1, 6, 3, 2]);
    let pair = encoded(options, "A", Some("B"), None).unwrap();
    assert_eq!(pair.tokens, [1, 3, 2, 4, 2]);
}

#[test]
fn what_is_no_tokenizer_is_refused() {
    let error = PairEncoder::from_bytes(b"{}", PairOptions::default()).unwrap_err();
    assert!(matches!(error, TextError::Invalid(_)));
}
