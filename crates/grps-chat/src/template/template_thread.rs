//! Rendering on a thread of its own, which bounds what fuel does not.
//!
//! Some operations on values take no fuel, however long they take, such as a comparison of lists that
//! contain one another many times; and values that are nested deeply are compared and dropped by
//! recursion. So templates of models are rendered on a thread with a large stack, and whoever waits
//! for longer than a limit gets an error. The thread can't be stopped: as long as it is busy with that
//! prompt, others are refused at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
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
    clock: Arc<JobClock>,
}

/// A prompt that is being rendered.
#[derive(Debug)]
pub struct Rendering {
    result: oneshot::Receiver<Result<String, ChatError>>,
    clock: Arc<JobClock>,
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

/// Says how long the job has run that the thread is busy with.
#[derive(Debug)]
struct JobClock {
    /// Longest time of one job.
    limit: Duration,
    /// When the job that runs was started; `None` if none runs.
    started: Mutex<Option<Instant>>,
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
        let started = Mutex::new(Some(Instant::now()));
        let clock = Arc::new(JobClock { limit, started });
        let seen = Arc::clone(&clock);
        thread::Builder::new()
            .name("chat-template".into())
            .stack_size(STACK_BYTES)
            .spawn(move || work(&source, tokens, &received, &seen))
            .map_err(|error| ChatError::Thread(error.to_string()))?;
        Ok(Self { jobs, clock })
    }

    /// Begins to render a prompt; see [`ChatTemplate::render`].
    ///
    /// # Errors
    ///
    /// An earlier prompt takes too long.
    pub fn render(
        &self,
        messages: Vec<Value>,
        options: &PromptOptions,
    ) -> Result<Rendering, ChatError> {
        if self.clock.time_left().is_zero() {
            return Err(self.clock.timed_out());
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
        Ok(Rendering { result, clock: Arc::clone(&self.clock) })
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
            match timeout(self.clock.time_left(), &mut self.result).await {
                Ok(Ok(result)) => return result,
                Ok(Err(_)) => return Err(ChatError::Thread("it has ended".into())),
                Err(_) if self.clock.time_left().is_zero() => return Err(self.clock.timed_out()),
                // It was an earlier prompt that took so long.
                Err(_) => {}
            }
        }
    }
}

impl JobClock {
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
}

/// Renders prompts until nobody can ask for one.
fn work(source: &str, tokens: SpecialTokens, jobs: &Receiver<Job>, clock: &JobClock) {
    let template = guarded(|| ChatTemplate::parse(source, tokens));
    clock.note(None);
    while let Ok(job) = jobs.recv() {
        if job.result.is_closed() {
            // The client has disconnected.
            continue;
        }
        clock.note(Some(Instant::now()));
        let rendered = match &template {
            Ok(template) => guarded(|| render(template, &job)),
            Err(error) => Err(error.clone()),
        };
        clock.note(None);
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
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let message = format!("the renderer has a fault: {}", text.unwrap_or_default());
        Err(ChatError::Render { message, line: None })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_late_is_used_again_when_its_job_ends() {
        let limit = Duration::from_secs(1);
        let clock = JobClock { limit, started: Mutex::new(Instant::now().checked_sub(limit)) };
        assert!(clock.time_left().is_zero());
        clock.note(None);
        assert_eq!(clock.time_left(), limit);
    }
}
