//! Tests of the order in which requests get permits.

use std::time::Duration;

use super::*;

async fn enter(admission: &Arc<Admission>) -> Result<Permit, Error> {
    admission.enter(&SchedulingOptions::default()).await
}

#[tokio::test]
async fn limits_of_running_and_waiting_requests_are_exact() {
    let admission = Admission::new(1, 1);
    let first = enter(&admission).await.unwrap();
    let second = tokio::spawn({
        let admission = Arc::clone(&admission);
        async move { enter(&admission).await.map(drop) }
    });
    while admission.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(enter(&admission).await.unwrap_err().cause(), Cause::QueueFull);
    assert_eq!(admission.waiting(), 1);
    drop(first);
    second.await.unwrap().unwrap();
    assert_eq!(admission.waiting(), 0);
    assert_eq!(admission.state.lock().free_permits, 1);
}

#[tokio::test]
async fn a_cancelled_request_leaves_the_queue() {
    let admission = Admission::new(1, 1);
    let _first = enter(&admission).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(1), enter(&admission)).await.is_err());
    assert_eq!(admission.waiting(), 0);
}

#[tokio::test]
async fn a_permit_for_a_cancelled_request_becomes_free_again() {
    let admission = Admission::new(1, 1);
    let first = enter(&admission).await.unwrap();
    let mut waiting = Box::pin(enter(&admission));
    let poll = std::future::poll_fn(|context| {
        std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending())
    });
    assert!(poll.await);
    // The permit is already sent when the waiting request is dropped.
    drop(first);
    drop(waiting);
    assert_eq!(admission.state.lock().free_permits, 1);
    assert!(enter(&admission).await.is_ok());
}

#[tokio::test]
async fn urgent_requests_run_first() {
    let admission = Admission::new(1, 8);
    let first = enter(&admission).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for (index, priority) in [9u8, 9, 0].into_iter().enumerate() {
        let (admission, order) = (Arc::clone(&admission), Arc::clone(&order));
        let before = admission.waiting();
        waiting.push(tokio::spawn({
            let admission = Arc::clone(&admission);
            async move {
                let options = SchedulingOptions { priority, ..SchedulingOptions::default() };
                let _permit = admission.enter(&options).await;
                order.lock().push(index);
            }
        }));
        while admission.waiting() == before {
            tokio::task::yield_now().await;
        }
    }
    drop(first);
    for task in waiting {
        task.await.unwrap();
    }
    assert_eq!(*order.lock(), [2, 0, 1]);
}

/// A sequence of numbers that looks random and is the same in every run.
fn numbers(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn random_cancellations_leak_no_permit() {
    let admission = Admission::new(3, 40);
    let mut random = numbers(7);
    let mut requests = Vec::new();
    for _ in 0..10_000 {
        let (priority, hold, cancel) = ((random() % 3) as u8, random() % 4, random() % 8);
        let admission = Arc::clone(&admission);
        let request = tokio::spawn(async move {
            let options = SchedulingOptions { priority, ..SchedulingOptions::default() };
            let Ok(_permit) = admission.enter(&options).await else { return };
            for _ in 0..hold {
                tokio::task::yield_now().await;
            }
        });
        for _ in 0..cancel / 4 {
            tokio::task::yield_now().await;
        }
        if cancel % 2 == 0 {
            request.abort();
        }
        requests.push(request);
    }
    for request in requests {
        // The request has ended, whether it was cancelled or not.
        let _ended = request.await;
    }
    assert_eq!(admission.waiting(), 0);
    assert_eq!(admission.state.lock().free_permits, 3);
}

#[tokio::test]
async fn a_suspended_request_lets_another_run_and_resumes_at_once() {
    let admission = Admission::new(1, 1);
    let suspended = enter(&admission).await.unwrap().suspend().unwrap();
    let second = admission.enter_now().unwrap();
    let first = suspended.resume();
    assert!(admission.enter_now().is_none());
    // Two run where one may: the first that ends repays the other.
    drop(second);
    assert!(admission.enter_now().is_none());
    drop(first);
    assert!(admission.enter_now().is_some());
}

#[tokio::test]
async fn no_more_are_suspended_than_may_run() {
    let admission = Admission::new(1, 1);
    let suspended = admission.enter_now().unwrap().suspend().unwrap();
    let second = admission.enter_now().unwrap().suspend().unwrap_err();
    drop(suspended);
    drop(second.suspend().unwrap());
    assert_eq!(admission.state.lock().suspended, 0);
    assert_eq!(admission.state.lock().free_permits, 1);
}
