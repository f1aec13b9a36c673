//! Commands of operators: queries are answered at once, changes are made one after another.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use grps_core::{Cause, Error};
use grps_server::{Action, App, Command};

use crate::models::ServedModels;

/// Maximum number of waiting changes.
const MAX_WAITING: usize = 16;

/// Takes commands until the service ends. One thread makes all changes.
pub(crate) fn take_commands(models: Arc<ServedModels>, app: Arc<App>) -> io::Result<()> {
    let (changes, waiting) = sync_channel(MAX_WAITING);
    let changing = Arc::clone(&models);
    let change = move || make_changes(&changing, &waiting);
    std::thread::Builder::new().name("changes".to_owned()).spawn(change)?;
    let take = move || {
        while let Some(command) = app.commands.next() {
            match command.action {
                Action::List | Action::SetLogLevel => models.run(command),
                Action::Load | Action::Unload | Action::Reload => queue(&changes, command),
            }
        }
    };
    std::thread::Builder::new().name("commands".to_owned()).spawn(take).map(drop)
}

fn make_changes(models: &ServedModels, waiting: &Receiver<Command>) {
    while let Ok(command) = waiting.recv() {
        models.run(command);
    }
}

/// Lets a change wait for those before it, unless too many wait.
fn queue(changes: &SyncSender<Command>, command: Command) {
    let (Err(TrySendError::Full(command)) | Err(TrySendError::Disconnected(command))) =
        changes.try_send(command)
    else {
        return;
    };
    let text = format!("{MAX_WAITING} admin commands wait already; try again later");
    command.reply(Err(Error::new(Cause::QueueFull, text)));
}
