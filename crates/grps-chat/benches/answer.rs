//! The time a parser takes for one small token, in each part of an answer.

use criterion::{Criterion, criterion_group, criterion_main};
use grps_chat::{AnswerFormat, AnswerPart};

/// Measures pushes of one piece after a beginning of the answer.
fn bench_pieces(criterion: &mut Criterion, name: &str, begin: &str, piece: &str) {
    let format = AnswerFormat::of_template("<tool_call> <think></think>");
    let mut parser = format.parser("", &["f"]);
    let mut parts: Vec<AnswerPart> = Vec::new();
    parser.push(begin, &mut parts);
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            parts.clear();
            parser.push(std::hint::black_box(piece), &mut parts);
            parts.len()
        });
    });
}

fn bench_answer(criterion: &mut Criterion) {
    bench_pieces(criterion, "text", "Hello", " world");
    bench_pieces(criterion, "text with a bracket", "Hello", " a < b");
    bench_pieces(criterion, "reasoning", "<think>Hm", " world");
    let call = "<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": \"";
    bench_pieces(criterion, "arguments", call, " world");
}

criterion_group!(benches, bench_answer);
criterion_main!(benches);
