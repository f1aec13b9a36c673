//! Tools that a model may call.

use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::limits::Limits;
use crate::reading::{Fields, kind_of};

/// A function that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Unique in the request.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// JSON schema of its arguments.
    pub parameters: Value,
    /// Arguments must follow the schema exactly.
    pub strict: bool,
}

impl Tool {
    /// The form that chat templates take, which is that of chats.
    #[must_use]
    pub fn template_value(&self) -> Value {
        let mut function = Map::new();
        function.insert("name".to_owned(), json!(self.name));
        if let Some(description) = &self.description {
            function.insert("description".to_owned(), json!(description));
        }
        function.insert("parameters".to_owned(), self.parameters.clone());
        json!({"type": "function", "function": function})
    }

    /// Reads name, description and schema; the schema has another name in each API.
    pub(crate) fn read(
        fields: &mut Fields,
        schema: &str,
        longest_name: usize,
    ) -> Result<Self, ApiError> {
        let name = fields.required_string("name")?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.len() > longest_name || !name.bytes().all(allowed) {
            let message = format!(
                "The name '{name}' of a tool must have 1 to {longest_name} letters, digits, '_' \
                 and '-'."
            );
            return Err(fields.invalid("name", message));
        }
        let parameters = fields.object(schema)?;
        let empty = || Map::from_iter([("type".to_owned(), json!("object"))]);
        Ok(Self {
            name,
            description: fields.string("description")?,
            parameters: Value::Object(parameters.unwrap_or_else(empty)),
            strict: fields.boolean("strict")?.unwrap_or(false),
        })
    }
}

/// Whether the model calls tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// It does not; also if there are none.
    None,
    /// It decides.
    Auto,
    /// It calls at least one.
    Required,
    /// It calls this one.
    Named(String),
}

/// Reads the list of tools by a function for one, and checks that names are unique.
pub(crate) fn read_tools(
    fields: &mut Fields,
    limits: &Limits,
    read: impl Fn(Fields) -> Result<Tool, ApiError>,
) -> Result<Vec<Tool>, ApiError> {
    let values = fields.array("tools")?.unwrap_or_default();
    if values.len() > limits.tools {
        let message = format!("{} tools, at most {} are allowed.", values.len(), limits.tools);
        return Err(fields.invalid("tools", message));
    }
    let mut tools: Vec<Tool> = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let tool = read(Fields::of(value, format!("tools[{index}]"))?)?;
        if tools.iter().any(|other| other.name == tool.name) {
            let message = format!("Two tools have the name '{}'.", tool.name);
            return Err(ApiError::invalid(format!("tools[{index}]"), message));
        }
        tools.push(tool);
    }
    Ok(tools)
}

/// A tool of a chat: `{"type": "function", "function": {…}}`.
pub(crate) fn read_chat_tool(mut fields: Fields) -> Result<Tool, ApiError> {
    refuse_type(&mut fields)?;
    let function = fields.fields("function")?;
    let mut function = function.ok_or_else(|| fields.missing("function"))?;
    Tool::read(&mut function, "parameters", 64)
}

/// A tool of a response: name and schema are beside the type.
pub(crate) fn read_flat_tool(mut fields: Fields) -> Result<Tool, ApiError> {
    refuse_type(&mut fields)?;
    Tool::read(&mut fields, "parameters", 64)
}

/// Tools that a server would run by itself have other types.
fn refuse_type(fields: &mut Fields) -> Result<(), ApiError> {
    match fields.required_string("type")?.as_str() {
        "function" => Ok(()),
        other => {
            let message = format!("Tools of type '{other}' are not supported, only 'function'.");
            Err(fields.invalid("type", message))
        }
    }
}

/// Reads `tool_choice` of chats and responses: a word, or an object that names a function.
pub(crate) fn read_tool_choice(
    fields: &mut Fields,
    tools: &[Tool],
) -> Result<ToolChoice, ApiError> {
    let choice = match fields.value("tool_choice") {
        None => ToolChoice::Auto,
        Some(Value::String(word)) => match word.as_str() {
            "none" => ToolChoice::None,
            "auto" => ToolChoice::Auto,
            "required" => ToolChoice::Required,
            _ => {
                let message = format!("'{word}' is none of 'none', 'auto' and 'required'.");
                return Err(fields.invalid("tool_choice", message));
            }
        },
        Some(value @ Value::Object(_)) => {
            let mut choice = Fields::of(value, "tool_choice")?;
            refuse_type(&mut choice)?;
            let mut function = choice.fields("function")?.unwrap_or(choice);
            ToolChoice::Named(function.required_string("name")?)
        }
        Some(other) => {
            let message = format!("'tool_choice' is {}, not a string or object.", kind_of(&other));
            return Err(fields.invalid("tool_choice", message));
        }
    };
    check_tool_choice(choice, tools)
}

/// A choice must be possible with the tools of the request.
pub(crate) fn check_tool_choice(
    choice: ToolChoice,
    tools: &[Tool],
) -> Result<ToolChoice, ApiError> {
    match choice {
        ToolChoice::None | ToolChoice::Auto if tools.is_empty() => Ok(ToolChoice::None),
        ToolChoice::Named(name) if !tools.iter().any(|tool| tool.name == name) => {
            let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
            let message = format!(
                "Tool '{name}' is not among the tools of the request: {}.",
                if names.is_empty() { "none".to_owned() } else { names.join(", ") }
            );
            Err(ApiError::invalid("tool_choice", message))
        }
        ToolChoice::Required if tools.is_empty() => {
            let message = "A tool is required, but 'tools' is empty.";
            Err(ApiError::invalid("tool_choice", message))
        }
        choice => Ok(choice),
    }
}
