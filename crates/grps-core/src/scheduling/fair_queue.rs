//! Whose turn it is: by urgency, then clients by queue, then order of arrival.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

/// Whoever takes queue; `None` stands for all who are nobody in particular.
type Client = Option<IpAddr>;

/// Things that wait.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    /// Levels of urgency, the most urgent first; none is empty.
    levels: BTreeMap<u8, Level<T>>,
    length: usize,
    next_number: u64,
}

#[derive(Debug)]
struct Level<T> {
    /// Clients that wait, in the order of their queue.
    order: VecDeque<Client>,
    /// What they wait with, in order of arrival; none is empty.
    waiting: HashMap<Client, VecDeque<(u64, T)>>,
}

/// Where something waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FairTicket {
    priority: u8,
    client: Client,
    number: u64,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { levels: BTreeMap::new(), length: 0, next_number: 0 }
    }
}

impl<T> FairQueue<T> {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Puts something behind everything else of its client and level.
    pub(crate) fn push(&mut self, priority: u8, client: Client, item: T) -> FairTicket {
        let number = self.next_number;
        self.next_number += 1;
        self.length += 1;
        let level = self
            .levels
            .entry(priority)
            .or_insert_with(|| Level { order: VecDeque::new(), waiting: HashMap::new() });
        let waiting = level.waiting.entry(client).or_default();
        if waiting.is_empty() {
            level.order.push_back(client);
        }
        waiting.push_back((number, item));
        FairTicket { priority, client, number }
    }

    /// Takes what is next.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let mut entry = self.levels.first_entry()?;
        let level = entry.get_mut();
        let client = level.order.pop_front()?;
        let waiting = level.waiting.get_mut(&client)?;
        let (_, item) = waiting.pop_front()?;
        if waiting.is_empty() {
            level.waiting.remove(&client);
        } else {
            level.order.push_back(client);
        }
        if level.order.is_empty() {
            entry.remove();
        }
        self.length -= 1;
        Some(item)
    }

    /// Takes something out of turn; `None` when it has been taken already.
    pub(crate) fn remove(&mut self, turn: &FairTicket) -> Option<T> {
        let level = self.levels.get_mut(&turn.priority)?;
        let waiting = level.waiting.get_mut(&turn.client)?;
        let index = waiting.binary_search_by_key(&turn.number, |(number, _)| *number).ok()?;
        let (_, item) = waiting.remove(index)?;
        if waiting.is_empty() {
            level.waiting.remove(&turn.client);
            level.order.retain(|client| *client != turn.client);
        }
        if level.order.is_empty() {
            self.levels.remove(&turn.priority);
        }
        self.length -= 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn client(number: u8) -> Client {
        (number > 0).then(|| Ipv4Addr::new(10, 0, 0, number).into())
    }

    fn all<T>(queue: &mut FairQueue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn a_client_with_many_does_not_delay_another() {
        let mut queue = FairQueue::default();
        for item in 0..4 {
            queue.push(1, client(1), item);
        }
        queue.push(1, client(2), 100);
        queue.push(0, client(1), 200);
        assert_eq!(all(&mut queue), [200, 0, 100, 1, 2, 3]);
    }

    #[test]
    fn what_was_removed_is_skipped() {
        let mut queue = FairQueue::default();
        let first = queue.push(1, client(1), "a");
        queue.push(1, client(1), "b");
        let only = queue.push(1, client(2), "c");
        assert_eq!(queue.remove(&first), Some("a"));
        assert_eq!(queue.remove(&first), None);
        assert_eq!(queue.remove(&only), Some("c"));
        assert_eq!(queue.len(), 1);
        assert_eq!(all(&mut queue), ["b"]);
        assert_eq!(queue.len(), 0);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_turns_are_fair(
            actions in prop::collection::vec((0u8..4, 0u8..4, 0u8..3), 0..200),
        ) {
            let mut queue = FairQueue::default();
            let mut present: Vec<(u8, u8, usize, FairTicket)> = Vec::new();
            for (item, (action, who, priority)) in actions.into_iter().enumerate() {
                match action {
                    0 if !present.is_empty() => {
                        let (_, _, gone, turn) = present.remove(item % present.len());
                        prop_assert_eq!(queue.remove(&turn), Some(gone));
                    }
                    1 => {
                        let popped = queue.pop();
                        let urgent = present.iter().map(|(priority, ..)| *priority).min();
                        prop_assert_eq!(popped.is_some(), urgent.is_some());
                        let Some(popped) = popped else { continue };
                        let index = present.iter().position(|(_, _, item, _)| *item == popped);
                        let (level, from, ..) = present.remove(index.unwrap());
                        prop_assert_eq!(Some(level), urgent);
                        let overtaken = present.iter().any(|(other_level, other, item, _)| {
                            (*other_level, *other) == (level, from) && *item < popped
                        });
                        prop_assert!(!overtaken);
                    }
                    _ => present.push((priority, who, item, queue.push(priority, client(who), item))),
                }
                prop_assert_eq!(queue.len(), present.len());
            }
            // Among those that wait now, each client gets every n-th turn of its level.
            let mut left = all(&mut queue).into_iter().map(|popped| {
                let found = present.iter().find(|(_, _, item, _)| *item == popped).unwrap();
                (found.0, found.1)
            }).collect::<Vec<_>>();
            prop_assert!(left.is_sorted_by_key(|(level, _)| *level));
            while let Some((level, _)) = left.first().copied() {
                let here: Vec<u8> =
                    left.iter().filter(|(other, _)| *other == level).map(|(_, who)| *who).collect();
                left.retain(|(other, _)| *other != level);
                let clients: std::collections::BTreeSet<u8> = here.iter().copied().collect();
                let first_round: std::collections::BTreeSet<u8> =
                    here.iter().copied().take(clients.len()).collect();
                prop_assert_eq!(first_round, clients);
            }
        }
    }
}
