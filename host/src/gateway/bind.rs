//! Binds the address of a door, with an error that says what to do.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::limits::BACKLOG;

/// Why an address could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error("{address} is in use by another program; stop it or choose another address with {flag}")]
    InUse {
        /// What was asked for.
        address: SocketAddr,
        /// The option that changes it.
        flag: &'static str,
    },
    /// Ports below 1024 need a privilege.
    #[error("{address} may not be bound by this user; choose a port from 1024 on with {flag}")]
    NotAllowed {
        /// What was asked for.
        address: SocketAddr,
        /// The option that changes it.
        flag: &'static str,
    },
    /// No interface has that address.
    #[error("{address} is not an address of this machine; choose one that is with {flag}")]
    NotHere {
        /// What was asked for.
        address: SocketAddr,
        /// The option that changes it.
        flag: &'static str,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {source}; choose another address with {flag}")]
    Other {
        /// What was asked for.
        address: SocketAddr,
        /// The option that changes it.
        flag: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Binds and listens. `flag` is the option that an error advises: `--listen`.
///
/// # Errors
/// When the address is taken, forbidden, foreign, or the system refuses it otherwise.
pub fn bind(address: SocketAddr, flag: &'static str) -> Result<TcpListener, BindError> {
    listen(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address, flag },
        io::ErrorKind::PermissionDenied => BindError::NotAllowed { address, flag },
        io::ErrorKind::AddrNotAvailable => BindError::NotHere { address, flag },
        _ => BindError::Other { address, flag, source },
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // a restarted host gets its port back while old connections are still in TIME_WAIT
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named_with_the_way_out() {
        let first = bind("127.0.0.1:0".parse().unwrap(), "--listen").unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address, "--listen").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{address} is in use by another program; stop it or choose another address with --listen")
        );
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_named() {
        let error = bind("192.0.2.1:0".parse().unwrap(), "--admin").unwrap_err();
        assert_eq!(error.to_string(), "192.0.2.1:0 is not an address of this machine; choose one that is with --admin");
    }
}
