//! Cost of one token: by the table, by stages, and by the stream decoder of `tokenizers`.

#![expect(clippy::expect_used, reason = "a benchmark ends at the first error")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use grps_text::{Detokenizer, StopStrings, Vocabulary};
use serde_json::{Value, json};
use tokenizers::Tokenizer;

fn measure(criterion: &mut Criterion, name: &str, json: &Value) {
    let bytes = json.to_string();
    let tokenizer = Tokenizer::from_bytes(&bytes).expect("a tokenizer");
    let vocabulary = Arc::new(Vocabulary::from_bytes(bytes.as_bytes()).expect("a vocabulary"));
    let encoding = tokenizer.encode(common::TEXT.repeat(4), false).expect("encoded");
    let ids = encoding.get_ids();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(ids.len() as u64));
    group.bench_function("detokenizer", |bencher| {
        bencher.iter(|| {
            let mut detokenizer = Detokenizer::new(Arc::clone(&vocabulary), true);
            for &id in ids {
                black_box(detokenizer.push(black_box(id)));
            }
            black_box(detokenizer.finish().len())
        });
    });
    group.bench_function("detokenizer and stop strings", |bencher| {
        let stop = StopStrings::new(&["\nUser:", "###", "</answer>"], false).expect("few");
        bencher.iter(|| {
            let mut detokenizer = Detokenizer::new(Arc::clone(&vocabulary), true);
            let mut stop = stop.clone();
            for &id in ids {
                black_box(stop.push(detokenizer.push(black_box(id))));
            }
        });
    });
    group.bench_function("stream decoder of tokenizers", |bencher| {
        bencher.iter(|| {
            let mut stream = tokenizer.decode_stream(true);
            for &id in ids {
                // Its errors are known: it loses the beginning of some sequences.
                let _ = black_box(stream.step(black_box(id)));
            }
        });
    });
    group.finish();
}

fn benches(criterion: &mut Criterion) {
    measure(criterion, "table, byte level", &common::byte_level());
    measure(criterion, "table, byte fallback", &common::byte_fallback());
    measure(criterion, "table, WordPiece", &common::word_piece());
    measure(criterion, "table, metaspace", &common::unigram());
    let mut staged = common::unigram();
    staged["decoder"] = json!({"type": "BPEDecoder", "suffix": "</w>"});
    measure(criterion, "stages, BPE", &staged);
}

criterion_group!(detokenize, benches);
criterion_main!(detokenize);
