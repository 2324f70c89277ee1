//! `${NAME}` in the values of a manifest: the host's environment, so that secrets and addresses
//! need not stand in the file. `$${` stands for `${` itself; any other `$` is an ordinary
//! character.

use thiserror::Error;

/// Why a value could not be filled in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum EnvError {
    #[error("the environment has no variable `{0}`")]
    Undefined(String),
    #[error("a `${{` has no `}}`")]
    Unclosed,
    #[error("`{0}` is no name of an environment variable")]
    Name(String),
}

/// Replaces every `${NAME}` in `text`.
pub(super) fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, EnvError> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        let (name, after) = after.split_once('}').ok_or(EnvError::Unclosed)?;
        expanded.push_str(before);
        expanded.push_str(&look_up(name, env)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn look_up(name: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, EnvError> {
    let valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !valid {
        return Err(EnvError::Name(name.to_owned()));
    }
    env(name).ok_or_else(|| EnvError::Undefined(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, EnvError> {
        expand(text, &|name| match name {
            "HOST" => Some("a.test".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${HOST}".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn a_variable_is_not_filled_in() {
        for (text, value) in [
            ("", ""),
            ("http://${HOST}/${HOST}", "http://a.test/a.test"),
            ("a${EMPTY}b", "ab"),
            ("$${HOST} and ${HOST}", "${HOST} and a.test"),
            ("$HOST {x} $ $$", "$HOST {x} $ $$"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn the_value_of_a_variable_is_filled_in_again() {
        assert_eq!(expanded("${NESTED}").as_deref(), Ok("${HOST}"));
    }

    #[test]
    fn a_bad_variable_becomes_an_empty_value() {
        assert_eq!(expanded("${ABSENT}"), Err(EnvError::Undefined("ABSENT".to_owned())));
        assert_eq!(expanded("${HOST"), Err(EnvError::Unclosed));
        assert_eq!(expanded("${}"), Err(EnvError::Name(String::new())));
        assert_eq!(expanded("${A B}"), Err(EnvError::Name("A B".to_owned())));
    }
}
