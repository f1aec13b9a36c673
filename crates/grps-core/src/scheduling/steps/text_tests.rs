//! Tests of what clients receive of the text of a sequence.

use super::*;
use crate::tensor::values::Elements;

/// Has a letter of text for each even token; an odd one is held back. 9 is a stop string.
#[derive(Debug, Default)]
struct Letters {
    held: usize,
}

impl SequenceText for Letters {
    fn push(&mut self, outputs: &[Tensor], text: &mut String) -> Result<Option<EndReason>, Error> {
        let Elements::Int64([token]) = outputs[0].elements() else {
            return Err(Error::new(Cause::ModelFailed, "no token"));
        };
        self.held += 1;
        if token % 2 == 0 {
            text.push_str(&"x".repeat(std::mem::take(&mut self.held)));
        }
        Ok((*token == 9).then_some(EndReason::StopString))
    }

    fn finish(&mut self, text: &mut String) -> bool {
        text.push_str(&"y".repeat(std::mem::take(&mut self.held)));
        false
    }

    fn stop_string(&self) -> Option<&str> {
        Some("nine")
    }
}

fn output() -> TextOutput {
    TextOutput::new(Box::new(Letters::default()))
}

fn token(value: i64) -> Vec<Tensor> {
    vec![Tensor::new("token".into(), [1].as_slice(), Values::Int64(vec![value])).unwrap()]
}

/// Tokens, text and reason of a chunk.
type Chunk = (Vec<i64>, String, Option<String>);

fn read(outputs: &[Tensor]) -> Chunk {
    let texts = |name| {
        let output = outputs.iter().find(|output| output.name() == name)?;
        let Elements::String([text]) = output.elements() else {
            return None;
        };
        Some(String::from_utf8(text.to_vec()).unwrap())
    };
    let Elements::Int64(tokens) = outputs[0].elements() else {
        return Chunk::default();
    };
    (tokens.to_vec(), texts(TEXT_OUTPUT).unwrap(), texts(FINISH_REASON_OUTPUT))
}

/// The chunks of tokens, the last of which ends the sequence for a reason.
fn chunks(tokens: &[i64], reason: EndReason) -> Vec<Chunk> {
    let mut output = output();
    let mut chunks = Vec::new();
    for (index, value) in tokens.iter().enumerate() {
        let end = (index + 1 == tokens.len()).then_some(reason);
        let end = output.push(&token(*value), end).unwrap();
        chunks.extend(output.next_chunk(token(*value), end).unwrap());
        if end.is_some() {
            break;
        }
    }
    chunks.iter().map(|chunk| read(chunk)).collect()
}

fn chunk(tokens: &[i64], text: &str, reason: Option<&str>) -> Chunk {
    (tokens.to_vec(), text.to_owned(), reason.map(str::to_owned))
}

#[test]
fn a_chunk_has_all_outputs_since_the_one_before() {
    let expected =
        [chunk(&[2], "x", None), chunk(&[1, 3, 4], "xxx", None), chunk(&[5], "y", Some("stop"))];
    assert_eq!(chunks(&[2, 1, 3, 4, 5], EndReason::Finished), expected);
}

#[test]
fn the_most_steps_are_a_length() {
    assert_eq!(chunks(&[1, 3], EndReason::MaxSteps), [chunk(&[1, 3], "yy", Some("length"))]);
}

#[test]
fn a_stop_string_ends_the_sequence_whatever_else_does() {
    let expected = [chunk(&[2], "x", None), chunk(&[1, 9], "", Some("stop"))];
    assert_eq!(chunks(&[2, 1, 9, 4], EndReason::Finished), expected);
    let end = output().push(&token(9), Some(EndReason::MaxSteps)).unwrap();
    assert_eq!(end, Some(EndReason::StopString));
}

#[test]
fn the_stop_string_is_an_output_if_it_ended_the_sequence() {
    let last = |token_value, end| {
        let mut output = output();
        let end = output.push(&token(token_value), end).unwrap();
        let chunk = output.next_chunk(token(token_value), end).unwrap().unwrap();
        let found = chunk.iter().find(|output| output.name() == STOP_STRING_OUTPUT);
        found.map(|found| found.elements() == Elements::String(&[Bytes::from_static(b"nine")]))
    };
    assert_eq!(last(9, None), Some(true));
    assert_eq!(last(9, Some(EndReason::MaxSteps)), Some(true));
    assert_eq!(last(1, Some(EndReason::Finished)), None);
    assert_eq!(last(2, None), None);
}

#[test]
fn outputs_must_stay_alike_within_a_chunk() {
    let mut output = output();
    assert!(output.next_chunk(token(1), None).unwrap().is_none());
    let other = Tensor::new("token".into(), [1].as_slice(), Values::Int32(vec![1])).unwrap();
    output.next_chunk(vec![other], Some(EndReason::Finished)).unwrap_err();
}

#[test]
fn names_of_the_service_are_refused() {
    for name in [TEXT_OUTPUT, FINISH_REASON_OUTPUT, STOP_STRING_OUTPUT] {
        let mut outputs = token(2);
        outputs[0].rename(name);
        let error = output().push(&outputs, None).unwrap_err();
        assert!(error.message().contains(name), "{error}");
    }
}
