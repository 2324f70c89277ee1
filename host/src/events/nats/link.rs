//! The connection to NATS. The only place, with `link/`, that knows the client library.
//!
//! It connects, and connects again, for ever and by itself. Nobody waits for it: while it is away, everything
//! fails at once with [`LinkError::Away`], and what was under way fails as soon as the connection is lost, since
//! neither a request that was written nor its reply outlives one. So what matters is sent as a request, and sent
//! again by whoever made it.

mod login;
mod message;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Request, RequestErrorKind, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use holm_registry::event::nats::NatsSettings;
use tokio::sync::watch::Receiver;
use tokio::time::timeout;

pub use self::login::LoginError;
pub use self::message::Message;
use self::message::headers;
pub use self::watch::LinkState;
use crate::telemetry::metrics::NatsMetrics;

/// Bytes of a message that a server takes as it is set up by default, headers included.
const DEFAULT_PAYLOAD: usize = 1 << 20;

/// A connection. Clones are handles on the same one.
#[derive(Clone)]
pub struct Link {
    client: Client,
    state: Receiver<LinkState>,
}

/// Why something did not get through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// There is no connection, or it was lost meanwhile.
    #[error("{0}")]
    Away(Arc<str>),
    /// Nobody has answered in time.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Late(Duration),
    /// Nobody is there to answer.
    #[error("nobody answers there")]
    Nobody,
    /// It is not a message that NATS could carry.
    #[error("{0}")]
    Unfit(String),
}

/// What comes in on a subject.
pub struct Inbox {
    subject: String,
    subscriber: Subscriber,
}

impl Link {
    /// Begins to connect.
    ///
    /// # Errors
    /// When a file that the settings name cannot be used. An unreachable server is no error.
    pub async fn open(settings: &NatsSettings, metrics: NatsMetrics) -> Result<Self, LoginError> {
        let (told, state) = watch::channel(settings, metrics);
        let options = login::options(settings).await?;
        let options = options.event_callback(move |event| {
            told.tell(&event);
            std::future::ready(())
        });
        let client = login::connect(options, settings).await?;
        Ok(Self { client, state })
    }

    /// How it stands.
    pub fn state(&self) -> LinkState {
        self.state.borrow().clone()
    }

    /// Whether there is a connection.
    pub fn is_up(&self) -> bool {
        matches!(*self.state.borrow(), LinkState::Up(_))
    }

    /// How it stands, to be followed.
    pub fn follow(&self) -> Receiver<LinkState> {
        self.state.clone()
    }

    /// Ends when there is a connection; answers with its number.
    pub async fn up(&self) -> u64 {
        let mut state = self.follow();
        loop {
            if let LinkState::Up(number) = *state.borrow_and_update() {
                return number;
            }
            if state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The version of the server that it is, or was last, connected to. Empty before the first connection.
    pub fn server_version(&self) -> String {
        self.client.server_info().version
    }

    /// Bytes of one message with its headers that the server takes.
    pub fn max_payload(&self) -> usize {
        match self.client.max_payload() {
            0 => DEFAULT_PAYLOAD,
            some => some,
        }
    }

    /// Sends a message and waits for what is answered.
    ///
    /// # Errors
    /// When there is no answer; whether the message has arrived is not known then.
    pub async fn request(
        &self,
        subject: &str,
        headers_of: &[(String, String)],
        payload: Bytes,
        within: Duration,
    ) -> Result<Message, LinkError> {
        let number = self.number()?;
        let mut request = Request::new().payload(payload).timeout(Some(within));
        if !headers_of.is_empty() {
            request = request.headers(headers(headers_of)?);
        }
        let answer = self.client.send_request(subject.to_owned(), request);
        tokio::select! {
            answer = timeout(within, answer) => match answer {
                Ok(Ok(answer)) => Ok(answer.into()),
                Ok(Err(error)) => Err(failed(&error, within)),
                Err(_) => Err(LinkError::Late(within)),
            },
            error = self.lost(number) => Err(error),
        }
    }

    /// Sends a message, in the order of these calls. Whether it arrives is not known.
    ///
    /// # Errors
    /// When it certainly does not.
    pub async fn send(&self, subject: &str, reply: Option<&str>, payload: Bytes) -> Result<(), LinkError> {
        /// The library's queue to the socket is short; a second means that nothing moves.
        const SOON: Duration = Duration::from_secs(1);
        self.number()?;
        let (client, subject) = (&self.client, subject.to_owned());
        let sent = async {
            match reply {
                Some(reply) => client.publish_with_reply(subject, reply.to_owned(), payload).await,
                None => client.publish(subject, payload).await,
            }
        };
        match timeout(SOON, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(LinkError::Unfit(error.to_string())),
            Err(_) => Err(LinkError::Late(SOON)),
        }
    }

    /// A subject of its own for answers, and what comes in there.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn inbox(&self) -> Result<Inbox, LinkError> {
        self.subscribe(&self.client.new_inbox()).await
    }

    /// What is published to a subject, or to those of a pattern, from now on. What comes in faster than it is
    /// taken out is lost, and counted.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn subscribe(&self, subject: &str) -> Result<Inbox, LinkError> {
        self.number()?;
        let subscriber = self.client.subscribe(subject.to_owned()).await;
        let subscriber = subscriber.map_err(|error| LinkError::Unfit(error.to_string()))?;
        Ok(Inbox { subject: subject.to_owned(), subscriber })
    }

    fn number(&self) -> Result<u64, LinkError> {
        match &*self.state.borrow() {
            LinkState::Up(number) => Ok(*number),
            LinkState::Away(why) => Err(LinkError::Away(Arc::clone(why))),
        }
    }

    async fn lost(&self, number: u64) -> LinkError {
        let mut state = self.follow();
        let why = match state.wait_for(|state| *state != LinkState::Up(number)).await.as_deref() {
            Ok(LinkState::Away(why)) => Arc::clone(why),
            _ => "the connection was lost meanwhile".into(),
        };
        LinkError::Away(why)
    }

    /// Ends when the connection of this number is gone.
    pub async fn down(&self, number: u64) {
        self.lost(number).await;
    }
}

impl Inbox {
    /// Its subject.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The next message. `None`: the client has ended. Safe to be dropped while it waits.
    pub async fn next(&mut self) -> Option<Message> {
        self.subscriber.next().await.map(Message::from)
    }

    /// Ends it before anything is sent that is said after this; what had come in and was not taken out.
    pub async fn close(mut self) -> Vec<Message> {
        // an error: the client has ended, and nothing comes in any more
        let _told = self.subscriber.unsubscribe().await;
        self.subscriber.map(Message::from).collect().await
    }
}

fn failed(error: &async_nats::RequestError, within: Duration) -> LinkError {
    match error.kind() {
        RequestErrorKind::TimedOut => LinkError::Late(within),
        RequestErrorKind::NoResponders => LinkError::Nobody,
        RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => LinkError::Unfit(error.to_string()),
        RequestErrorKind::Other => LinkError::Away(error.to_string().into()),
    }
}
