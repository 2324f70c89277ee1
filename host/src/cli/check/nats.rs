//! `[nats]` of a resolved manifest: files are named, what is secret is hidden.

use std::path::PathBuf;

use holm_registry::event::nats::{NatsLogin, NatsSettings, NkeySeed};
use serde::Serialize;

use crate::admin::api::HIDDEN;

/// With the keys of a manifest.
#[derive(Serialize)]
pub(super) struct Nats {
    url: String,
    credentials: Option<PathBuf>,
    user: Option<String>,
    password: Option<&'static str>,
    token: Option<&'static str>,
    nkey: Option<PathBuf>,
    tls: Files,
}

#[derive(Serialize)]
struct Files {
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl From<NatsSettings> for Nats {
    fn from(settings: NatsSettings) -> Self {
        let url = settings.to_string();
        let (certificate, key) = settings.tls.certificate.unzip();
        let tls = Files { ca: settings.tls.ca, certificate, key };
        let open = Self { url, credentials: None, user: None, password: None, token: None, nkey: None, tls };
        match settings.login {
            NatsLogin::Credentials(file) => Self { credentials: Some(file), ..open },
            NatsLogin::Password { user, .. } => Self { user: Some(user), password: Some(HIDDEN), ..open },
            NatsLogin::Token(_) => Self { token: Some(HIDDEN), ..open },
            NatsLogin::Nkey(NkeySeed::File(file)) => Self { nkey: Some(file), ..open },
            NatsLogin::Nkey(NkeySeed::Text(_)) | NatsLogin::None => open,
        }
    }
}
