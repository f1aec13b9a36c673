//! The way back: from the instance that computed an answer to the connection that waits for it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::error::{Cause, Error};
use crate::request::content::Content;
use crate::request::timeline::CallTimings;

/// Makes the two ends of a reply channel.
pub fn reply_channel() -> (ReplySender, ReplyReceiver) {
    let (sender, receiver) = oneshot::channel();
    (ReplySender(sender), ReplyReceiver(receiver))
}

/// What comes back.
#[derive(Debug)]
pub struct Reply {
    /// The answer.
    pub outcome: Result<Content, Error>,
    /// What the instance noted on the way; `None` when no instance took the request.
    pub timings: Option<CallTimings>,
}

/// The instance's end; it rides in the queue entry.
#[derive(Debug)]
pub struct ReplySender(oneshot::Sender<Reply>);

impl ReplySender {
    /// Sends the outcome of a request that no instance ran. It is dropped silently when the client
    /// has gone.
    pub fn send(self, outcome: Result<Content, Error>) {
        // A failed send means that nobody waits: the client left or the deadline passed.
        let _ = self.0.send(Reply { outcome, timings: None });
    }

    /// Sends the outcome with what the instance noted; else like [`ReplySender::send`].
    pub fn send_timed(self, outcome: Result<Content, Error>, timings: CallTimings) {
        let _ = self.0.send(Reply { outcome, timings: Some(timings.ended(Instant::now())) });
    }

    /// Whether nobody waits for the outcome any more.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// The connection's end; dropping it cancels the request.
#[derive(Debug)]
pub struct ReplyReceiver(oneshot::Receiver<Reply>);

impl Future for ReplyReceiver {
    type Output = Reply;

    /// The instance's outcome, or `Internal` when the instance dropped the request unanswered.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|received| {
            received.unwrap_or_else(|_| {
                let text = "the instance stopped before it answered";
                Reply { outcome: Err(Error::new(Cause::Internal, text)), timings: None }
            })
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
        assert_eq!(receiver.await.outcome.unwrap_err().cause(), Cause::Internal);
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
