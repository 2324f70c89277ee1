//! From the settings to the options of the client library.

use std::io;
use std::path::Path;
use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use holm_registry::event::nats::{NatsLogin, NatsSettings, NkeySeed};
use tokio::fs::read_to_string;

use crate::telemetry::random::random_u64;

/// How long one attempt may take, with the exchange of greetings.
const CONNECT: Duration = Duration::from_secs(5);
/// How often the server is asked for a sign of life; the third time without one the connection counts as lost. A
/// server that a machine has paused, or a network that swallows everything, is noticed within 15 seconds.
const PING: Duration = Duration::from_secs(5);
/// The first pause between two attempts, doubled with each up to the last. Soon enough to be back before anybody
/// has noticed a restart, seldom enough for a server that a hundred hosts wait for.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// Messages that wait to be taken out of one subscription. We ask for fewer at once; only a tail may have more.
const CAPACITY: usize = 4096;

/// A file that the settings name, and that is of no use.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// It cannot be read, or is not what it should be.
    #[error("cannot use the {what} {path} for NATS: {error}")]
    File {
        /// What it should be.
        what: &'static str,
        /// Where it is.
        path: String,
        /// Why not.
        error: io::Error,
    },
    /// The addresses are none.
    #[error("cannot use the address of NATS: {0}")]
    Address(String),
}

pub(super) async fn options(settings: &NatsSettings) -> Result<ConnectOptions, LoginError> {
    let options = ConnectOptions::new()
        .name("holm")
        .retry_on_initial_connect()
        .connection_timeout(CONNECT)
        .ping_interval(PING)
        .subscription_capacity(CAPACITY)
        .reconnect_delay_callback(|attempts| pause(attempts, random_u64()));
    let options = with_login(options, &settings.login).await?;
    with_tls(options, settings)
}

pub(super) async fn connect(options: ConnectOptions, settings: &NatsSettings) -> Result<Client, LoginError> {
    let servers: Vec<String> = settings.servers.iter().map(ToString::to_string).collect();
    // answers at once: it goes on trying by itself
    options.connect(servers).await.map_err(|error| LoginError::Address(error.to_string()))
}

/// The pause before an attempt, the first being 1. Up to half of it is chance, so that many hosts do not come at
/// once.
fn pause(attempts: usize, chance: u64) -> Duration {
    let Some(doublings) = attempts.checked_sub(2) else { return Duration::ZERO };
    let factor = 2u32.saturating_pow(u32::try_from(doublings).unwrap_or(u32::MAX));
    let whole = FIRST_PAUSE.saturating_mul(factor).min(LAST_PAUSE);
    let half = whole / 2;
    half + half.mul_f64((chance % 1000) as f64 / 1000.0)
}

async fn with_login(options: ConnectOptions, login: &NatsLogin) -> Result<ConnectOptions, LoginError> {
    Ok(match login {
        NatsLogin::None => options,
        NatsLogin::Credentials(file) => {
            let text = read("credentials", file).await?;
            options.credentials(&text).map_err(of_file("credentials", file))?
        }
        NatsLogin::Password { user, password } => options.user_and_password(user.clone(), password.reveal().to_owned()),
        NatsLogin::Token(token) => options.token(token.reveal().to_owned()),
        NatsLogin::Nkey(NkeySeed::Text(seed)) => options.nkey(seed.reveal().to_owned()),
        NatsLogin::Nkey(NkeySeed::File(file)) => options.nkey(seed(file).await?),
    })
}

/// The seed in a file, which may have comments around it.
async fn seed(file: &Path) -> Result<String, LoginError> {
    let text = read("nkey", file).await?;
    let is_seed = |line: &&str| matches!(line.parse(), Ok(NkeySeed::Text(_)));
    let found = text.lines().map(str::trim).find(is_seed).map(str::to_owned);
    let none = || io::Error::new(io::ErrorKind::InvalidData, "there is no line `SU…`, the seed of a user, in it");
    found.ok_or_else(none).map_err(of_file("nkey", file))
}

fn with_tls(options: ConnectOptions, settings: &NatsSettings) -> Result<ConnectOptions, LoginError> {
    let tls = &settings.tls;
    let mut options = options;
    if let Some(ca) = &tls.ca {
        // who says whom to trust does not want to talk to others
        options = options.add_root_certificates(checked("CA", ca)?).require_tls(true);
    }
    if let Some((certificate, key)) = &tls.certificate {
        let (certificate, key) = (checked("certificate", certificate)?, checked("key", key)?);
        options = options.add_client_certificate(certificate, key).require_tls(true);
    }
    Ok(options)
}

/// The library reads these files at each attempt, and says little when it cannot.
fn checked(what: &'static str, file: &Path) -> Result<std::path::PathBuf, LoginError> {
    std::fs::File::open(file).map_err(of_file(what, file))?;
    Ok(file.to_owned())
}

async fn read(what: &'static str, file: &Path) -> Result<String, LoginError> {
    read_to_string(file).await.map_err(of_file(what, file))
}

fn of_file(what: &'static str, file: &Path) -> impl FnOnce(io::Error) -> LoginError {
    let path = file.display().to_string();
    move |error| LoginError::File { what, path, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_hosts_come_back_at_once_or_never() {
        let ms = |attempts, chance| pause(attempts, chance).as_millis();
        assert_eq!([1, 2, 3, 4].map(|attempts| ms(attempts, 0)), [0, 25, 50, 100]);
        assert_eq!([2, 7, 8, 1000].map(|attempts| ms(attempts, 999)), [49, 1599, 1999, 1999]);
    }

    #[tokio::test]
    async fn a_file_that_is_missing_is_not_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings: NatsSettings = "nats://127.0.0.1:1".parse().unwrap();
        let path = dir.path().join("holm.nk");
        settings.login = NatsLogin::Nkey(NkeySeed::File(path.clone()));
        let refused = options(&settings).await.map(|_| ()).unwrap_err().to_string();
        assert!(
            refused.starts_with(&format!("cannot use the nkey {} for NATS: No such file", path.display())),
            "{refused}"
        );
        std::fs::write(&path, "# mine\nnonsense\n").unwrap();
        let refused = options(&settings).await.map(|_| ()).unwrap_err().to_string();
        assert!(refused.ends_with("there is no line `SU…`, the seed of a user, in it"), "{refused}");
        settings.login = NatsLogin::Credentials(path.clone());
        assert!(options(&settings).await.is_err());
        settings.login = NatsLogin::None;
        settings.tls.ca = Some(dir.path().join("ca.pem"));
        assert!(options(&settings).await.is_err());
    }

    #[tokio::test]
    async fn a_host_without_nats_does_not_start() {
        let settings: NatsSettings = "nats://127.0.0.1:1".parse().unwrap();
        let link = super::super::Link::open(&settings, Default::default()).await.unwrap();
        let sent = link.send("a", None, Default::default()).await;
        assert!(matches!(sent, Err(super::super::LinkError::Away(_))), "{sent:?}");
        let why = |state: &super::super::LinkState| matches!(state, super::super::LinkState::Away(why) if why.contains("IO error"));
        tokio::time::timeout(Duration::from_secs(10), link.follow().wait_for(why)).await.unwrap().unwrap();
    }
}
