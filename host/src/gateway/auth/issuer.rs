//! An issuer's keys: asked for, kept, and asked for again.
//!
//! Requests never ask themselves: [`Issuer::keep`] does, for all of them, by plan and when a token
//! names a key that is not known. While the issuer is away the last keys that it gave count on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use holm_registry::discovery::url::HttpUrl;
use holm_registry::gateway::{Algorithm, PartName};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::fetch::KeyClient;
use super::keys::{KeySet, NotSigned};
use super::refusal::Refusal;
use super::token::Token;

/// How long a request with an unknown key waits for the issuer.
const PATIENCE: Duration = Duration::from_secs(5);

/// One issuer.
#[derive(Debug)]
pub(in crate::gateway) struct Issuer {
    scheme: PartName,
    url: HttpUrl,
    refresh: Duration,
    /// The least time between two questions.
    again: Duration,
    algorithms: Vec<Algorithm>,
    keys: ArcSwap<KeySet>,
    asked: Mutex<Asked>,
    /// How often the issuer has answered or failed to.
    answers: watch::Sender<u64>,
    wanted: Notify,
}

/// The last question.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    at: Option<Instant>,
    /// Since the last good answer.
    failures: u32,
}

impl Issuer {
    /// An issuer that has not been asked.
    pub(super) fn new(
        scheme: PartName,
        url: HttpUrl,
        refresh: Duration,
        algorithms: Vec<Algorithm>,
        again: Duration,
    ) -> Self {
        Self {
            scheme,
            url,
            refresh,
            again,
            algorithms,
            keys: ArcSwap::from_pointee(KeySet::Named(Vec::new())),
            asked: Mutex::default(),
            answers: watch::Sender::new(0),
            wanted: Notify::new(),
        }
    }

    /// Checks a signature. Waits for new keys, until `until` at most, if the token names one that
    /// is not known and the issuer was not asked just now.
    pub(super) async fn check(&self, token: &Token<'_>, until: Instant) -> Result<(), Refusal> {
        let known = self.keys.load().check(token);
        if known != Err(NotSigned::UnknownKey) {
            return known.map_err(|_| Refusal::Signature);
        }
        self.wait_for_news(until).await;
        let keys = self.keys.load();
        match keys.check(token) {
            Ok(()) => Ok(()),
            Err(_) if keys.is_empty() => Err(Refusal::NoKeys(self.scheme.clone())),
            Err(_) => Err(Refusal::Signature),
        }
    }

    async fn wait_for_news(&self, until: Instant) {
        let mut answers = self.answers.subscribe();
        let now = Instant::now();
        if !self.asked().may_ask(now, self.again) {
            return;
        }
        self.wanted.notify_one();
        // too late is as good as no news: the keys are looked at either way
        let _ = timeout_at(until.min(now + PATIENCE), answers.changed()).await;
    }

    /// Asks the issuer for as long as it is polled. What was learnt outlives a pause.
    pub(in crate::gateway) async fn keep(&self, client: &KeyClient) {
        loop {
            tokio::select! {
                () = sleep_until(self.asked().due(self.refresh, self.again)) => {}
                () = self.wanted() => {}
            }
            self.ask(client).await;
        }
    }

    async fn wanted(&self) {
        loop {
            self.wanted.notified().await;
            if self.asked().may_ask(Instant::now(), self.again) {
                return;
            }
        }
    }

    async fn ask(&self, client: &KeyClient) {
        let answer = match client.get(&self.url).await {
            Ok(json) => KeySet::published(&json, &self.algorithms),
            Err(error) => Err(error),
        };
        self.learn(answer);
        self.answers.send_modify(|count| *count += 1);
    }

    fn learn(&self, answer: Result<KeySet, String>) {
        let (scheme, url, mut asked) = (&self.scheme, &self.url, self.asked());
        asked.at = Some(Instant::now());
        match answer {
            Ok(keys) => {
                if asked.failures > 0 {
                    tracing::info!(%scheme, %url, "the issuer's keys can be had again");
                }
                asked.failures = 0;
                self.keys.store(Arc::new(keys));
            }
            Err(error) => {
                // once for each time that the issuer is away
                if asked.failures == 0 {
                    tracing::warn!(%scheme, %url, error, "the issuer's keys cannot be had; the last ones count on");
                }
                asked.failures = asked.failures.saturating_add(1);
            }
        }
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    fn may_ask(&self, now: Instant, again: Duration) -> bool {
        self.at.is_none_or(|at| now >= at + again)
    }

    /// When to ask by plan: after `refresh`; of one that fails, sooner at first.
    fn due(&self, refresh: Duration, again: Duration) -> Instant {
        let Some(at) = self.at else { return Instant::now() };
        match self.failures {
            0 => at + refresh,
            failures => at + again.saturating_mul(2_u32.saturating_pow(failures - 1)).min(refresh),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGAIN: Duration = Duration::from_secs(10);
    const REFRESH: Duration = Duration::from_secs(900);

    #[tokio::test(start_paused = true)]
    async fn an_issuer_is_asked_for_every_invented_key() {
        let now = Instant::now();
        let never = Asked::default();
        assert!(never.may_ask(now, AGAIN) && never.due(REFRESH, AGAIN) <= now);
        let just = Asked { at: Some(now), failures: 0 };
        assert!(!just.may_ask(now + AGAIN / 2, AGAIN) && just.may_ask(now + AGAIN, AGAIN));
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_is_away_is_forgotten_or_pestered() {
        let now = Instant::now();
        let wait = |failures: u32| Asked { at: Some(now), failures }.due(REFRESH, AGAIN) - now;
        assert_eq!([0, 1, 2, 3, 100].map(wait), [REFRESH, AGAIN, AGAIN * 2, AGAIN * 4, REFRESH]);
    }

    fn issuer() -> Issuer {
        let url = "http://127.0.0.1:1/keys".parse().unwrap();
        Issuer::new("login".parse().unwrap(), url, REFRESH, vec![Algorithm::EdDSA], AGAIN)
    }

    const KEYS: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// RFC 8037 appendix A.4, under a head that names the key `one`: only its form counts here.
    const FORGED: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6Im9uZSJ9.e30.AAAA";
    const OTHER_KEY: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6InR3byJ9.e30.AAAA";

    async fn refusal(issuer: &Issuer, token: &str) -> Refusal {
        issuer.check(&Token::parse(token).unwrap(), Instant::now() + PATIENCE * 2).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_s_last_keys_are_forgotten_while_it_is_away() {
        let issuer = issuer();
        issuer.learn(KeySet::published(KEYS.as_bytes(), &[Algorithm::EdDSA]));
        issuer.learn(Err("away".to_owned()));
        assert_eq!(refusal(&issuer, FORGED).await, Refusal::Signature, "the key is there still");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_with_an_unknown_key_waits_for_nothing_or_for_ever() {
        let issuer = issuer();
        let begun = Instant::now();
        assert_eq!(refusal(&issuer, FORGED).await, Refusal::NoKeys("login".parse().unwrap()));
        assert_eq!(begun.elapsed(), PATIENCE, "nobody keeps the keys in this test");
        issuer.learn(KeySet::published(KEYS.as_bytes(), &[Algorithm::EdDSA]));
        let begun = Instant::now();
        assert_eq!(refusal(&issuer, OTHER_KEY).await, Refusal::Signature);
        assert_eq!(begun.elapsed(), Duration::ZERO, "the issuer was asked just now");
    }
}
