//! Trace context of a request, after W3C Trace Context (<https://www.w3.org/TR/trace-context/>).

use std::fmt::Write as _;
use std::sync::Arc;

/// Maximum length of a forwarded `tracestate`; a longer one is dropped, as the standard allows.
const MAX_STATE_BYTES: usize = 512;

/// Trace context of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Identifier of the trace; never 0.
    pub trace_id: u128,
    /// Identifier of the span of the request; never 0.
    pub span_id: u64,
    /// Identifier of the client's span.
    pub parent_id: Option<u64>,
    /// Whether spans are exported.
    pub sampled: bool,
    /// The client's `tracestate`, which is forwarded unchanged.
    pub state: Option<Arc<str>>,
}

/// The client's span, from a `traceparent` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// Identifier of the trace; never 0.
    pub trace_id: u128,
    /// Identifier of the client's span; never 0.
    pub span_id: u64,
    /// Whether the client exports its spans.
    pub sampled: bool,
}

impl TraceParent {
    /// Parses a `traceparent` header; `None` for values that the standard says to ignore.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.trim().split('-');
        let version = hex(fields.next()?, 2)?;
        let trace_id = hex(fields.next()?, 32)?;
        let span_id = u64::try_from(hex(fields.next()?, 16)?).ok()?;
        let flags = hex(fields.next()?, 2)?;
        // Later versions may add fields; 255 is forbidden.
        let more = fields.next().is_some();
        if version == 0xFF || (version == 0 && more) || trace_id == 0 || span_id == 0 {
            return None;
        }
        Some(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }
}

impl TraceContext {
    /// The `traceparent` header for services that the request calls.
    pub fn traceparent(&self) -> String {
        let mut text = String::with_capacity(55);
        let flags = u8::from(self.sampled);
        // Writing to a string can't fail.
        let _ = write!(text, "00-{:032x}-{:016x}-{flags:02x}", self.trace_id, self.span_id);
        text
    }

    /// Adds a `tracestate`, unless it is too long.
    pub fn with_state(mut self, state: Option<&str>) -> Self {
        self.state = state.filter(|state| state.len() <= MAX_STATE_BYTES).map(Arc::from);
        self
    }
}

/// Parses exactly `digits` lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let fits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != digits || !text.bytes().all(fits) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_parsed() {
        let parent = TraceParent::parse(GOOD).unwrap();
        assert_eq!(parent.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!((parent.span_id, parent.sampled), (0x00f0_67aa_0ba9_02b7, true));
        let later = GOOD.replacen("00", "cc", 1) + "-what-the-future-brings";
        assert_eq!(TraceParent::parse(&later), Some(parent));
    }

    #[test]
    fn values_that_the_standard_forbids_are_ignored() {
        for bad in [
            "",
            "00",
            &GOOD.replacen("00", "ff", 1),
            &format!("{GOOD}-more"),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &GOOD.to_uppercase(),
            &GOOD.replace("-01", "-1"),
            &GOOD.replace('b', "+"),
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_tracestate_is_forwarded_up_to_its_limit() {
        let context =
            TraceContext { trace_id: 1, span_id: 2, parent_id: None, sampled: false, state: None };
        let fits = "a".repeat(MAX_STATE_BYTES);
        assert_eq!(context.clone().with_state(Some(&fits)).state.as_deref(), Some(fits.as_str()));
        assert_eq!(context.clone().with_state(Some(&(fits + "a"))).state, None);
        assert_eq!(context.with_state(None).state, None);
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in "\\PC{0,80}") {
            let _ = TraceParent::parse(&text);
        }

        #[test]
        fn a_formatted_context_is_parsed_back(trace_id in 1u128.., span_id in 1u64.., sampled: bool) {
            let context =
                TraceContext { trace_id, span_id, parent_id: None, sampled, state: None };
            let parsed = TraceParent::parse(&context.traceparent());
            prop_assert_eq!(parsed, Some(TraceParent { trace_id, span_id, sampled }));
        }
    }
}
