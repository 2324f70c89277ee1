//! `[nats]`: which broker the events go to, and how the host logs in to it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http::uri::Authority;
use thiserror::Error;

use crate::path::decode;
use crate::settings::Secret;

/// Where a NATS server listens, as registered with IANA.
const PORT: u16 = 4222;
/// Length of a seed as NATS writes it: base32 of a prefix, 32 bytes and a checksum.
const SEED: usize = 58;

/// How the host reaches a NATS cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsSettings {
    /// At least one server of the cluster; it tells the others.
    pub servers: Vec<NatsServer>,
    /// Who the host says it is.
    pub login: NatsLogin,
    /// What it takes to trust the servers, and to be trusted by them.
    pub tls: NatsTls,
}

/// One server. As text `nats://127.0.0.1:4222`, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsServer {
    /// Whether only TLS will do, as `tls://` says. A server may ask for it anyway.
    pub tls: bool,
    /// A name or an address, an IPv6 one in brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// How the host logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NatsLogin {
    /// Not at all.
    #[default]
    None,
    /// With a file of credentials (a JWT and a seed), as `nsc` writes it.
    Credentials(PathBuf),
    /// With a name and a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// With a token.
    Token(Secret),
    /// With an nkey.
    Nkey(NkeySeed),
}

/// Where the seed of an nkey comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NkeySeed {
    /// The seed itself, `SU…`.
    Text(Secret),
    /// A file that holds it.
    File(PathBuf),
}

/// Files in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatsTls {
    /// Whose certificates are trusted; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// The host's own certificate with its key, where servers ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Why a text is no address of NATS. Never shows the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NatsError {
    /// Neither `nats://` nor `tls://`.
    #[error("an address of NATS begins with `nats://` or `tls://`; write it as in `nats://127.0.0.1:4222`")]
    Scheme,
    /// No host, a bad port, or something behind them.
    #[error("an address of NATS is a host and a port; write it as in `nats://127.0.0.1:4222`")]
    Address,
    /// Servers of one cluster with different logins.
    #[error("two servers of one cluster cannot have two logins; write `user` and `password` beside the addresses")]
    TwoLogins,
    /// Not a seed, and no file would be called so.
    #[error("an nkey is the seed of a user, `SU` and 56 more characters, or the path of a file that holds it")]
    Nkey,
}

/// Reads `nats://[user:password@]host[:port]`, several with commas between them: what `--nats` takes.
impl FromStr for NatsSettings {
    type Err = NatsError;

    fn from_str(text: &str) -> Result<Self, NatsError> {
        let mut servers = Vec::new();
        let mut login = NatsLogin::None;
        for part in text.split(',') {
            let (server, own) = server(part.trim())?;
            match own {
                NatsLogin::None => {}
                own if login == NatsLogin::None || login == own => login = own,
                _ => return Err(NatsError::TwoLogins),
            }
            servers.push(server);
        }
        Ok(Self { servers, login, tls: NatsTls::default() })
    }
}

fn server(text: &str) -> Result<(NatsServer, NatsLogin), NatsError> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("nats", text));
    let tls = match scheme {
        "nats" => false,
        "tls" => true,
        _ => return Err(NatsError::Scheme),
    };
    let (user, address) = rest.rsplit_once('@').map_or((None, rest), |(user, address)| (Some(user), address));
    let address: Authority = address.trim_end_matches('/').parse().map_err(|_| NatsError::Address)?;
    let port = match (address.port_u16(), address.as_str().rsplit_once("]").map_or(address.as_str(), |(_, end)| end)) {
        (Some(port), _) => port,
        (None, end) if end.contains(':') => return Err(NatsError::Address),
        (None, _) => PORT,
    };
    if address.host().is_empty() {
        return Err(NatsError::Address);
    }
    let host = address.host().to_owned();
    Ok((NatsServer { tls, host, port }, user.map_or(NatsLogin::None, user_info)))
}

/// `user:password`, or a token alone, with percent-escapes.
fn user_info(text: &str) -> NatsLogin {
    let plain = |text: &str| String::from_utf8_lossy(&decode(text)).into_owned();
    match text.split_once(':') {
        Some((user, password)) => NatsLogin::Password { user: plain(user), password: Secret::new(plain(password)) },
        None => NatsLogin::Token(Secret::new(plain(text))),
    }
}

/// A seed, or else a path: seeds are easy to tell, and one with a mistake in it must not be shown as the name of
/// a file that does not exist.
impl FromStr for NkeySeed {
    type Err = NatsError;

