//! `--ready`: whether a service is ready, for health checks in images that have no other client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

/// Longest time for each of connecting, asking and reading.
const TIMEOUT: Duration = Duration::from_secs(3);
const MOST_BYTES: u64 = 64 * 1024;
const REQUEST: &[u8] =
    b"GET /grps/v1/health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// What is read of a state file.
#[derive(Debug, Deserialize)]
struct Place {
    phase: String,
    detail: String,
    error: Option<String>,
    ports: Vec<u16>,
    host: String,
    unix_socket: String,
}

/// Returns why the service of a state file is not ready.
pub(crate) fn check_ready(state_file: &Path) -> Result<(), String> {
    let text = std::fs::read(state_file)
        .map_err(|error| format!("{}: {error}; does the service run?", state_file.display()))?;
    let place: Place = serde_json::from_slice(&text)
        .map_err(|error| format!("{}: not a service state ({error})", state_file.display()))?;
    let answer = ask(&place)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "200" { Ok(()) } else { Err(format!("not ready: {status} {}", body.trim())) }
}

fn ask(place: &Place) -> Result<String, String> {
    if !place.unix_socket.is_empty() {
        let socket = UnixStream::connect(&place.unix_socket);
        let socket = socket.map_err(|error| format!("{}: {error}", place.unix_socket))?;
        let timeouts = socket.set_read_timeout(Some(TIMEOUT));
        return exchange(socket, timeouts, &place.unix_socket);
    }
    let Some(port) = place.ports.first() else {
        let said = place.error.as_ref().unwrap_or(&place.detail);
        return Err(format!("not ready: {}: {said}", place.phase));
    };
    let shown = format!("{}:{port}", place.host);
    let address = address_of(&place.host, *port).ok_or_else(|| format!("no address {shown}"))?;
    let socket = TcpStream::connect_timeout(&address, TIMEOUT);
    let socket = socket.map_err(|error| format!("{shown}: {error}"))?;
    let timeouts = socket.set_read_timeout(Some(TIMEOUT));
    exchange(socket, timeouts, &shown)
}

fn address_of(host: &str, port: u16) -> Option<SocketAddr> {
    (host, port).to_socket_addrs().ok()?.next()
}

fn exchange(
    mut socket: impl Read + Write,
    timeouts: std::io::Result<()>,
    shown: &str,
) -> Result<String, String> {
    let mut answer = Vec::new();
    timeouts
        .and_then(|()| socket.write_all(REQUEST))
        .and_then(|()| socket.take(MOST_BYTES).read_to_end(&mut answer))
        .map_err(|error| format!("{shown}: no response: {error}"))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Writes a state that names a port of a server which gives one answer.
    fn state_of_server(name: &str, answer: &'static str) -> std::path::PathBuf {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut asked = [0; 1024];
            let count = socket.read(&mut asked).unwrap();
            assert!(asked[..count].starts_with(b"GET /grps/v1/health/ready "));
            socket.write_all(answer.as_bytes()).unwrap();
        });
        state_file(name, &format!("[{port}]"))
    }

    fn state_file(name: &str, ports: &str) -> std::path::PathBuf {
        let file = std::env::temp_dir().join(format!("grps-ready-{name}-{}", std::process::id()));
        let state = format!(
            r#"{{"phase": "loading", "detail": "model m", "error": null, "ports": {ports},
            "host": "127.0.0.1", "unix_socket": "", "pid": 1}}"#
        );
        std::fs::write(&file, state).unwrap();
        file
    }

    #[test]
    fn only_the_status_200_is_ready() {
        for (name, answer, error) in [
            ("ready", "HTTP/1.1 200 OK\r\n\r\n{}", None),
            ("unready", "HTTP/1.1 503 x\r\n\r\nloading\n", Some("not ready: 503 loading")),
            ("silent", "", Some("not ready:  ")),
        ] {
            let file = state_of_server(name, answer);
            let checked = check_ready(&file);
            std::fs::remove_file(&file).unwrap();
            assert_eq!(checked.err().as_deref(), error);
        }
    }

    #[test]
    fn a_service_without_ports_says_how_far_it_is() {
        let file = state_file("early", "[]");
        let checked = check_ready(&file);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(checked, Err("not ready: loading: model m".to_owned()));
        let missing = check_ready(&file).unwrap_err();
        assert!(missing.contains("does the service run?"), "{missing}");
    }
}
