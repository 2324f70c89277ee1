//! Tests of the host over real sockets.

#[cfg(test)]
mod door;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod gateway_drain;
#[cfg(test)]
mod gateway_hostile;
