//! A detokenizer returns exactly the text that `tokenizers` decodes, for every decoder.

#![expect(clippy::expect_used, reason = "helpers of tests may panic")]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use grps_text::{Detokenizer, Vocabulary};
use proptest::prelude::*;
use serde_json::Value;
use tokenizers::Tokenizer;

/// A vocabulary and the tokenizer that it must agree with.
struct Pair {
    tokenizer: Tokenizer,
    vocabulary: Arc<Vocabulary>,
    ids: u32,
}

impl Pair {
    fn new(json: &Value) -> Self {
        let bytes = json.to_string();
        let tokenizer = Tokenizer::from_bytes(&bytes).expect("a tokenizer");
        let ids = u32::try_from(tokenizer.get_vocab_size(true)).expect("few tokens");
        let vocabulary = Vocabulary::from_bytes(bytes.as_bytes()).expect("a vocabulary");
        Self { tokenizer, vocabulary: Arc::new(vocabulary), ids }
    }

    /// What `tokenizers` decodes; `None` where it panics.
    fn decode(&self, ids: &[u32], skip: bool) -> Option<String> {
        let decoded = catch_unwind(AssertUnwindSafe(|| self.tokenizer.decode(ids, skip)));
        Some(decoded.ok()?.expect("decoded"))
    }

    /// Each piece that a detokenizer returns, the one of its end last.
    fn pieces(&self, ids: &[u32], skip: bool) -> Vec<String> {
        let mut detokenizer = Detokenizer::new(Arc::clone(&self.vocabulary), skip);
        let mut pieces: Vec<_> = ids.iter().map(|id| detokenizer.push(*id).to_owned()).collect();
        pieces.push(detokenizer.finish().to_owned());
        // The same detokenizer serves another sequence.
        let again: String = ids.iter().map(|id| detokenizer.push(*id).to_owned()).collect();
        assert_eq!(again + detokenizer.finish(), pieces.concat());
        pieces
    }

    fn check(&self, ids: &[u32], skip: bool) {
        let Some(expected) = self.decode(ids, skip) else { return };
        assert_eq!(self.pieces(ids, skip).concat(), expected, "{ids:?}, skip {skip}");
    }
}

static BYTE_LEVEL: LazyLock<Pair> = LazyLock::new(|| Pair::new(&common::byte_level()));
static BYTE_FALLBACK: LazyLock<Pair> = LazyLock::new(|| Pair::new(&common::byte_fallback()));
static WORD_PIECE: LazyLock<Pair> = LazyLock::new(|| Pair::new(&common::word_piece()));
static UNIGRAM: LazyLock<Pair> = LazyLock::new(|| Pair::new(&common::unigram()));

fn trained() -> [&'static Pair; 4] {
    [&BYTE_LEVEL, &BYTE_FALLBACK, &WORD_PIECE, &UNIGRAM]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn trained_tokenizers_agree_on_random_tokens(
        seeds in prop::collection::vec(any::<u32>(), 0..40),
        skip in any::<bool>(),
    ) {
        for pair in trained() {
            // Some ids are above the highest one.
            let ids: Vec<_> = seeds.iter().map(|seed| seed % (pair.ids + 3)).collect();
            pair.check(&ids, skip);
        }
    }

    #[test]
    fn runs_of_bytes_agree(
        seeds in prop::collection::vec((0..256u32, 0..700u32, 0..8u8), 0..24),
        skip in any::<bool>(),
    ) {
        let ids: Vec<_> = seeds
            .into_iter()
            .map(|(byte, id, choice)| if choice == 0 { id } else { byte + 3 })
            .collect();
        BYTE_FALLBACK.check(&ids, skip);
    }

    #[test]
    fn encoded_text_comes_back_without_replacement_characters(
        text in "[a-c é€😀\u{301}世ü\n.,'🏳️‍🌈]{0,24}",
    ) {
        for pair in [&*BYTE_LEVEL, &*BYTE_FALLBACK] {
            let encoding = pair.tokenizer.encode(text.as_str(), false).expect("encoded");
            let pieces = pair.pieces(encoding.get_ids(), true);
            prop_assert!(pieces.iter().all(|piece| !piece.contains('\u{FFFD}')), "{:?}", pieces);
        }
        let encoding = BYTE_LEVEL.tokenizer.encode(text.as_str(), false).expect("encoded");
        prop_assert_eq!(BYTE_LEVEL.pieces(encoding.get_ids(), true).concat(), text);
    }
}

#[test]
fn text_comes_with_the_token_that_makes_it_certain() {
    let pair = &*BYTE_LEVEL;
    let ids: Vec<_> = ["ð", "Ł", "ĺ", "Ģ", "Ã", "a"]
        .iter()
        .map(|token| pair.tokenizer.token_to_id(token).expect("a byte"))
        .collect();
    assert_eq!(pair.pieces(&ids, true), ["", "", "", "😀", "", "\u{FFFD}a", ""]);
    assert_eq!(pair.pieces(&ids[..2], true), ["", "", "\u{FFFD}"]);
}

#[test]
fn a_run_of_bytes_comes_with_its_end() {
    let pair = &*BYTE_FALLBACK;
    let (euro, a) = ([0xE2, 0x82, 0xAC].map(|byte| byte + 3), 400);
    let text = pair.decode(&[a], true).expect("a token");
    let word = pair.vocabulary.token_text(a).expect("a token").into_owned();
    let ids = [a, euro[0], euro[1], euro[2], a];
    assert_eq!(pair.pieces(&ids, true), [&text, "", "", "", &format!("€{word}"), ""]);
    assert_eq!(pair.pieces(&euro, true), ["", "", "", "€"]);
    let wrong = [euro[0], euro[1], euro[2], 0xFF + 3];
    assert_eq!(pair.pieces(&wrong, true).concat(), "\u{FFFD}".repeat(4));
}

#[test]
fn special_tokens_are_left_out_or_kept_and_unknown_ids_ignored() {
    let pair = &*BYTE_LEVEL;
    let a = pair.tokenizer.token_to_id("a").expect("a token");
    let ids = [1, a, 2, 5_000, u32::MAX, a, 0];
    assert_eq!(pair.pieces(&ids, true).concat(), "aa");
    assert_eq!(pair.pieces(&ids, false).concat(), "<|im_start|>a<|im_end|>a<|endoftext|>");
}

#[test]
fn text_streams_token_by_token_for_every_common_decoder() {
    for pair in trained() {
        let encoding = pair.tokenizer.encode("The quick brown fox jumps over", false);
        let pieces = pair.pieces(encoding.expect("encoded").get_ids(), true);
        let (last, streamed) = pieces.split_last().expect("pieces");
        assert_eq!(last, "");
        assert!(streamed.iter().filter(|piece| !piece.is_empty()).count() >= 6, "{pieces:?}");
    }
}
