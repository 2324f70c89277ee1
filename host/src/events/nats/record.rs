//! Which durable consumers this host has made. The server cannot tell: all hosts of a service share one.

use bytes::Bytes;
use holm_registry::ServiceName;
use holm_registry::store::{Effects, Key, Store};
use holm_registry::subject::SubjectPattern;

use crate::events::bus::BusError;

/// What every record begins with; service and subject follow.
const PREFIX: &str = "nats-consumer/";

/// This one; on return that survives a loss of power.
///
/// # Errors
/// When the store does not take it.
pub async fn keep(store: &Store, service: &ServiceName, subject: &SubjectPattern) -> Result<(), BusError> {
    let key = key(service, subject);
    if store.get(&key)?.is_some() {
        return Ok(());
    }
    write(store, key, Some(Bytes::new())).await
}

/// This one has been ended.
///
/// # Errors
/// When the store does not take it.
pub async fn forget(store: &Store, service: &ServiceName, subject: &SubjectPattern) -> Result<(), BusError> {
    write(store, key(service, subject), None).await
}

/// All of them.
///
/// # Errors
/// When the store cannot be read.
pub fn all(store: &Store) -> Result<Vec<(ServiceName, SubjectPattern)>, BusError> {
    let found = store.scan(&Key::meta(PREFIX))?;
    Ok(found.iter().filter_map(|(key, _)| read(key)).collect())
}

fn read(key: &Key) -> Option<(ServiceName, SubjectPattern)> {
    // names of services have no slash
    let (service, subject) = key.path()?.strip_prefix(PREFIX)?.split_once('/')?;
    Some((service.parse().ok()?, subject.parse().ok()?))
}

fn key(service: &ServiceName, subject: &SubjectPattern) -> Key {
    Key::meta(&format!("{PREFIX}{service}/{subject}"))
}

async fn write(store: &Store, key: Key, value: Option<Bytes>) -> Result<(), BusError> {
    let writes = [(key, value)].into();
    let sequence = store.commit(Effects { writes, ..Effects::default() }).await?;
    Ok(store.durable(sequence).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::testing::store;

    #[tokio::test]
    async fn a_consumer_without_a_service_stays_on_the_server_for_ever() {
        let store = store();
        let (stock, mail) = ("stock".parse().unwrap(), "mail".parse().unwrap());
        let (orders, all) = ("orders.*".parse().unwrap(), "a/b.>".parse().unwrap());
        for (service, subject) in [(&stock, &orders), (&stock, &all), (&mail, &orders), (&stock, &orders)] {
            keep(&store, service, subject).await.unwrap();
        }
        forget(&store, &mail, &orders).await.unwrap();
        assert_eq!(super::all(&store).unwrap(), [(stock.clone(), all), (stock, orders)]);
    }
}
