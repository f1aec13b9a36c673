//! Checked reading of JSON.

mod fields;
mod values;

pub(crate) use fields::Fields;
pub(crate) use values::{expect_string, expect_tokens, kind_of};
