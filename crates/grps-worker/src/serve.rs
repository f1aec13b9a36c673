//! The server's loop of an instance whose model runs in another process.

use std::time::{Duration, Instant};

use grps_core::{InputForm, Pulled, Puller};

use crate::body::PacketError;
use crate::link::Link;
use crate::running::{Lost, Running};

/// How long one wait for requests lasts; only a bound on how late a closed queue is noticed.
const WAIT: Duration = Duration::from_secs(60);
/// How soon a worker hears that a client disconnected.
pub(crate) const CANCEL_TICK: Duration = Duration::from_millis(10);

/// Why the loop has ended.
pub enum Served {
    /// The queue is closed, or the puller was stopped.
    Closed,
    /// The worker has ended, or has broken the protocol.
    Broken(Lost),
}

impl Link {
    /// Hands batches to the worker until the queue closes or the worker fails. `again` are requests
    /// that an earlier worker had not begun. A worker that has sent nothing for `hang_timeout` while
    /// it had work has failed.
    pub fn serve(
        &self,
        puller: &Puller,
        form: InputForm,
        again: Option<Lost>,
        hang_timeout: Option<Duration>,
    ) -> Served {
        let mut numbers = 0u64;
        let mut next_number = || {
            numbers += 1;
            numbers
        };
        let mut waiting = again.map(|lost| lost.running);
        if let Some(running) = &mut waiting {
            running.resume(puller);
        }
        loop {
            let mut running = match waiting.take() {
                Some(running) => running,
                None => match puller.pull(WAIT) {
                    Pulled::Batch(batch) => Running::new(batch, form),
                    Pulled::Nothing => continue,
                    Pulled::Closed => return Served::Closed,
                },
            };
            if !running.is_wanted() {
                continue;
            }
            let number = next_number();
            if let Err(error) = self.run(&mut running, number, &mut next_number, hang_timeout) {
                let begun = self.begun() >= number;
                tracing::debug!(%error, begun, "a worker is lost");
                return Served::Broken(Lost { running, begun, cause: error.to_string() });
            }
        }
    }

    fn run(
        &self,
        running: &mut Running,
        number: u64,
        next_number: &mut impl FnMut() -> u64,
        hang_timeout: Option<Duration>,
    ) -> Result<(), PacketError> {
        let packet = match running.packet(number) {
            Ok(packet) => packet,
            Err(error) => {
                // Not the worker's fault: it has not even heard of the requests.
                running.fail(&format!("the input can't be handed to the worker: {error}"));
                return Ok(());
            }
        };
        self.send(&packet)?;
        let mut looked = Instant::now();
        let mut heard = looked;
        loop {
            if let Some(packet) = self.receive(CANCEL_TICK)? {
                let done = running.apply(&packet, |packet| self.send(packet), &mut *next_number)?;
                if done {
                    return Ok(());
                }
                // After the packet has been used: a wait for a slow client is not the worker's.
                heard = Instant::now();
            } else if let Some(limit) = hang_timeout.filter(|limit| heard.elapsed() >= *limit) {
                return Err(PacketError::Hangs(limit));
            }
            // A worker that sends chunk after chunk must hear of it as well.
            if looked.elapsed() >= CANCEL_TICK {
                looked = Instant::now();
                for packet in running.cancel_packets()? {
                    self.send(&packet)?;
                }
            }
        }
    }
}
