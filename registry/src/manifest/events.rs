//! `[[service.X.subscribe]]` and `[nats]`: which events a service is given, and the broker that carries them.

use std::path::PathBuf;

use toml::Spanned;

use super::section::Section;
use crate::event::nats::{NatsLogin, NatsSettings, NatsTls};
use crate::settings::{Secret, Subscribe};

/// One subscription. `None` after an error that is already reported.
pub(super) fn subscribe(mut section: Section<'_>) -> Option<Subscribe> {
    section.require("subject", "\"orders.created\"");
    let base = section.parsed("subject", "\"orders.created\"", str::parse).map(Spanned::into_inner).map(Subscribe::new);
    let is_written = section.has_any(&["backoff"]);
    let max_deliver = section.count("max_deliver");
    let backoff = section.list("backoff", "[\"1s\", \"5s\", \"30s\"]", crate::units::parse_duration);
    let ack_wait = section.duration("ack_wait");
    let concurrency = section.count("concurrency");
    let order = section.parsed("order", "\"key\"", str::parse).map(Spanned::into_inner);
    let start = section.parsed("start", "\"new\"", str::parse).map(Spanned::into_inner);
    section.finish();
    let base = base?;
    Some(Subscribe {
        max_deliver: max_deliver.unwrap_or(base.max_deliver),
        backoff: backoff.filter(|_| is_written).unwrap_or(base.backoff),
        ack_wait: ack_wait.unwrap_or(base.ack_wait),
        concurrency: concurrency.unwrap_or(base.concurrency),
        order: order.unwrap_or(base.order),
        start: start.unwrap_or(base.start),
        subject: base.subject,
    })
}

/// The broker. `None` after an error that is already reported.
pub(super) fn nats(mut section: Section<'_>) -> Option<NatsSettings> {
    section.require("url", "\"nats://127.0.0.1:4222\"");
    let settings = section.parsed("url", "\"nats://127.0.0.1:4222\"", str::parse::<NatsSettings>);
    let login = login(&mut section);
    let tls = section.section("tls", "{ ca = \"ca.pem\" }").map(tls).unwrap_or_default();
    if let Some(settings) = &settings
        && settings.get_ref().login != NatsLogin::None
        && login != NatsLogin::None
    {
        let message = "`nats.url` holds a login, and there is another one beside it".to_owned();
        section.report(settings.span(), message, "remove one of them".to_owned());
    }
    section.finish();
    let settings = settings?.into_inner();
    let login = if login == NatsLogin::None { settings.login } else { login };
    Some(NatsSettings { login, tls, ..settings })
}

/// The one login of the four that were written.
fn login(section: &mut Section<'_>) -> NatsLogin {
    let credentials = path(section, "credentials", "\"nats.creds\"");
    let user = section.parsed("user", "\"holm\"", text);
    let password = section.parsed("password", "\"${NATS_PASSWORD}\"", text);
    let token = section.parsed("token", "\"${NATS_TOKEN}\"", text);
    let nkey = section.parsed("nkey", "\"${NATS_NKEY}\"", str::parse);
    let password = match (user, password) {
        (Some(user), Some(password)) => {
            Some(NatsLogin::Password { user: user.into_inner(), password: Secret::new(password.into_inner()) })
        }
        (None, None) => None,
        (user, _) => {
            let absent = if user.is_some() { "password" } else { "user" };
            let help = format!("add `{absent}`; a token alone is `token`");
            section.report_here(format!("`nats` has no `{absent}`, and one is nothing without the other"), help);
            None
        }
    };
    let ways = [
        credentials.map(NatsLogin::Credentials),
        password,
        token.map(|token| NatsLogin::Token(Secret::new(token.into_inner()))),
        nkey.map(|seed| NatsLogin::Nkey(seed.into_inner())),
    ];
    let mut ways = ways.into_iter().flatten();
    let login = ways.next().unwrap_or_default();
    if ways.next().is_some() {
        let message = "`nats` has several ways to log in, and a server takes one".to_owned();
        section.report_here(message, "keep `credentials`, `user` and `password`, `token` or `nkey`".to_owned());
    }
    login
}

fn tls(mut section: Section<'_>) -> NatsTls {
    let ca = path(&mut section, "ca", "\"ca.pem\"");
    let certificate = path(&mut section, "certificate", "\"cert.pem\"");
    let key = path(&mut section, "key", "\"key.pem\"");
    if certificate.is_some() != key.is_some() {
        let absent = if key.is_some() { "certificate" } else { "key" };
        let message = format!("`nats.tls` has no `{absent}`, and one is nothing without the other");
        section.report_here(message, format!("add `{absent}`, for example `{absent} = \"{absent}.pem\"`"));
    }
    section.finish();
    NatsTls { ca, certificate: certificate.zip(key) }
}

fn path(section: &mut Section<'_>, key: &'static str, example: &str) -> Option<PathBuf> {
    section.parsed(key, example, text).map(|path| path.into_inner().into())
}

/// An empty text is what an unset variable looks like.
fn text(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("this is empty; leave it away if there is none"),
        text => Ok(text.to_owned()),
    }
}
