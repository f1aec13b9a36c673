//! The time limit of writes to a client that does not read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Fails a write that has waited for longer than the limit for the client to read.
#[derive(Debug)]
pub(crate) struct WriteTimeout {
    limit: Duration,
    /// Runs while a write waits.
    timer: Option<Pin<Box<Sleep>>>,
}

impl WriteTimeout {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    /// Passes the outcome of a write on.
    ///
    /// # Errors
    /// `TimedOut` when the writes have waited for longer than the limit.
    pub(crate) fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.timer = None;
            return outcome;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        timer.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_write_that_waits_too_long_fails() {
        let mut writes = WriteTimeout::new(Duration::from_millis(20));
        let mut polls = 0;
        let wrote = poll_fn(|context| {
            polls += 1;
            if polls == 1 {
                context.waker().wake_by_ref();
                return writes.watch(context, Poll::Pending);
            }
            writes.watch(context, Poll::Ready(Ok(7)))
        });
        assert_eq!(wrote.await.unwrap(), 7);
        assert!(writes.timer.is_none());
        let waited = poll_fn(|context| writes.watch::<()>(context, Poll::Pending)).await;
        assert_eq!(waited.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
