//! The connections of a thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, SemaphorePermit};

use crate::exchange::connection::Connection;
use crate::exchange::failure::{Class, Failure};
use crate::exchange::socket::Place;
use crate::plan::Protocol;

/// Connections that are opened when they are needed, and kept.
pub(crate) struct Pool {
    place: Place,
    protocol: Protocol,
    /// Connections that the run has opened.
    opened: Arc<AtomicU64>,
    /// One permit for each connection that may be in use.
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
    /// Connections that several requests use at once; empty if each has one of its own.
    shared: Vec<AsyncMutex<Option<Connection>>>,
    /// The next of them.
    turn: AtomicUsize,
}

/// A connection in use.
pub(crate) struct Lease<'a> {
    pub(crate) connection: Connection,
    permit: Option<SemaphorePermit<'a>>,
}

impl Pool {
    /// Makes a pool of `most` connections; `is_shared` if requests share them.
    pub(crate) fn new(
        place: Place,
        protocol: Protocol,
        opened: Arc<AtomicU64>,
        most: usize,
        is_shared: bool,
    ) -> Self {
        let shared = if is_shared { most } else { 0 };
        Self {
            place,
            protocol,
            opened,
            permits: Semaphore::new(most),
            idle: Mutex::new(Vec::new()),
            shared: (0..shared).map(|_| AsyncMutex::new(None)).collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// Takes a connection: an idle one, or else a new one, or waits for one if there are too many.
    ///
    /// # Errors
    ///
    /// A new one can't be opened.
    pub(crate) async fn take(&self) -> Result<Lease<'_>, Failure> {
        if !self.shared.is_empty() {
            return self.take_shared().await;
        }
        let permit = self.permits.acquire().await;
        let permit = permit.map_err(|error| Failure::new(Class::Connect, error.to_string()))?;
        let idle = self.take_idle();
        let connection = match idle {
            Some(connection) => connection,
            None => self.open().await?,
        };
        Ok(Lease { connection, permit: Some(permit) })
    }

    /// Gives a connection back that can be used again.
    pub(crate) fn put_back(&self, lease: Lease<'_>) {
        if lease.permit.is_some() && !lease.connection.is_closed() {
            self.idle.lock().push(lease.connection);
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some(connection) = idle.pop() {
            if !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    async fn take_shared(&self) -> Result<Lease<'_>, Failure> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.shared.len();
        let mut slot = self.shared[turn].lock().await;
        let open = slot.as_ref().filter(|connection| !connection.is_closed());
        let connection = match open.and_then(Connection::share) {
            Some(connection) => connection,
            None => {
                let opened = self.open().await?;
                let shared = opened.share();
                *slot = Some(opened);
                shared.ok_or_else(|| Failure::new(Class::Connect, "can't be shared"))?
            }
        };
        Ok(Lease { connection, permit: None })
    }

    async fn open(&self) -> Result<Connection, Failure> {
        let connection = Connection::open(&self.place, self.protocol).await?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(connection)
    }
}
