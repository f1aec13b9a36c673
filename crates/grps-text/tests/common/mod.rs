//! Tokenizers of every common kind, trained on a few sentences.

use serde_json::{Value, json};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::Metaspace;
use tokenizers::pre_tokenizers::whitespace::Whitespace;
use tokenizers::{AddedToken, ModelWrapper, PreTokenizerWrapper, Tokenizer};

/// Several scripts, combining characters, emoji of several code points, code and spaces.
pub(crate) const TEXT: &str = "The quick brown fox doesn't jump over the lazy dog. The dog, however, sleeps!\n\
    Les élèves ont déjà mangé; o\u{308} and o\u{301} are combined. Straße, naïve, cœur.\n\
    こんにちは世界、日本語の文章です。 你好，世界！今天天气很好。 안녕하세요 세계.\n\
    😀 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇫🇷 emoji of one and several code points 😀😀.\n\
    fn main() {\n        println!(\"{}\", 1 + 2);\n\t}\n  Здравствуй, мир. שלום עולם. مرحبا بالعالم. नमस्ते\n";

fn train(
    model: impl Into<ModelWrapper>,
    pre_tokenizer: impl Into<PreTokenizerWrapper>,
    mut trainer: TrainerWrapper,
) -> Value {
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer));
    tokenizer.train(&mut trainer, TEXT.lines().cycle().take(40)).expect("training");
    serde_json::to_value(&tokenizer).expect("a tokenizer as JSON")
}

fn special(names: &[&str]) -> Vec<AddedToken> {
    names.iter().map(|name| AddedToken::from(*name, true)).collect()
}

/// As GPT-2, Llama 3 and Qwen have it.
pub(crate) fn byte_level() -> Value {
    let trainer = BpeTrainer::builder()
        .vocab_size(600)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(special(&["<|endoftext|>", "<|im_start|>", "<|im_end|>"]))
        .build();
    let mut json = train(BPE::default(), ByteLevel::new(false, true, true), trainer.into());
    json["decoder"] = json!({"type": "ByteLevel", "add_prefix_space": true,
        "trim_offsets": true, "use_regex": true});
    let count = json["model"]["vocab"].as_object().expect("a vocabulary").len();
    let added = json["added_tokens"].as_array_mut().expect("added tokens");
    // Added tokens need not be special, nor in the alphabet of bytes.
    for (id, content) in [(count, "<think> 世界"), (count + 1, "né")] {
        added.push(json!({"id": id, "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": false}));
    }
    json
}

/// As Llama 2, Mistral and Gemma have it.
pub(crate) fn byte_fallback() -> Value {
    let bytes: Vec<String> = (0..=255).map(|byte| format!("<0x{byte:02X}>")).collect();
    let mut names = vec!["<unk>", "<s>", "</s>"];
    names.extend(bytes.iter().map(String::as_str));
    let trainer = BpeTrainer::builder()
        .vocab_size(700)
        .show_progress(false)
        .special_tokens(special(&names))
        .build();
    let mut json = train(BPE::default(), Metaspace::default(), trainer.into());
    let added = json["added_tokens"].as_array_mut().expect("added tokens");
    added.retain(|token| token["id"].as_u64() < Some(3));
    json["model"]["byte_fallback"] = json!(true);
    json["decoder"] = json!({"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ]});
    json
}

/// As BERT has it.
pub(crate) fn word_piece() -> Value {
    let trainer = WordPieceTrainerBuilder::default()
        .vocab_size(400)
        .show_progress(false)
        .special_tokens(special(&["[PAD]", "[UNK]", "[CLS]", "[SEP]"]))
        .build();
    let mut json = train(WordPiece::default(), Whitespace, trainer.into());
    json["decoder"] = json!({"type": "WordPiece", "prefix": "##", "cleanup": true});
    json
}

/// As T5 and XLM-RoBERTa have it.
pub(crate) fn unigram() -> Value {
    let trainer = UnigramTrainer::builder()
        .vocab_size(400)
        .show_progress(false)
        .unk_token(Some("<unk>".to_owned()))
        .special_tokens(special(&["<pad>", "</s>", "<unk>"]))
        .build()
        .expect("a trainer");
    let mut json = train(Unigram::default(), Metaspace::default(), trainer.into());
    json["decoder"] = json!({"type": "Metaspace", "replacement": "▁",
        "prepend_scheme": "always", "split": true});
    json
}
