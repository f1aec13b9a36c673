//! A template that writes prompts.

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value as TemplateValue};
use serde_json::{Map, Value};

use super::SpecialTokens;
use super::content::MessageForm;
use super::environment::{Refusal, new_environment};
use super::generation_blocks::replace_generation_blocks;
use super::probe::find_form;
use crate::error::ChatError;

/// Most bytes of a template; the longest known ones have some 20 KB.
pub const MAX_TEMPLATE_BYTES: usize = 1 << 20;
/// Most bytes of a prompt.
pub const MAX_PROMPT_BYTES: usize = 16 << 20;

const NAME: &str = "chat_template";
/// Steps that a template may take, whatever the messages.
const BASE_FUEL: u64 = 500_000;
/// Steps that it may take in addition for each message and each tool.
const FUEL_PER_ITEM: u64 = 5_000;
/// Steps for each byte of messages and tools. A step is an instruction, or 64 bytes of text.
const FUEL_PER_BYTE: u64 = 4;
/// Most steps of a prompt, however long its messages are: eight times what a thousand messages of
/// a kilobyte take. It bounds how deeply values can be nested, for which stacks have room.
const MAX_FUEL: u64 = 2_000_000;

/// What a prompt is written from besides messages.
#[derive(Clone, Copy, Debug)]
pub struct PromptOptions<'a> {
    /// Tools as the OpenAI API has them. A template sees none of an empty list.
    pub tools: &'a [Value],
    /// Documents to answer from, with `title` and `text`.
    pub documents: &'a [Value],
    /// The prompt ends with the beginning of the answer. It is the default.
    pub add_generation_prompt: bool,
    /// Variables of a request, such as `enable_thinking`.
    pub variables: Option<&'a Map<String, Value>>,
}

impl Default for PromptOptions<'_> {
    fn default() -> Self {
        Self { tools: &[], documents: &[], add_generation_prompt: true, variables: None }
    }
}

/// A template that was parsed, with the form of messages it takes. A clone shares all of it.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    environment: Arc<Environment<'static>>,
    source: Arc<str>,
    tokens: SpecialTokens,
    form: MessageForm,
}

impl ChatTemplate {
    /// Parses a template and finds out which form of messages it takes.
    ///
    /// # Errors
    ///
    /// A syntax error, or more than [`MAX_TEMPLATE_BYTES`].
    pub fn parse(source: &str, tokens: SpecialTokens) -> Result<Self, ChatError> {
        if source.len() > MAX_TEMPLATE_BYTES {
            let message = format!("more than {MAX_TEMPLATE_BYTES} bytes");
            return Err(ChatError::Syntax { message, line: None });
        }
        let mut environment = new_environment();
        let blocks = replace_generation_blocks(source).into_owned();
        environment
            .add_template_owned(NAME, blocks)
            .map_err(|error| ChatError::Syntax { line: error.line(), message: describe(&error) })?;
        let environment = Arc::new(environment);
        let form = MessageForm::default();
        let mut template = Self { environment, source: source.into(), tokens, form };
        template.form = template.probe();
        Ok(template)
    }

    /// The text of the template.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The texts of tokens that the template writes.
    #[must_use]
    pub fn tokens(&self) -> &SpecialTokens {
        &self.tokens
    }

    /// Writes the prompt of a request from messages as the OpenAI API has them. Arguments of calls
    /// may be JSON texts or objects, and content a text or a list of parts, whatever the template
    /// takes.
    ///
    /// # Errors
    ///
    /// Messages that the template refuses, or that it fails on; too long a prompt.
    pub fn render(&self, messages: &[Value], options: &PromptOptions) -> Result<String, ChatError> {
        let messages: Vec<Value> = messages
            .iter()
            .enumerate()
            .map(|(index, message)| self.form.apply(index, message))
            .collect::<Result<_, _>>()?;
        self.write(&messages, options)
    }

    /// Finds the form of messages. A template that takes too many steps is tried only once.
    fn probe(&self) -> MessageForm {
        let is_endless = Cell::new(false);
        find_form(|messages, tools| {
            if is_endless.get() {
                return None;
            }
            let written =
                self.write(messages, &PromptOptions { tools, ..PromptOptions::default() });
            is_endless.set(written == Err(ChatError::TooManySteps));
            written.ok()
        })
    }

    fn write(&self, messages: &[Value], options: &PromptOptions) -> Result<String, ChatError> {
        let mut values = Map::new();
        for (name, value) in self.tokens.iter().chain(options.variables.into_iter().flatten()) {
            values.insert(name.clone(), value.clone());
        }
        values.insert("add_generation_prompt".into(), options.add_generation_prompt.into());
        let list = |items: &[Value]| (!items.is_empty()).then(|| items.to_vec());
        values.insert("tools".into(), list(options.tools).into());
        values.insert("documents".into(), list(options.documents).into());
        values.insert("messages".into(), messages.to_vec().into());
        let fuel = fuel(&values);
        let mut environment = Environment::clone(&self.environment);
        environment.set_fuel(Some(fuel));
        let template = environment.get_template(NAME).map_err(|error| explain(&error))?;
        let mut prompt = Prompt(Vec::new());
        template
            .render_captured_to(TemplateValue::from(Serde(&values)), &mut prompt)
            .map_err(|error| explain(&error))?;
        String::from_utf8(prompt.0)
            .map_err(|error| ChatError::Render { message: error.to_string(), line: None })
    }
}

/// Steps that a template may take for these values.
fn fuel(values: &Map<String, Value>) -> u64 {
    let mut cost = 0;
    let mut open: Vec<&Value> = values.values().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => cost += FUEL_PER_BYTE * text.len() as u64,
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                cost += FUEL_PER_ITEM;
                open.extend(fields.values());
            }
            _ => {}
        }
    }
    (BASE_FUEL + cost).min(MAX_FUEL)
}

/// The bytes of a prompt, of which there may be [`MAX_PROMPT_BYTES`].
struct Prompt(Vec<u8>);

impl io::Write for Prompt {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_PROMPT_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn explain(error: &Error) -> ChatError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(Refusal(message)) = current.downcast_ref() {
            return ChatError::Refused(message.clone());
        }
        match current.downcast_ref::<Error>().map(Error::kind) {
            Some(ErrorKind::OutOfFuel) => return ChatError::TooManySteps,
            Some(ErrorKind::WriteFailure) => {
                return ChatError::PromptTooLong { limit: MAX_PROMPT_BYTES };
            }
            _ => cause = current.source(),
        }
    }
    ChatError::Render { message: describe(error), line: error.line() }
}

fn describe(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
