//! A fair queue: ordered by priority, then clients in rotation, then order of arrival.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

/// A client by its address; `None` for all requests without a client.
type Client = Option<IpAddr>;

/// Waiting items.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    /// Waiting items by priority, the most urgent first; no entry is empty.
    by_priority: BTreeMap<u8, Clients<T>>,
    /// Number of waiting items.
    length: usize,
    /// Number of the next arrival.
    next_number: u64,
}

/// The waiting clients of one priority.
#[derive(Debug)]
struct Clients<T> {
    /// Clients in the order of rotation.
    rotation: VecDeque<Client>,
    /// Items of each client in order of arrival; no entry is empty.
    waiting: HashMap<Client, VecDeque<(u64, T)>>,
}

/// Identifies a waiting item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FairTicket {
    priority: u8,
    client: Client,
    /// Position in the order of arrival.
    number: u64,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { by_priority: BTreeMap::new(), length: 0, next_number: 0 }
    }
}

impl<T> FairQueue<T> {
    /// Number of waiting items.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Adds an item behind all items of the same client and priority.
    pub(crate) fn push(&mut self, priority: u8, client: Client, item: T) -> FairTicket {
        let number = self.next_number;
        self.next_number += 1;
        self.length += 1;
        let clients = self
            .by_priority
            .entry(priority)
            .or_insert_with(|| Clients { rotation: VecDeque::new(), waiting: HashMap::new() });
        let waiting = clients.waiting.entry(client).or_default();
        if waiting.is_empty() {
            clients.rotation.push_back(client);
        }
        waiting.push_back((number, item));
        FairTicket { priority, client, number }
    }

    /// Removes and returns the next item.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let mut entry = self.by_priority.first_entry()?;
        let clients = entry.get_mut();
        let client = clients.rotation.pop_front()?;
        let waiting = clients.waiting.get_mut(&client)?;
        let (_, item) = waiting.pop_front()?;
        if waiting.is_empty() {
            clients.waiting.remove(&client);
        } else {
            clients.rotation.push_back(client);
        }
        if clients.rotation.is_empty() {
            entry.remove();
        }
        self.length -= 1;
        Some(item)
    }

    /// The item that [`FairQueue::pop`] would return.
    pub(crate) fn peek(&self) -> Option<&T> {
        let (_, clients) = self.by_priority.first_key_value()?;
        let (_, item) = clients.waiting.get(clients.rotation.front()?)?.front()?;
        Some(item)
    }

    /// The first item of each client at each priority, with its ticket.
    pub(crate) fn heads(&self) -> impl Iterator<Item = (FairTicket, &T)> {
        self.by_priority.iter().flat_map(|(priority, clients)| {
            clients.waiting.iter().filter_map(|(client, items)| {
                let (number, item) = items.front()?;
                Some((FairTicket { priority: *priority, client: *client, number: *number }, item))
            })
        })
    }

    /// The item of a ticket; `None` when it has left the queue.
    pub(crate) fn get(&self, ticket: &FairTicket) -> Option<&T> {
        let waiting = self.by_priority.get(&ticket.priority)?.waiting.get(&ticket.client)?;
        let index = waiting.binary_search_by_key(&ticket.number, |(number, _)| *number).ok()?;
        waiting.get(index).map(|(_, item)| item)
    }

    /// Removes an item by its ticket; `None` when it has left the queue already.
    pub(crate) fn remove(&mut self, ticket: &FairTicket) -> Option<T> {
        let clients = self.by_priority.get_mut(&ticket.priority)?;
        let waiting = clients.waiting.get_mut(&ticket.client)?;
        let index = waiting.binary_search_by_key(&ticket.number, |(number, _)| *number).ok()?;
        let (_, item) = waiting.remove(index)?;
        if waiting.is_empty() {
            clients.waiting.remove(&ticket.client);
            clients.rotation.retain(|client| *client != ticket.client);
        }
        if clients.rotation.is_empty() {
            self.by_priority.remove(&ticket.priority);
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

    fn pop_all<T>(queue: &mut FairQueue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn a_client_with_many_requests_does_not_delay_another() {
        let mut queue = FairQueue::default();
        for item in 0..4 {
            queue.push(1, client(1), item);
        }
        queue.push(1, client(2), 100);
        queue.push(0, client(1), 200);
        assert_eq!(pop_all(&mut queue), [200, 0, 100, 1, 2, 3]);
    }

    #[test]
    fn removed_items_are_skipped() {
        let mut queue = FairQueue::default();
        let first = queue.push(1, client(1), "a");
        queue.push(1, client(1), "b");
        let only = queue.push(1, client(2), "c");
        assert_eq!(queue.remove(&first), Some("a"));
        assert_eq!(queue.remove(&first), None);
        assert_eq!(queue.remove(&only), Some("c"));
        assert_eq!(queue.len(), 1);
        assert_eq!(pop_all(&mut queue), ["b"]);
        assert_eq!(queue.len(), 0);
    }

    proptest! {
        #[test]
        fn no_item_is_lost_and_clients_rotate(
            actions in prop::collection::vec((0u8..4, 0u8..4, 0u8..3), 0..200),
        ) {
            let mut queue = FairQueue::default();
            let mut present: Vec<(u8, u8, usize, FairTicket)> = Vec::new();
            for (item, (action, number, priority)) in actions.into_iter().enumerate() {
                match action {
                    0 if !present.is_empty() => {
                        let (_, _, removed, ticket) = present.remove(item % present.len());
                        prop_assert_eq!(queue.remove(&ticket), Some(removed));
                    }
                    1 => {
                        let popped = queue.pop();
                        let urgent = present.iter().map(|(priority, ..)| *priority).min();
                        prop_assert_eq!(popped.is_some(), urgent.is_some());
                        let Some(popped) = popped else { continue };
                        let index = present.iter().position(|(_, _, item, _)| *item == popped);
                        let (priority, client, ..) = present.remove(index.unwrap());
                        prop_assert_eq!(Some(priority), urgent);
                        let overtaken = present.iter().any(|(other_priority, other, item, _)| {
                            (*other_priority, *other) == (priority, client) && *item < popped
                        });
                        prop_assert!(!overtaken);
                    }
                    _ => {
                        let ticket = queue.push(priority, client(number), item);
                        present.push((priority, number, item, ticket));
                    }
                }
                prop_assert_eq!(queue.len(), present.len());
            }
            // The first n items of a priority with n clients belong to n different clients.
            let mut left = pop_all(&mut queue).into_iter().map(|popped| {
                let pushed = present.iter().find(|(_, _, item, _)| *item == popped).unwrap();
                (pushed.0, pushed.1)
            }).collect::<Vec<_>>();
            prop_assert!(left.is_sorted_by_key(|(priority, _)| *priority));
            while let Some((priority, _)) = left.first().copied() {
                let same = left.iter().filter(|(other, _)| *other == priority);
                let here: Vec<u8> = same.map(|(_, client)| *client).collect();
                left.retain(|(other, _)| *other != priority);
                let clients: std::collections::BTreeSet<u8> = here.iter().copied().collect();
                let first_round: std::collections::BTreeSet<u8> =
                    here.iter().copied().take(clients.len()).collect();
                prop_assert_eq!(first_round, clients);
            }
        }
    }
}
