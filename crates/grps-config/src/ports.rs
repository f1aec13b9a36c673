//! The value of `port`: `7080` or `7080,7081`.

use crate::text::shortened;

const MAX_PORT: u32 = 65535;
const MAX_PORTS: usize = 2;
const SHOWN_CHARS: usize = 40;

/// Reads one or two different ports.
///
/// # Errors
/// The text is something else; the error says what.
pub fn parse_ports(value: &str) -> Result<Vec<u16>, String> {
    let mut ports = Vec::new();
    for part in value.split(',').map(str::trim) {
        let is_number = (1..=5).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let port = part.parse::<u16>().ok().filter(|_| is_number);
        let Some(port) = port else {
            let shown = shortened(part, SHOWN_CHARS);
            return Err(format!("{shown} is not a port from 0 to {MAX_PORT}"));
        };
        ports.push(port);
    }
    match ports.as_slice() {
        [one, two] if one == two && *one != 0 => {
            Err(format!("port {one} is given twice; one port alone serves HTTP and RPC"))
        }
        [_] | [_, _] => Ok(ports),
        more => Err(format!("{} ports given, at most {MAX_PORTS} are used (HTTP,RPC)", more.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_ports_are_taken() {
        assert_eq!(parse_ports("7080, 0"), Ok(vec![7080, 0]));
        assert_eq!(parse_ports("65535"), Ok(vec![65535]));
        for wrong in ["65536", "", "1,2,3", "+1", "80,80", "000080"] {
            assert!(parse_ports(wrong).is_err(), "{wrong}");
        }
    }
}
