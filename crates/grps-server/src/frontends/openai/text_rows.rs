//! Rows of tokens through a model that makes numbers of them.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use grps_core::{
    Cause, Content, Elements, Error, Model, Request, Route, SchedulingOptions, Tensor, TextSpec,
    TextTokens, Values,
};
use grps_openai::{ApiError, Truncation};

use crate::call::call::Call;
use crate::frontends::openai::errors::Fault;

/// Most rows of a batch, and most tokens with the padding.
const MAX_ROWS: usize = 32;
const MAX_TOKENS: usize = 8192;
/// Most bytes of a text; reading it as tokens takes many times its memory.
const MAX_TEXT_BYTES: usize = 1 << 20;
/// Most batches of a request that run or wait at once.
const MAX_BATCHES: usize = 4;

/// A model, and how it is called.
pub(super) struct TextModel {
    pub(super) route: Route,
    pub(super) model: Arc<Model>,
    pub(super) options: SchedulingOptions,
}

impl TextModel {
    fn spec(&self) -> Result<&TextSpec, Error> {
        let missing = || Error::new(Cause::Internal, "the model has no tokenizer");
        self.model.spec().text.as_deref().ok_or_else(missing)
    }

    /// The row of a text. `field` of the request has it.
    ///
    /// # Errors
    /// It has more tokens than the model takes, unless they may be left out.
    pub(super) fn encode(
        &self,
        text: &str,
        field: &str,
        truncation: Truncation,
    ) -> Result<TextTokens, Fault> {
        let tokens = self.tokens(text, field, true)?;
        self.row(&tokens, None, field, truncation)
    }

    /// The tokens of a text without special ones, which may be `alone` in its row.
    ///
    /// # Errors
    /// It is too long to be read.
    pub(super) fn tokens(&self, text: &str, field: &str, alone: bool) -> Result<Vec<u32>, Fault> {
        check_size(text, field)?;
        Ok(self.spec()?.encoder.tokens(text, alone)?)
    }

    /// The row of the tokens of a text, or of two. `field` of the request has the last one.
    ///
    /// # Errors
    /// There are more than the model takes, unless they may be left out.
    pub(super) fn row(
        &self,
        first: &[u32],
        second: Option<&[u32]>,
        field: &str,
        truncation: Truncation,
    ) -> Result<TextTokens, Fault> {
        let spec = self.spec()?;
        let most = match truncation {
            Truncation::Refuse => None,
            Truncation::ToModel => Some(spec.max_length),
            Truncation::To(most) => {
                check_truncation(most, spec.max_length)?;
                Some(most)
            }
        };
        let row = match spec.encoder.row(first, second, most) {
            Err(error) if error.cause() == Cause::InvalidArgument => {
                return Err(ApiError::invalid(field, error.message()).into());
            }
            row => row?,
        };
        check_length(&row.tokens, spec.max_length, field)?;
        Ok(row)
    }

    /// Tokens of a client.
    ///
    /// # Errors
    /// There are more than the model takes, or one is none of the model.
    pub(super) fn check(
        &self,
        tokens: &[u32],
        field: &str,
        truncation: Truncation,
    ) -> Result<TextTokens, Fault> {
        let spec = self.spec()?;
        let mut tokens = tokens.to_vec();
        match truncation {
            Truncation::Refuse => {}
            Truncation::ToModel => tokens.truncate(spec.max_length),
            Truncation::To(most) => {
                check_truncation(most, spec.max_length)?;
                tokens.truncate(most);
            }
        }
        check_length(&tokens, spec.max_length, field)?;
        let count = spec.encoder.token_count();
        if let Some(token) = tokens.iter().find(|token| **token >= count) {
            let message = format!("Token {token} is none of the model, which has {count} tokens.");
            return Err(ApiError::invalid(field, message).into());
        }
        let types = vec![0; tokens.len()];
        Ok(TextTokens { tokens, types })
    }

