//! Commands of the operator: passed from the admin routes to the thread that loads models.

use grps_core::{Cause, Error};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

/// Maximum number of waiting commands.
const MAX_WAITING: usize = 16;

/// The action of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// List all models.
    List,
    /// Load a configured model that is not served.
    Load,
    /// Remove a model from service and free its memory.
    Unload,
    /// Load a model again and replace the one that is served.
    Reload,
    /// Change the log level; the command carries the level instead of a model.
    SetLogLevel,
}

impl Action {
    /// Returns the action of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::List, Self::Load, Self::Unload, Self::Reload]
            .into_iter()
            .find(|action| action.name() == name)
    }

    /// The name of the action, the same in paths and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Load => "load",
            Self::Unload => "unload",
            Self::Reload => "reload",
            Self::SetLogLevel => "set_log_level",
        }
    }
}

/// One command.
#[derive(Debug)]
pub struct Command {
    /// The action.
    pub action: Action,
    /// The model, by `name-version` or bare name, or the log level; empty for all models.
    pub model: String,
    /// Receives the outcome as JSON text.
    reply: oneshot::Sender<Result<String, Error>>,
}

impl Command {
    /// Sends the outcome, unless the client has disconnected.
    pub fn reply(self, outcome: Result<String, Error>) {
        let _ = self.reply.send(outcome);
    }
}

/// The commands of one service.
#[derive(Debug)]
pub struct Commands {
    /// `None` after [`Commands::end`].
    sender: Mutex<Option<mpsc::Sender<Command>>>,
    /// Read by one thread.
    receiver: Mutex<mpsc::Receiver<Command>>,
}

impl Default for Commands {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        Self { sender: Mutex::new(Some(sender)), receiver: Mutex::new(receiver) }
    }
}

impl Commands {
    /// Sends a command and waits for its outcome.
    ///
    /// # Errors
    /// The error of the command; `Unavailable` when the service shuts down, `QueueFull` when too
    /// many commands wait.
    pub(crate) async fn run(&self, action: Action, model: String) -> Result<String, Error> {
        let (reply, outcome) = oneshot::channel();
        let shutting_down = || Error::new(Cause::Unavailable, "the service is shutting down");
        let sender = self.sender.lock().clone().ok_or_else(shutting_down)?;
        sender.try_send(Command { action, model, reply }).map_err(|_| {
            let text = format!("{MAX_WAITING} admin commands wait already; try again later");
            Error::new(Cause::QueueFull, text)
        })?;
        // Dropped before the wait: the receiver ends when the last sender is dropped.
        drop(sender);
        outcome.await.unwrap_or_else(|_| Err(shutting_down()))
    }

    /// Blocks until the next command; `None` after [`Commands::end`]. One thread calls it.
    pub fn next(&self) -> Option<Command> {
        self.receiver.lock().blocking_recv()
    }

    /// Refuses further commands.
    pub fn end(&self) {
        self.sender.lock().take();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_command_returns_its_outcome_until_the_end() {
        let commands = Arc::new(Commands::default());
        let receiver = Arc::clone(&commands);
        let thread = std::thread::spawn(move || {
            while let Some(command) = receiver.next() {
                let text = format!("{} {}", command.action.name(), command.model);
                command.reply(Ok(text));
            }
        });
        assert_eq!(commands.run(Action::Reload, "m".into()).await.unwrap(), "reload m");
        commands.end();
        thread.join().unwrap();
        let error = commands.run(Action::List, String::new()).await.unwrap_err();
        assert_eq!(error.cause(), Cause::Unavailable);
    }

    #[tokio::test]
    async fn commands_beyond_the_limit_are_refused() {
        let commands = Arc::new(Commands::default());
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                let commands = Arc::clone(&commands);
                tokio::spawn(async move { commands.run(Action::List, String::new()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        let error = commands.run(Action::List, String::new()).await.unwrap_err();
        assert_eq!(error.cause(), Cause::QueueFull);
        for command in waiting {
            command.abort();
        }
    }
}
