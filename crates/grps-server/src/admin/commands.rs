//! Commands of the operator: from the connection that they came by to the code that loads models.

use grps_core::{Cause, Error};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

/// Commands that may wait to be taken up.
const WAITING: usize = 16;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// List all models.
    List,
    /// Load a model that is configured but not served.
    Load,
    /// Take a model out of service and free it.
    Unload,
    /// Load a model again and replace the one that is served.
    Reload,
    /// Change which log lines are written; the command names a level in place of a model.
    SetLogLevel,
}

impl Action {
    /// The action of this name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::List, Self::Load, Self::Unload, Self::Reload]
            .into_iter()
            .find(|action| action.name() == name)
    }

    /// Its name, the same in paths and on the command line.
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
    /// What to do.
    pub action: Action,
    /// With which model, or level: by `name-version` or bare name; empty for all.
    pub model: String,
    /// Where the outcome goes: JSON text.
    reply: oneshot::Sender<Result<String, Error>>,
}

impl Command {
    /// Sends the outcome; nothing happens if the client has disconnected.
    pub fn answer(self, outcome: Result<String, Error>) {
        let _ = self.reply.send(outcome);
    }
}

/// The commands of one service.
#[derive(Debug)]
pub struct Commands {
    /// `None` once the service takes no more.
    sender: Mutex<Option<mpsc::Sender<Command>>>,
    receiver: Mutex<mpsc::Receiver<Command>>,
}

impl Default for Commands {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self { sender: Mutex::new(Some(sender)), receiver: Mutex::new(receiver) }
    }
}

impl Commands {
    /// Passes a command on and waits for its outcome.
    ///
    /// # Errors
    /// What the command met; `Unavailable` when the service ends, `QueueFull` for too many at once.
    pub(crate) async fn run(&self, action: Action, model: String) -> Result<String, Error> {
        let (reply, outcome) = oneshot::channel();
        let ends = || Error::new(Cause::Unavailable, "the service is shutting down");
        let sender = self.sender.lock().clone().ok_or_else(ends)?;
        sender.try_send(Command { action, model, reply }).map_err(|_| {
            let text = format!("{WAITING} admin commands wait already; try again later");
            Error::new(Cause::QueueFull, text)
        })?;
        // Kept no longer: the last sender's end is how the receiver learns of the end.
        drop(sender);
        outcome.await.unwrap_or_else(|_| Err(ends()))
    }

    /// Waits, in a thread of its own, for the next command; `None` after [`Commands::end`].
    pub fn next(&self) -> Option<Command> {
        self.receiver.lock().blocking_recv()
    }

    /// Takes no more commands.
    pub fn end(&self) {
        self.sender.lock().take();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_command_gets_its_outcome_and_the_end_is_told() {
        let commands = Arc::new(Commands::default());
        let taken = Arc::clone(&commands);
        let thread = std::thread::spawn(move || {
            while let Some(command) = taken.next() {
                let text = format!("{} {}", command.action.name(), command.model);
                command.answer(Ok(text));
            }
        });
        assert_eq!(commands.run(Action::Reload, "m".into()).await.unwrap(), "reload m");
        commands.end();
        thread.join().unwrap();
        let error = commands.run(Action::List, String::new()).await.unwrap_err();
        assert_eq!(error.cause(), Cause::Unavailable);
    }

    #[tokio::test]
    async fn one_more_than_may_wait_is_refused() {
        let commands = Arc::new(Commands::default());
        let waiting: Vec<_> = (0..WAITING)
            .map(|_| {
                let commands = Arc::clone(&commands);
                tokio::spawn(async move { commands.run(Action::List, String::new()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        let error = commands.run(Action::List, String::new()).await.unwrap_err();
        assert_eq!(error.cause(), Cause::QueueFull);
        for one in waiting {
            one.abort();
        }
    }
}
