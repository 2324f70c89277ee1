//! Holm from the outside: real sockets, real processes, real components.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod alone;
#[cfg(test)]
mod call_by_hand;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod client;
#[cfg(test)]
mod clinic;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod dev;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod door;
#[cfg(test)]
mod events;
#[cfg(test)]
mod fallbacks;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod gateway_auth;
#[cfg(test)]
mod gateway_clients;
#[cfg(test)]
mod gateway_compose;
#[cfg(test)]
mod gateway_drain;
#[cfg(test)]
mod gateway_function;
#[cfg(test)]
mod gateway_hostile;
#[cfg(test)]
mod gateway_http2;
#[cfg(test)]
mod gateway_rate;
#[cfg(test)]
mod gateway_stages;
#[cfg(test)]
mod gateway_targets;
#[cfg(test)]
mod gateway_tls;
#[cfg(test)]
mod gateway_upstream;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod guests;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod languages;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod migrating;
#[cfg(test)]
mod nats;
#[cfg(test)]
mod nested;
#[cfg(test)]
mod outgoing;
#[cfg(test)]
mod outside;
#[cfg(test)]
mod places;
#[cfg(test)]
mod process;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod supply;
#[cfg(test)]
mod swap;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod upstreams;