    fn from_str(text: &str) -> Result<Self, NatsError> {
        let base32 = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'7'));
        match text {
            seed if seed.len() == SEED && seed.starts_with("SU") && base32(seed) => Ok(Self::Text(Secret::new(seed))),
            other if other.len() < SEED / 2 || other.contains(['/', '.']) => Ok(Self::File(other.into())),
            _ => Err(NatsError::Nkey),
        }
    }
}

impl NatsSettings {
    /// With the paths of files below `base`, unless they are absolute.
    #[must_use]
    pub fn below(mut self, base: &Path) -> Self {
        let join = |path: &mut PathBuf| *path = base.join(&*path);
        match &mut self.login {
            NatsLogin::Credentials(file) | NatsLogin::Nkey(NkeySeed::File(file)) => join(file),
            _ => {}
        }
        self.tls.ca.iter_mut().for_each(join);
        self.tls.certificate.iter_mut().for_each(|(certificate, key)| [certificate, key].into_iter().for_each(join));
        self
    }
}

impl fmt::Display for NatsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "tls" } else { "nats" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// The servers, with commas between them.
impl fmt::Display for NatsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.servers.iter().enumerate().try_for_each(|(at, server)| {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{server}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<NatsSettings, NatsError> {
        text.parse()
    }

    #[test]
    fn an_address_that_nats_users_write_is_refused() {
        for (text, shown) in [
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("localhost", "nats://localhost:4222"),
            ("tls://nats.test/", "tls://nats.test:4222"),
            ("nats://[::1]:5222, nats://[::1]", "nats://[::1]:5222,nats://[::1]:4222"),
            ("nats://a:b@one,nats://two:1", "nats://one:4222,nats://two:1"),
        ] {
            assert_eq!(settings(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn nonsense_is_taken_for_an_address() {
        for text in ["", "nats://", "nats://a:b", "nats://a:99999", "nats://a:", "nats://a/b", "nats://a b", "a,,b"] {
            assert_eq!(settings(text), Err(NatsError::Address), "{text}");
        }
        assert_eq!(settings("http://a"), Err(NatsError::Scheme));
        assert_eq!(settings("nats://a:b@x,nats://c:d@y"), Err(NatsError::TwoLogins));
    }

    #[test]
    fn a_password_stands_in_the_log() {
        let settings = settings("nats://holm:hunter%402@nats.test").unwrap();
        let NatsLogin::Password { user, password } = &settings.login else { panic!("{settings:?}") };
        assert_eq!((user.as_str(), password.reveal()), ("holm", "hunter@2"));
        let token: NatsSettings = "nats://hunter@2@nats.test".parse().unwrap();
        assert_eq!(token.login, NatsLogin::Token(Secret::new("hunter@2")));
        for shown in [format!("{settings:?} {settings}"), format!("{token:?} {token}")] {
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }

    #[test]
    fn a_seed_with_a_mistake_is_shown_as_the_name_of_a_file() {
        let seed = format!("SU{}", "A2".repeat(28));
        assert_eq!(seed.parse(), Ok(NkeySeed::Text(Secret::new(&seed))));
        for path in ["holm.nk", "nk", "/etc/holm/user.nk", "SUPER"] {
            assert_eq!(path.parse(), Ok(NkeySeed::File(path.into())));
        }
        for bad in [&seed[..57], &seed.replace("SU", "SA"), &seed.to_lowercase(), &format!("{seed}A")] {
            assert_eq!(bad.parse::<NkeySeed>(), Err(NatsError::Nkey), "{bad}");
        }
        assert!(!format!("{:?}", seed.parse::<NkeySeed>()).contains("A2"));
    }

    #[test]
    fn a_path_is_relative_to_wherever_holm_was_started() {
        let mut settings = settings("nats://a").unwrap();
        settings.login = NatsLogin::Nkey(NkeySeed::File("user.nk".into()));
        settings.tls = NatsTls { ca: Some("/ca.pem".into()), certificate: Some(("c.pem".into(), "k.pem".into())) };
        let settings = settings.below(Path::new("/apps"));
        assert_eq!(settings.login, NatsLogin::Nkey(NkeySeed::File("/apps/user.nk".into())));
        let own = Some(("/apps/c.pem".into(), "/apps/k.pem".into()));
        assert_eq!(settings.tls, NatsTls { ca: Some("/ca.pem".into()), certificate: own });
    }
}
