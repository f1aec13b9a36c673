//! Reply channels: from the instance that runs a request to the task that waits for its outcome.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::error::{Cause, Error};
use crate::request::content::Content;
use crate::request::timeline::CallTimings;

/// Creates the two ends of a reply channel.
pub fn reply_channel() -> (ReplySender, ReplyReceiver) {
    let (sender, receiver) = oneshot::channel();
    (ReplySender(sender), ReplyReceiver(receiver))
}

/// The reply to one model call.
#[derive(Debug)]
pub struct Reply {
    /// The output, or the error.
    pub outcome: Result<Content, Error>,
    /// What the instance measured; `None` when no instance ran the request.
    pub timings: Option<CallTimings>,
}

/// The instance's end; the queue entry carries it.
#[derive(Debug)]
pub struct ReplySender(oneshot::Sender<Reply>);

impl ReplySender {
    /// Sends the outcome of a request that no instance ran. The outcome is dropped when the client
    /// has disconnected.
    pub fn send(self, outcome: Result<Content, Error>) {
        // A failed send means that the client has disconnected or the deadline has passed.
        let _ = self.0.send(Reply { outcome, timings: None });
    }

    /// Sends the outcome and the timings of the instance; otherwise like [`ReplySender::send`].
    pub fn send_timed(self, outcome: Result<Content, Error>, timings: CallTimings) {
        let _ = self.0.send(Reply { outcome, timings: Some(timings.ended(Instant::now())) });
    }

    /// Whether the receiver has stopped waiting for the outcome.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// The receiving end; dropping it cancels the request.
#[derive(Debug)]
pub struct ReplyReceiver(oneshot::Receiver<Reply>);

impl Future for ReplyReceiver {
    type Output = Reply;

    /// Returns the outcome of the instance, or `Internal` when the instance dropped the request.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|received| {
            received.unwrap_or_else(|_| {
                let text = "the instance stopped before it returned an output";
                Reply { outcome: Err(Error::new(Cause::Internal, text)), timings: None }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_sender_is_an_error() {
        let (sender, receiver) = reply_channel();
        drop(sender);
        assert_eq!(receiver.await.outcome.unwrap_err().cause(), Cause::Internal);
    }

    #[test]
    fn a_dropped_receiver_closes_the_sender() {
        let (sender, receiver) = reply_channel();
        assert!(!sender.is_closed());
        drop(receiver);
        assert!(sender.is_closed());
        sender.send(Ok(Content::Tensors(vec![])));
    }
}
