//! The way back: from the instance that computed an answer to the connection that waits for it.

use tokio::sync::oneshot;

use crate::content::Content;
use crate::error::{Cause, Error};

/// Makes the two ends of a reply channel.
pub fn reply_channel() -> (ReplySender, ReplyReceiver) {
    let (sender, receiver) = oneshot::channel();
    (ReplySender(sender), ReplyReceiver(receiver))
}

/// The instance's end; it rides in the queue entry.
#[derive(Debug)]
pub struct ReplySender(oneshot::Sender<Result<Content, Error>>);

impl ReplySender {
    /// Sends the outcome. It is dropped silently when the client has gone.
    pub fn send(self, outcome: Result<Content, Error>) {
        // A failed send means that nobody waits: the client left or the deadline passed.
        let _ = self.0.send(outcome);
    }

    /// Whether nobody waits for the outcome any more.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// The connection's end; dropping it cancels the request.
#[derive(Debug)]
pub struct ReplyReceiver(oneshot::Receiver<Result<Content, Error>>);

impl ReplyReceiver {
    /// Waits for the outcome.
    ///
    /// # Errors
    /// The instance's error, or `Internal` when the instance dropped the request unanswered.
    pub async fn receive(self) -> Result<Content, Error> {
        self.0.await.unwrap_or_else(|_| {
            Err(Error::new(Cause::Internal, "the instance stopped before it answered"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dropped_sender_is_an_error() {
        let (sender, receiver) = reply_channel();
        drop(sender);
        assert_eq!(receiver.receive().await.unwrap_err().cause(), Cause::Internal);
    }

    #[test]
    fn dropped_receiver_closes_the_sender() {
        let (sender, receiver) = reply_channel();
        assert!(!sender.is_closed());
        drop(receiver);
        assert!(sender.is_closed());
        sender.send(Ok(Content::Tensors(vec![])));
    }
}
