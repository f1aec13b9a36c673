//! The cases on which a simulation of the batcher in another language is tested as well.

use std::time::Duration;

use super::*;

const CASES: &str = include_str!("batcher_cases.txt");

/// A case: requests of one row, and the batches that they make.
#[derive(Debug)]
struct Case {
    instances: usize,
    max_rows: usize,
    /// Microseconds of the window; `None` for `when_busy`.
    window_us: Option<u64>,
    /// Microseconds of a run, and of each of its rows besides.
    run_us: u64,
    row_us: u64,
    /// Microseconds, ascending.
    arrivals: Vec<u64>,
    /// When each batch starts, and its rows.
    batches: Vec<(u64, usize)>,
}

fn cases() -> Vec<Case> {
    let lines: Vec<&str> =
        CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    lines.chunks(3).map(read).collect()
}

fn read(lines: &[&str]) -> Case {
    let numbers = |line: &str, name: &str| -> Vec<String> {
        let rest = line.strip_prefix(name).unwrap();
        rest.split_whitespace().map(str::to_owned).collect()
    };
    let head = numbers(lines[0], "case");
    let batches = numbers(lines[2], "batches");
    let pair = |text: &String| {
        let (start, rows) = text.split_once(':').unwrap();
        (start.parse().unwrap(), rows.parse().unwrap())
    };
    Case {
        instances: head[0].parse().unwrap(),
        max_rows: head[1].parse().unwrap(),
        window_us: head[2].parse().ok(),
        run_us: head[3].parse().unwrap(),
        row_us: head[4].parse().unwrap(),
        arrivals: numbers(lines[1], "arrivals").iter().map(|at| at.parse().unwrap()).collect(),
        batches: batches.iter().map(pair).collect(),
    }
}

fn batches_of(case: &Case) -> Vec<(u64, usize)> {
    let policy = BatchPolicy {
        max_rows: case.max_rows,
        wait: if case.window_us.is_some() { Wait::Always } else { Wait::WhenBusy },
        window: Duration::from_micros(case.window_us.unwrap_or_default()),
        ..BatchPolicy::default()
    };
    let key = BatchingKey { rows: 1, priority: 0, shape: Some(0), batch_key: None };
    let mut batcher = Batcher::new(Arc::new(policy));
    let start = Instant::now();
    let mut idle_at = vec![0; case.instances];
    let (mut now, mut next, mut found) = (0, 0, Vec::new());
    loop {
        while case.arrivals.get(next).is_some_and(|at| *at <= now) {
            batcher
                .push(start + Duration::from_micros(case.arrivals[next]), key.clone(), next)
                .unwrap();
            next += 1;
        }
        let mut wakes: Vec<u64> = case.arrivals.get(next).copied().into_iter().collect();
        for idle in &mut idle_at {
            if *idle <= now {
                match batcher.next(start + Duration::from_micros(now), false) {
                    Next::Take(batch) => {
                        found.push((now, batch.rows));
                        *idle = now + case.run_us + case.row_us * batch.rows as u64;
                    }
                    Next::WaitUntil(at) => {
                        wakes.push(u64::try_from((at - start).as_micros()).unwrap());
                    }
                    Next::Nothing => {}
                }
            }
            if *idle > now {
                wakes.push(*idle);
            }
        }
        let Some(wake) = wakes.into_iter().min() else { return found };
        assert!(wake > now, "time stands still");
        now = wake;
    }
}

#[test]
fn requests_make_the_batches_of_the_cases() {
    let cases = cases();
    assert!(cases.len() >= 10);
    for case in &cases {
        assert_eq!(batches_of(case), case.batches, "{case:?}");
    }
}
