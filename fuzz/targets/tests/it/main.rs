//! The targets over their corpora.

#[cfg(test)]
mod corpora;
