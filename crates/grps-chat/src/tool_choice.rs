//! Which tools a request permits, and how generation is guided to call them.

use serde_json::{Value, json};

use crate::answer::{AnswerFormat, ToolFormat};

/// The choice of tools of a request, as in the API of OpenAI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides whether it calls tools.
    Auto,
    /// The model calls no tool.
    None,
    /// The model calls at least one tool.
    Required,
    /// The model calls the tool of this name.
    Named(String),
}

/// How generation is guided to a call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallGuide {
    /// What the generated text begins with.
    pub before: &'static str,
    /// The JSON schema of what is generated next: an object with a name and arguments.
    pub schema: Value,
    /// What the generated text ends with.
    pub after: &'static str,
}

impl ToolChoice {
    /// Reads the `tool_choice` of a request. Returns nothing if the value is of no known form.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Auto),
            Value::String(word) => match word.as_str() {
                "auto" => Some(Self::Auto),
                "none" => Some(Self::None),
                "required" => Some(Self::Required),
                _ => None,
            },
            _ if value["type"] == "function" => {
                tool_name(value).map(|name| Self::Named(name.to_owned()))
            }
            _ => None,
        }
    }

    /// Returns those of the tools that the prompt shows and the model may call.
    ///
    /// `tools` are in the form of OpenAI: `{"type": "function", "function": {"name": …}}`. The
    /// result is empty if a named tool is not among them.
    #[must_use]
    pub fn permitted<'a>(&self, tools: &'a [Value]) -> Vec<&'a Value> {
        match self {
            Self::None => Vec::new(),
            Self::Auto | Self::Required => tools.iter().collect(),
            Self::Named(name) => {
                let has_name = |tool: &&Value| tool_name(tool) == Some(name);
                tools.iter().filter(has_name).collect()
            }
        }
    }

    /// Returns how generation is guided to a call, or nothing if the model decides itself.
    ///
    /// The guided text is one that the parser of the format reads as a call. There is none for a
    /// model without a format of calls, nor if no tool is permitted.
    #[must_use]
    pub fn guide(&self, format: &AnswerFormat, tools: &[Value]) -> Option<CallGuide> {
        if matches!(self, Self::Auto | Self::None) {
            return None;
        }
        let tool_format = format.tools()?;
        let arguments = match tool_format {
            ToolFormat::Llama => "parameters",
            _ => "arguments",
        };
        let permitted = self.permitted(tools);
        let mut calls: Vec<Value> =
            permitted.iter().filter_map(|tool| call_schema(tool, arguments)).collect();
        let schema = match calls.len() {
            0 => return None,
            1 => calls.remove(0),
            _ => json!({ "anyOf": calls }),
        };
        let (before, after) = around_call(tool_format);
        Some(CallGuide { before, schema, after })
    }
}

fn tool_name(tool: &Value) -> Option<&str> {
    tool["function"]["name"].as_str()
}

fn call_schema(tool: &Value, arguments: &str) -> Option<Value> {
    let name = tool_name(tool)?;
    let parameters = match &tool["function"]["parameters"] {
        Value::Null => json!({"type": "object", "properties": {}}),
        parameters => parameters.clone(),
    };
    Some(json!({
        "type": "object",
        "properties": {"name": {"const": name}, arguments: parameters},
        "required": ["name", arguments],
        "additionalProperties": false,
    }))
}

/// What stands around the object of a call.
fn around_call(format: ToolFormat) -> (&'static str, &'static str) {
    match format {
        ToolFormat::Hermes | ToolFormat::QwenCoder => ("<tool_call>\n", "\n</tool_call>"),
        ToolFormat::Llama => ("", ""),
        ToolFormat::Mistral => ("[TOOL_CALLS] [", "]"),
        ToolFormat::DeepSeek => ("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AnswerPart;

    fn tools() -> Vec<Value> {
        let parameters = json!({"type": "object", "properties": {"x": {"type": "integer"}}});
        vec![
            json!({"type": "function", "function": {"name": "f", "parameters": parameters}}),
            json!({"type": "function", "function": {"name": "g"}}),
        ]
    }

    fn named(name: &str) -> ToolChoice {
        ToolChoice::Named(name.to_owned())
    }

    #[test]
    fn choices_are_read_from_json() {
        let read = |value: Value| ToolChoice::from_json(&value);
        assert_eq!(read(Value::Null), Some(ToolChoice::Auto));
        assert_eq!(read(json!("auto")), Some(ToolChoice::Auto));
        assert_eq!(read(json!("none")), Some(ToolChoice::None));
        assert_eq!(read(json!("required")), Some(ToolChoice::Required));
        let function = json!({"type": "function", "function": {"name": "f"}});
        assert_eq!(read(function), Some(named("f")));
        assert_eq!(read(json!("any")), None);
        assert_eq!(read(json!({"type": "function"})), None);
        assert_eq!(read(json!(["auto"])), None);
    }

    #[test]
    fn permitted_tools_follow_the_choice() {
        let tools = tools();
        assert_eq!(ToolChoice::Auto.permitted(&tools).len(), 2);
        assert_eq!(ToolChoice::Required.permitted(&tools).len(), 2);
        assert!(ToolChoice::None.permitted(&tools).is_empty());
        assert_eq!(named("g").permitted(&tools), [&tools[1]]);
        assert!(named("h").permitted(&tools).is_empty());
    }

    #[test]
    fn schemas_permit_the_chosen_calls() {
        let format = AnswerFormat::of_template("<tool_call>");
        let schema = |choice: ToolChoice| choice.guide(&format, &tools()).map(|guide| guide.schema);
        let f = json!({
            "type": "object",
            "properties": {
                "name": {"const": "f"},
                "arguments": {"type": "object", "properties": {"x": {"type": "integer"}}},
            },
            "required": ["name", "arguments"],
            "additionalProperties": false,
        });
        assert_eq!(schema(named("f")), Some(f.clone()));
        let all = schema(ToolChoice::Required).unwrap_or_default();
        assert_eq!(all["anyOf"][0], f);
        assert_eq!(all["anyOf"][1]["properties"]["name"]["const"], "g");
        assert_eq!(all["anyOf"][1]["properties"]["arguments"]["type"], "object");
        assert_eq!(schema(named("h")), None);
        assert_eq!(schema(ToolChoice::Auto), None);
        assert_eq!(schema(ToolChoice::None), None);
        assert_eq!(named("f").guide(&AnswerFormat::of_template(""), &tools()), None);
    }

    #[test]
    fn guided_text_is_read_as_a_call() {
        let sources = [
            "<tool_call>",
            "<function=",
            "<|python_tag|>",
            "[TOOL_CALLS]",
            "<｜tool▁calls▁begin｜>",
        ];
        for source in sources {
            let format = AnswerFormat::of_template(source);
            let guide = named("f").guide(&format, &tools());
            let guide = guide.unwrap_or_else(|| unreachable!("{source} has calls"));
            let key = guide.schema["required"][1].as_str().unwrap_or_default();
            let object = format!("{{\"name\": \"f\", \"{key}\": {{\"x\": 1}}}}");
            let mut parser = format.parser("", &["f"]);
            let mut parts = Vec::new();
            parser.push(&(guide.before.to_owned() + &object + guide.after), &mut parts);
            parser.finish(&mut parts);
            let expected = [
                AnswerPart::ToolCall { index: 0, name: "f".to_owned() },
                AnswerPart::ToolArguments { index: 0, json: "{\"x\": 1}".to_owned() },
            ];
            assert_eq!(parts, expected, "{source}");
        }
    }
}
