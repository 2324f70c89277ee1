//! Tests of the host over real sockets, and of its command line.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod process;
