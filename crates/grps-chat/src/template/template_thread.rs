//! Rendering on a thread of its own, which bounds what fuel does not.
//!
//! Some operations on values take no fuel, however long they take, such as a comparison of lists that
//! contain one another many times; and values that are nested deeply are compared and dropped by
//! recursion. So templates of models are rendered on a thread with a large stack, and whoever waits
//! for longer than a limit gets an error. The thread can't be stopped: it is left to itself, and the
//! template is not rendered again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{ChatTemplate, PromptOptions, SpecialTokens};
use crate::error::ChatError;

/// Bytes of the stack, of which only what is used takes memory. A level of nesting takes a step and
/// a half, and up to 420 bytes where values are compared or printed, and 3 steps and 840 bytes for
/// mappings. So the most steps of a prompt need some 560 MB, and twice that is there.
const STACK_BYTES: usize = 1 << 30;

/// The template of a model and the thread that renders it, which ends when this is dropped.
#[derive(Debug)]
pub struct TemplateThread {
    jobs: Sender<Job>,
    watch: Arc<Watch>,
}

/// A prompt that is being rendered.
#[derive(Debug)]
pub struct Rendering {
    result: oneshot::Receiver<Result<String, ChatError>>,
    watch: Arc<Watch>,
}

#[derive(Debug)]
struct Job {
    messages: Vec<Value>,
    tools: Vec<Value>,
    documents: Vec<Value>,
    variables: Option<Map<String, Value>>,
    add_generation_prompt: bool,
    result: oneshot::Sender<Result<String, ChatError>>,
}

/// What those who wait know of the thread.
#[derive(Debug)]
struct Watch {
    /// Longest time of one job.
    limit: Duration,
    /// When the job that runs was started.
    started: Mutex<Option<Instant>>,
    /// A job took too long.
    is_stuck: AtomicBool,
}

impl TemplateThread {
    /// Starts the thread, which parses the template first. What is wrong with it is known from the
    /// first prompt. No prompt may take longer than `limit`.
    ///
    /// # Errors
    ///
    /// The system has no thread.
    pub fn start(
        source: String,
        tokens: SpecialTokens,
        limit: Duration,
    ) -> Result<Self, ChatError> {
        let (jobs, received) = channel();
        let (started, is_stuck) = (Mutex::new(Some(Instant::now())), AtomicBool::new(false));
        let watch = Arc::new(Watch { limit, started, is_stuck });
        let seen = Arc::clone(&watch);
        thread::Builder::new()
            .name("chat-template".into())
            .stack_size(STACK_BYTES)
            .spawn(move || work(&source, tokens, &received, &seen))
            .map_err(|error| ChatError::Thread(error.to_string()))?;
        Ok(Self { jobs, watch })
    }

    /// Begins to render a prompt; see [`ChatTemplate::render`].
    ///
    /// # Errors
    ///
    /// An earlier prompt took too long.
    pub fn render(
        &self,
        messages: Vec<Value>,
        options: &PromptOptions,
    ) -> Result<Rendering, ChatError> {
        if self.watch.is_stuck.load(Ordering::Acquire) {
            return Err(self.watch.timed_out());
        }
        let (sender, result) = oneshot::channel();
        let job = Job {
            messages,
            tools: options.tools.to_vec(),
            documents: options.documents.to_vec(),
            variables: options.variables.cloned(),
            add_generation_prompt: options.add_generation_prompt,
            result: sender,
        };
        // If the thread has ended, the sender of the job is dropped, which is known on waiting.
        drop(self.jobs.send(job));
        Ok(Rendering { result, watch: Arc::clone(&self.watch) })
    }
}

impl Rendering {
    /// The prompt. Those of a template are rendered one after another.
    ///
    /// # Errors
    ///
    /// Those of [`ChatTemplate::parse`] and [`ChatTemplate::render`]; the time is over.
    pub async fn wait(mut self) -> Result<String, ChatError> {
        loop {
            match timeout(self.watch.time_left(), &mut self.result).await {
                Ok(Ok(result)) => return result,
                Ok(Err(_)) => return Err(self.watch.ended()),
                Err(_) if self.watch.time_left().is_zero() => {
                    self.watch.is_stuck.store(true, Ordering::Release);
                    return Err(self.watch.timed_out());
                }
                // It was an earlier prompt that took so long.
                Err(_) => {}
            }
        }
    }
}

impl Watch {
    /// What the job that runs has left.
    fn time_left(&self) -> Duration {
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        started.map_or(self.limit, |started| self.limit.saturating_sub(started.elapsed()))
    }

    /// Notes that a job starts, or that none runs.
    fn note(&self, started: Option<Instant>) {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = started;
    }

    fn timed_out(&self) -> ChatError {
        ChatError::TimedOut { limit_ms: self.limit.as_millis() }
    }

    fn ended(&self) -> ChatError {
        if self.is_stuck.load(Ordering::Acquire) {
            return self.timed_out();
        }
        ChatError::Thread("it has ended".into())
    }
}

/// Renders prompts until nobody can ask for one.
fn work(source: &str, tokens: SpecialTokens, jobs: &Receiver<Job>, watch: &Watch) {
    let template = guarded(|| ChatTemplate::parse(source, tokens));
    watch.note(None);
    while !watch.is_stuck.load(Ordering::Acquire) {
        let Ok(job) = jobs.recv() else { break };
        watch.note(Some(Instant::now()));
        let rendered = match &template {
            Ok(template) => guarded(|| render(template, &job)),
            Err(error) => Err(error.clone()),
        };
        watch.note(None);
        // Whoever has left needs no prompt.
        drop(job.result.send(rendered));
    }
}

fn render(template: &ChatTemplate, job: &Job) -> Result<String, ChatError> {
    let options = PromptOptions {
        tools: &job.tools,
        documents: &job.documents,
        add_generation_prompt: job.add_generation_prompt,
        variables: job.variables.as_ref(),
    };
    template.render(&job.messages, &options)
}

/// A fault of the renderer fails one prompt only.
fn guarded<T>(work: impl FnOnce() -> Result<T, ChatError>) -> Result<T, ChatError> {
    let fault = || ChatError::Render { message: "the renderer has a fault".into(), line: None };
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(fault()))
}
