//! A running data plane: the threads that serve, and how they end.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::app::App;
use crate::net::accept::bound::Bound;
use crate::net::listener::{bind, serve};

/// The threads that serve an app.
pub struct DataPlane {
    app: Arc<App>,
    /// Starts the drain; taken by [`DataPlane::drain`].
    shutdown: Mutex<Option<oneshot::Sender<()>>>,
    /// The thread that runs the others; taken by [`DataPlane::join`].
    thread: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

impl DataPlane {
    /// Starts to serve, with so many threads for the sockets.
    ///
    /// # Errors
    /// The system has no room for the threads.
    pub fn start(app: &Arc<App>, listeners: Vec<Bound>, io_threads: usize) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(io_threads)
            .thread_name("grps-io")
            .enable_all()
            .build()?;
        let (shutdown, stopped) = oneshot::channel::<()>();
        app.capture.start_configured();
        let serving = Arc::clone(app);
        let run = move || {
            runtime.block_on(serve(listeners, serving, async {
                // A dropped sender also starts the drain.
                let _ = stopped.await;
            }))
        };
        let thread = Builder::new().name("grps-serve".to_owned()).spawn(run)?;
        let (shutdown, thread) = (Mutex::new(Some(shutdown)), Mutex::new(Some(thread)));
        Ok(Self { app: Arc::clone(app), shutdown, thread })
    }

    /// Starts the drain: running requests finish, new ones get 503. Returns at once.
    pub fn drain(&self) {
        self.app.commands.end();
        if let Some(shutdown) = self.shutdown.lock().take() {
            // A failed send means that the data plane has already ended.
            let _ = shutdown.send(());
        }
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// A listener failed, or the thread panicked.
    pub fn join(&self) -> io::Result<()> {
        let Some(thread) = self.thread.lock().take() else { return Ok(()) };
        let ended = thread.join();
        self.app.capture.stop();
        ended.unwrap_or_else(|_| Err(io::Error::other("the data plane stopped unexpectedly")))
    }
}

/// Listens on a port of a host; 0 is any free one.
///
/// # Errors
/// What can't be resolved or listened on, as one line.
pub fn listen(host: &str, port: u16) -> Result<(TcpListener, u16), String> {
    let address = (host, port).to_socket_addrs().ok().and_then(|mut all| all.next());
    let address: SocketAddr = address.ok_or_else(|| format!("can't resolve host '{host}'"))?;
    let failed = |error: io::Error| format!("can't listen on {host}:{port}: {error}");
    let listener = bind(address).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, port))
}
