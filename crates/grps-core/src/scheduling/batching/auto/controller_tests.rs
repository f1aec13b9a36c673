//! Tests of what is chosen after runs of one instance.

use super::*;
use crate::scheduling::batching::auto::AutoPolicy;
use crate::scheduling::batching::policy::Wait;

const MS: Duration = Duration::from_millis(1);

/// What was chosen by a model of 32 rows that keeps 20 ms, and how it goes on.
struct Running(AutoBatching);

impl Running {
    fn new(wait: Wait) -> Self {
        let objective = Some(Objective { share: 0.9, latency: 20 * MS });
        let auto = Some(AutoPolicy { objective });
        let window = 3 * MS;
        let policy = BatchPolicy { max_rows: 32, wait, window, auto, ..BatchPolicy::default() };
        Self(AutoBatching::new(&policy).unwrap())
    }

    /// Runs of a millisecond, and `per_row` for each row.
    fn run(mut self, sizes: &[usize], per_row: Duration) -> Self {
        for rows in sizes.iter().copied().cycle().take(40) {
            self.run_once(rows, MS + per_row * rows as u32);
        }
        self
    }

    fn run_once(&mut self, rows: usize, duration: Duration) {
        let (ended, busy) = (Instant::now(), (1, 1));
        self.0.finish(&FinishedRun { rows, ended, duration, busy, instances: 1 }, 0);
    }

    fn rows(&self) -> usize {
        self.0.state(1).rows
    }
}

#[test]
fn a_batch_and_the_one_before_it_stay_within_the_latency() {
    // 1 ms + 16 * 0.5 ms, twice, are 18 ms; with 20 rows it would be 22 ms.
    let running = Running::new(Wait::WhenBusy).run(&[4, 8, 16, 20], MS / 2);
    assert_eq!(running.rows(), 16);
    let predicted = running.0.state(1).predicted.unwrap();
    assert!(predicted > 18 * MS && predicted < 20 * MS, "{predicted:?}");
    // Nothing is known of 64 rows, but they fit into no batch.
    assert_eq!(Running::new(Wait::WhenBusy).run(&[16, 32], MS / 100).rows(), 32);
}

#[test]
fn two_slow_runs_of_three_reduce_the_size_at_once() {
    let mut running = Running::new(Wait::WhenBusy).run(&[4, 8, 16], MS / 2);
    assert_eq!(running.rows(), 16);
    running.run_once(16, 30 * MS);
    assert_eq!(running.rows(), 16);
    running.run_once(16, 9 * MS);
    running.run_once(16, 30 * MS);
    assert_eq!(running.rows(), 12);
    // A row more for each run in time.
    running.run_once(12, 7 * MS);
    assert_eq!(running.rows(), 13);
}

#[test]
fn requests_wait_only_for_what_is_left_of_the_latency() {
    let window =
        |wait, sizes: &[usize], per_row| Running::new(wait).run(sizes, per_row).0.state(1).window;
    // 32 rows take 1.32 ms: there is much time, and the limit holds.
    assert_eq!(window(Wait::Always, &[1, 16, 32], MS / 100), 3 * MS);
    // 16 rows take all but 1 ms of it.
    let short = window(Wait::Always, &[1, 4, 8, 16], MS / 2);
    assert!(short > Duration::ZERO && short < 2 * MS, "{short:?}");
    assert_eq!(window(Wait::WhenBusy, &[1, 16, 32], MS / 100), Duration::ZERO);
    // Larger batches gain nothing.
    assert_eq!(window(Wait::Always, &[1, 2], 100 * MS), Duration::ZERO);
}
