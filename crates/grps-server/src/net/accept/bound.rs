//! Bound sockets: TCP addresses and Unix sockets.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, fchmod};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use crate::net::peer::{Peer, PeerAddress};
use crate::net::transport::Transport;

const BACKLOG: i32 = 4096;
/// Longest path that the address of a Unix socket takes.
const MAX_PATH_BYTES: usize = 107;

/// A socket that listens.
pub enum Bound {
    /// On a TCP address.
    Tcp(std::net::TcpListener),
    /// On a Unix socket.
    Unix(UnixSocket),
}

impl From<std::net::TcpListener> for Bound {
    fn from(listener: std::net::TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

/// A Unix socket that listens; its file is removed when it is dropped.
pub struct UnixSocket {
    listener: std::os::unix::net::UnixListener,
    file: SocketFile,
}

/// The file of a Unix socket; removed when it is dropped, unless another file is there by then.
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.inode) {
            // Whoever finds it later removes it as stale.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Binds an address for [`crate::serve`].
///
/// # Errors
/// The error of the system, for example when the port is in use.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Binds a Unix socket with these permissions for [`crate::serve`]. A socket that nobody listens on
/// is replaced.
///
/// # Errors
/// `AddrInUse` when another process listens there, `AlreadyExists` when the file is no socket; the
/// error of the system.
pub fn bind_unix(path: &Path, mode: u32) -> io::Result<Bound> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // Linux gives the file these bits, less the umask: nobody else can connect before they are set.
    fchmod(socket.as_fd(), Mode::from_raw_mode(mode))?;
    with_short_path(path, |short| socket.bind(&SockAddr::unix(short)?))?;
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    let metadata = fs::metadata(path)?;
    let file = SocketFile { path: path.to_owned(), inode: (metadata.dev(), metadata.ino()) };
    Ok(Bound::Unix(UnixSocket { listener: socket.into(), file }))
}

/// Removes a socket that nobody listens on.
fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file is no socket"));
    }
    match with_short_path(path, |short| UnixStream::connect(short)) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
        Err(error) => Err(error),
    }
}

/// Calls a function with a path that leads to the same file and fits the address of a socket.
fn with_short_path<T>(path: &Path, function: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= MAX_PATH_BYTES {
        return function(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = File::open(folder)?;
    function(&Path::new(&format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name))
}

/// A bound socket, as the runtime accepts from it.
pub(crate) enum Listening {
    Tcp(TcpListener, IpAddr),
    Unix(UnixListener, #[expect(dead_code, reason = "held until it is dropped")] SocketFile),
}

/// An accepted connection.
pub(crate) enum Accepted {
    Tcp(TcpStream),
    Unix(tokio::net::UnixStream),
}

impl Listening {
    /// Lets the runtime accept.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn new(bound: Bound) -> io::Result<Self> {
        Ok(match bound {
            Bound::Tcp(listener) => {
                let address = listener.local_addr()?.ip();
                Self::Tcp(TcpListener::from_std(listener)?, address)
            }
            Bound::Unix(UnixSocket { listener, file }) => {
                Self::Unix(UnixListener::from_std(listener)?, file)
            }
        })
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// The error of the system, for example when no file descriptor is free.
    pub(crate) async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        Ok(match self {
            Self::Tcp(listener, own) => {
                let (stream, address) = listener.accept().await?;
                (Accepted::Tcp(stream), Peer::from(address).connected_to(*own))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                (Accepted::Unix(stream), Peer::new(PeerAddress::Unix))
            }
        })
    }
}

impl Accepted {
    /// The byte stream of the connection.
    pub(crate) fn into_transport(self, stall_timeout: Duration) -> Transport {
        match self {
            Self::Tcp(stream) => Transport::tcp(stream, stall_timeout),
            Self::Unix(stream) => Transport::unix(stream, stall_timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path that no other test uses, in a folder whose name is longer than an address.
    fn long_path(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("{}-{}", "x".repeat(100), std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder.join(name)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_socket_has_its_mode_and_is_removed() {
        for path in
            [std::env::temp_dir().join(format!("{}.sock", std::process::id())), long_path("a")]
        {
            let bound = bind_unix(&path, 0o622).unwrap();
            assert_eq!(mode(&path), 0o622);
            let error = bind_unix(&path, 0o600).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            drop(bound);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_stale_socket_is_replaced_and_another_file_is_not() {
        let path = long_path("stale");
        let Bound::Unix(UnixSocket { listener, file }) = bind_unix(&path, 0o600).unwrap() else {
            unreachable!()
        };
        std::mem::forget(file);
        drop(listener);
        assert!(path.exists());
        let bound = bind_unix(&path, 0o666).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "text").unwrap();
        drop(bound);
        let error = bind_unix(&path, 0o600).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }
}
