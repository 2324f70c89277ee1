//! One durable consumer of the server, shared by everything here that is attached to it, and by what works for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holm_registry::ServiceName;
use holm_registry::event::Event;
use holm_registry::store::Store;
use holm_registry::subject::SubjectPattern;
use tokio::sync::futures::Notified;
use tokio::sync::{Mutex as AsyncMutex, Notify, RwLock};
use tokio::time::Instant;

use super::attempts::{self, Note};
use super::link::Inbox;
use super::window::Window;
use crate::events::bus::{BusError, Subscription};
use crate::events::queue::Taken;

/// A durable consumer.
pub struct Durable {
    /// Whose it is.
    pub service: ServiceName,
    /// Which events it gets.
    pub subject: SubjectPattern,
    /// From which stream.
    pub stream: String,
    /// Its name there.
    pub name: String,
    /// Where its events come in. It stays when whoever listens there is stopped: something may be in it.
    pub inbox: AsyncMutex<Option<Inbox>>,
    /// Read by each settlement for as long as it is not known whether the server has heard of it, and written by
    /// whoever counts what is not settled.
    pub settling: RwLock<()>,
    store: Store,
    state: Mutex<State>,
    /// Something may go out that could not before.
    changed: Notify,
    /// The server may have to be told something.
    work: Notify,
}

struct State {
    window: Window,
    ended: Option<Ended>,
}

/// Why nothing is delivered any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nobody subscribes any more.
    Unsubscribed,
    /// It is not on the server any more.
    Lost,
}

/// What there is to do.
pub enum Next {
    /// Deliver this.
    Deliver(Taken, Arc<Event>),
    /// Wait for a change, or until then.
    Wait(Option<Instant>),
    /// The consumer was ended.
    Ended(Ended),
}

impl Durable {
    /// A consumer that the server has confirmed: its stream and its name there.
    pub fn new(subscription: &Subscription, (stream, name): (String, String), window: Window, store: Store) -> Self {
        let (service, subject) = (subscription.service.clone(), subscription.settings.subject.clone());
        let (inbox, settling, changed, work) = Default::default();
        let state = Mutex::new(State { window, ended: None });
        Self { service, subject, stream, name, inbox, settling, store, state, changed, work }
    }

    /// What there is to do now.
    pub fn next(&self, now: Instant) -> Next {
        let mut state = self.state();
        if let Some(ended) = state.ended {
            return Next::Ended(ended);
        }
        let Some((taken, event)) = state.window.take(now) else { return Next::Wait(state.window.next_change(now)) };
        drop(state);
        self.work.notify_one();
        Next::Deliver(taken, event)
    }

    /// Ends when [`Durable::next`] may answer something else.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Ends when the server may have to be told something.
    pub async fn work(&self) {
        self.work.notified().await;
    }

    /// Somebody waits for an event, until what this returns is dropped.
    pub fn asking(self: &Arc<Self>) -> Asking {
        self.state().window.asks(true);
        self.work.notify_one();
        Asking(Arc::clone(self))
    }

    /// Looks at what is held, or notes something that changes nothing for anybody else.
    pub fn with<T>(&self, how: impl FnOnce(&mut Window) -> T) -> T {
        how(&mut self.state().window)
    }

    /// Changes what is held, and tells everybody.
    pub fn change<T>(&self, how: impl FnOnce(&mut Window) -> T) -> T {
        let done = how(&mut self.state().window);
        self.tell();
        done
    }

    /// Writes down how often events were tried; on return that survives a loss of power. If the store does not take
    /// it, they are tried all the same: then it will not take what they do, either.
    pub async fn note(&self, notes: Vec<Note>) {
        let Self { service, subject, store, .. } = self;
        if notes.is_empty() {
            return;
        }
        let written = async {
            let sequence = attempts::write(store, service, subject, notes).await?;
            Ok::<(), BusError>(store.durable(sequence).await?)
        };
        if let Err(error) = written.await {
            tracing::warn!(%service, %subject, %error, "after a crash attempts to handle events may be forgotten");
        }
    }

    /// Nothing is delivered any more.
    pub fn end(&self, why: Ended) {
        self.state().ended.get_or_insert(why);
        self.tell();
    }

    /// Why it has ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        self.state().ended
    }

    fn tell(&self) {
        self.changed.notify_waiters();
        self.work.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody waits for an event.
pub struct Asking(Arc<Durable>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.state().window.asks(false);
    }
}
