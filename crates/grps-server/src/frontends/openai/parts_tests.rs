//! Tests of chunks of language models.

use grps_core::{SequenceText, Values};

use super::*;

/// The bytes of a token are its digits.
#[derive(Debug)]
struct Digits(Vec<String>);

impl StepText for Digits {
    fn begin(&self, _: &[Tensor]) -> Result<Box<dyn SequenceText>, Error> {
        Err(wrong("has no text here"))
    }

    fn encode(&self, _: &str, _: bool) -> Result<Vec<u32>, Error> {
        Err(wrong("has no text here"))
    }

    fn decode(&self, _: &[u32], _: bool) -> String {
        String::new()
    }

    fn token_bytes(&self, token: u32) -> &[u8] {
        self.0[token as usize].as_bytes()
    }
}

fn tensor(name: &'static str, shape: &[usize], values: Values) -> Tensor {
    Tensor::new(name.into(), shape, values).unwrap()
}

/// A chunk of two tokens with three alternatives each; the second has two.
fn piece() -> Piece {
    let tokens = tensor("token", &[2], Values::Int64(vec![4, 5]));
    let logprobs = tensor("logprob", &[2], Values::Float32(vec![-0.5, -0.25]));
    let top = tensor("top_token", &[2, 3], Values::Int64(vec![4, 1, 2, 5, 3, -1]));
    let values = Values::Float32(vec![-0.5, -1.0, -2.0, -0.25, -3.0, 0.0]);
    let top_logprobs = tensor("top_logprob", &[2, 3], values);
    let chunk = Content::Tensors(vec![tokens, logprobs, top, top_logprobs]);
    Piece::read(chunk).unwrap().unwrap()
}

fn shown(piece: &Piece) -> Vec<Vec<(String, f32)>> {
    let digits = Digits((0..10).map(|number| number.to_string()).collect());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let described = piece.token_logprobs(&digits);
    let tops = described.iter().map(|token| &token.top);
    tops.map(|top| top.iter().map(|one| (text(&one.bytes), one.logprob)).collect()).collect()
}

#[test]
fn each_token_has_its_own_alternatives() {
    let text = |token: &str, logprob| (token.to_owned(), logprob);
    let first = vec![text("4", -0.5), text("1", -1.0), text("2", -2.0)];
    let second = vec![text("5", -0.25), text("3", -3.0)];
    assert_eq!(shown(&piece()), [first, second]);
}

#[test]
fn an_engine_may_have_none() {
    let mut piece = piece();
    piece.top_tokens.clear();
    assert_eq!(shown(&piece), [vec![], vec![]]);
    let wrong = tensor("top_token", &[1], Values::Float32(vec![1.0]));
    Piece::read(Content::Tensors(vec![wrong])).unwrap_err();
}