    /// The numbers that the model makes of each row, in the order of the rows.
    ///
    /// # Errors
    /// The model fails, refuses a batch, or returns something else.
    pub(super) async fn run(
        &self,
        call: &Call,
        rows: &[TextTokens],
    ) -> Result<Vec<Vec<f32>>, Error> {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|index| rows.get(*index).map_or(0, |row| row.tokens.len()));
        let most_rows = match self.model.spec().batching.max_rows {
            0 | 1 => MAX_ROWS,
            most => most.min(MAX_ROWS),
        };
        let running = batches(&order, rows, most_rows).into_iter().map(|indexes| async move {
            let batch: Vec<&TextTokens> = indexes.iter().filter_map(|one| rows.get(*one)).collect();
            let numbers = self.run_batch(call, &batch).await?;
            Ok::<_, Error>(indexes.into_iter().zip(numbers))
        });
        let done: Vec<_> = stream::iter(running).buffered(MAX_BATCHES).try_collect().await?;
        let mut numbers = vec![Vec::new(); rows.len()];
        for (index, found) in done.into_iter().flatten() {
            if let Some(row) = numbers.get_mut(index) {
                *row = found;
            }
        }
        Ok(numbers)
    }

    async fn run_batch(&self, call: &Call, rows: &[&TextTokens]) -> Result<Vec<Vec<f32>>, Error> {
        let request = Request {
            timeline: Arc::clone(&call.timeline),
            content: Content::Tensors(self.inputs(rows)?),
            options: self.options.clone(),
            attachment: None,
        };
        let output = call.app.engine.infer(&self.route, request).await?;
        let Content::Tensors(tensors) = output else { return Err(wrong("returned no tensors")) };
        let numbers = tensors.first().ok_or_else(|| wrong("returned no tensors"))?;
        let Elements::Float32(values) = numbers.elements() else {
            return Err(wrong("returned numbers that are not float32"));
        };
        let width = values.len() / rows.len().max(1);
        if numbers.shape().first() != Some(&rows.len()) || width == 0 {
            return Err(wrong("returned another number of rows than it got"));
        }
        Ok(values.chunks_exact(width).map(<[f32]>::to_vec).collect())
    }

    /// The inputs of a batch, those that the model has.
    fn inputs(&self, rows: &[&TextTokens]) -> Result<Vec<Tensor>, Error> {
        let width = rows.iter().map(|row| row.tokens.len()).max().unwrap_or(0);
        let matrix = |name: &'static str, of_row: &dyn Fn(&TextTokens) -> Vec<i64>| {
            let mut values = Vec::with_capacity(rows.len() * width);
            for row in rows {
                let end = values.len() + width;
                values.extend(of_row(row));
                values.resize(end, 0);
            }
            Tensor::new(name.into(), [rows.len(), width].as_slice(), Values::Int64(values))
        };
        let wide = |numbers: &[u32]| numbers.iter().map(|one| i64::from(*one)).collect();
        let all = [
            matrix("input_ids", &|row| wide(&row.tokens))?,
            matrix("attention_mask", &|row| vec![1; row.tokens.len()])?,
            matrix("token_type_ids", &|row| wide(&row.types))?,
        ];
        let signature = self.model.spec().signature.as_ref();
        let is_known = |tensor: &Tensor| {
            signature
                .is_none_or(|known| known.inputs.iter().any(|input| *input.name == *tensor.name()))
        };
        Ok(all.into_iter().filter(is_known).collect())
    }
}

/// Rows of similar lengths, as many as fit into a batch. `order` is by length.
fn batches(order: &[usize], rows: &[TextTokens], most_rows: usize) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for index in order {
        let length = rows.get(*index).map_or(0, |row| row.tokens.len());
        match batches.last_mut() {
            Some(last) if last.len() < most_rows && (last.len() + 1) * length <= MAX_TOKENS => {
                last.push(*index);
            }
            _ => batches.push(vec![*index]),
        }
    }
    batches
}

fn check_truncation(most: usize, limit: usize) -> Result<(), ApiError> {
    if most <= limit {
        return Ok(());
    }
    let message = format!("'truncate_prompt_tokens' is {most}, the model takes {limit} tokens.");
    Err(ApiError::invalid("truncate_prompt_tokens", message))
}

fn check_size(text: &str, field: &str) -> Result<(), ApiError> {
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(());
    }
    let bytes = text.len();
    let message = format!("'{field}' has {bytes} bytes, at most {MAX_TEXT_BYTES} are allowed.");
    Err(ApiError::invalid(field, message))
}

fn check_length(tokens: &[u32], limit: usize, field: &str) -> Result<(), ApiError> {
    match tokens.len() {
        0 => Err(ApiError::invalid(field, format!("'{field}' has no tokens."))),
        length if length > limit => Err(ApiError::input_length(field, limit, length)),
        _ => Ok(()),
    }
}

fn wrong(what: &str) -> Error {
    Error::new(Cause::ModelFailed, format!("the model {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lengths: &[usize]) -> Vec<TextTokens> {
        lengths
            .iter()
            .map(|length| TextTokens { tokens: vec![0; *length], ..Default::default() })
            .collect()
    }

    #[test]
    fn batches_have_so_many_rows_and_tokens() {
        let even = rows(&[4; 33]);
        let order: Vec<usize> = (0..33).collect();
        let sizes: Vec<usize> = batches(&order, &even, 32).iter().map(Vec::len).collect();
        assert_eq!(sizes, [32, 1]);
        let long = rows(&[MAX_TOKENS / 2, MAX_TOKENS / 2, MAX_TOKENS / 2 + 1, MAX_TOKENS * 2]);
        assert_eq!(batches(&[0, 1, 2, 3], &long, 32), [vec![0, 1], vec![2], vec![3]]);
        assert!(batches(&[], &[], 32).is_empty());
    }
}
