//! The deliveries of one subscription: a task that asks the bus for the next one whenever there is room.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::TASKS;
use super::bus::{Bus, BusError, Consumer, Subscription};
use super::deliver::Deliverer;
use crate::shutdown::{TaskGroup, Tasks};

/// Between two tries to attach: at first, and at most.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(5);

/// A subscription at work.
pub struct Running {
    subscription: Arc<Subscription>,
    stop: CancellationToken,
    /// The task that asks, and the deliveries that it has begun.
    under_way: TaskTracker,
}

impl Running {
    /// Attaches and delivers, in the background; `confirmed` is called when the bus has confirmed it.
    pub fn start(
        bus: Arc<dyn Bus>,
        deliverer: Deliverer,
        tasks: &Tasks,
        confirmed: impl FnOnce() + Send + 'static,
    ) -> Self {
        let (subscription, stop) = (Arc::clone(&deliverer.subscription), deliverer.stop.clone());
        let (group, under_way) = (tasks.group(TASKS), TaskTracker::new());
        let asking = Asking {
            bus,
            permits: Arc::new(Semaphore::new(subscription.settings.concurrency as usize)),
            deliverer: Arc::new(deliverer),
            group: group.clone(),
            under_way: under_way.clone(),
        };
        let until = stop.clone();
        group.spawn(under_way.track_future(async move {
            let _stopped = until.run_until_cancelled(asking.run(confirmed)).await;
        }));
        Self { subscription, stop, under_way }
    }

    /// What it delivers.
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// Asks for nothing more. What is under way goes on.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Ends when nothing is under way any more. Call [`Running::stop`] before.
    pub async fn ended(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }
}

struct Asking {
    bus: Arc<dyn Bus>,
    permits: Arc<Semaphore>,
    deliverer: Arc<Deliverer>,
    group: TaskGroup,
    under_way: TaskTracker,
}

impl Asking {
    async fn run(self, confirmed: impl FnOnce()) {
        let mut consumer = self.attach().await;
        confirmed();
        loop {
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return };
            if let Err(error) = self.deliver_next(&mut *consumer, permit).await {
                self.warn("deliveries have stopped; attaching anew", &error);
                sleep(SOON).await;
                consumer = self.attach().await;
            }
        }
    }

    async fn deliver_next(&self, consumer: &mut dyn Consumer, permit: OwnedSemaphorePermit) -> Result<(), BusError> {
        let delivery = consumer.next().await?;
        let deliverer = Arc::clone(&self.deliverer);
        self.group.spawn(self.under_way.track_future(async move { deliverer.deliver(delivery, permit).await }));
        Ok(())
    }

    /// Tries until the bus has confirmed.
    async fn attach(&self) -> Box<dyn Consumer> {
        let mut pause = SOON;
        loop {
            match self.bus.subscribe(&self.deliverer.subscription).await {
                Ok(consumer) => return consumer,
                Err(error) => self.warn("it is not confirmed yet", &error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LATER);
        }
    }

    fn warn(&self, what: &str, error: &BusError) {
        let Subscription { service, settings } = &*self.deliverer.subscription;
        tracing::warn!(%service, subscription = settings.subject.as_str(), %error, "a subscription: {what}");
    }
}
