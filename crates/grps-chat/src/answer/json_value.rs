//! Finds the end of a JSON value that arrives byte by byte.

/// What a byte means to the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonStep {
    /// The byte belongs to the value, which continues.
    Inside,
    /// The byte is the last one of the value.
    Last,
    /// The value ended before the byte.
    Ended,
    /// No JSON value has this byte here.
    Invalid,
}

/// The state of one value. Nesting and strings are followed; numbers and words are not checked.
#[derive(Debug, Default)]
pub(super) struct JsonValue {
    depth: usize,
    in_string: bool,
    escaped: bool,
    in_scalar: bool,
}

impl JsonValue {
    /// Takes the next byte. The first one must not be white space.
    pub(super) fn step(&mut self, byte: u8) -> JsonStep {
        if self.in_string {
            return self.step_in_string(byte);
        }
        match byte {
            b'"' if self.in_scalar => JsonStep::Invalid,
            b'"' => {
                self.in_string = true;
                JsonStep::Inside
            }
            b'{' | b'[' if self.in_scalar => JsonStep::Invalid,
            b'{' | b'[' => {
                self.depth += 1;
                JsonStep::Inside
            }
            b'}' | b']' | b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if self.depth == 0 => {
                JsonStep::Ended
            }
            b'}' | b']' => {
                self.depth -= 1;
                self.last_if_closed()
            }
            b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => JsonStep::Inside,
            b'+' | b'-' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                self.in_scalar = self.depth == 0;
                JsonStep::Inside
            }
            _ => JsonStep::Invalid,
        }
    }

    fn step_in_string(&mut self, byte: u8) -> JsonStep {
        if self.escaped {
            self.escaped = false;
            return JsonStep::Inside;
        }
        match byte {
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                return self.last_if_closed();
            }
            _ => {}
        }
        JsonStep::Inside
    }

    fn last_if_closed(&self) -> JsonStep {
        if self.depth == 0 { JsonStep::Last } else { JsonStep::Inside }
    }
}
