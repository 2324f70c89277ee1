//! Which host a client command means, and what lets it in.

use std::path::PathBuf;

use crate::admin::client::{Client, ClientError, DEFAULT_URL, Target};
use crate::config::Environment;

/// The options of every command that asks a running host.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Host")]
pub(super) struct HostArgs {
    /// Address of the admin API [default: $HOLM_ADMIN_URL, else http://127.0.0.1:7070]
    #[arg(long, value_name = "URL")]
    admin_url: Option<String>,
    /// Admin token [default: $HOLM_TOKEN, else the file admin-token in the data directory]
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Data directory of the host [default: $HOLM_DATA, else .holm]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl HostArgs {
    pub(super) fn client(&self, environment: &Environment) -> Result<Client, ClientError> {
        Client::new(&self.target(environment))
    }

    fn target(&self, environment: &Environment) -> Target {
        let url = self.admin_url.clone().or_else(|| environment.admin_url.clone());
        Target {
            url: url.unwrap_or_else(|| DEFAULT_URL.to_owned()),
            token: self.token.clone().or_else(|| environment.token.clone()),
            data: environment.data_dir(self.data.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_over_a_flag() {
        let environment = Environment {
            admin_url: Some("http://env:1".to_owned()),
            token: Some("env".to_owned()),
            ..Environment::default()
        };
        let none = HostArgs { admin_url: None, token: None, data: None };
        let target = none.target(&environment);
        assert_eq!((target.url.as_str(), target.token.as_deref()), ("http://env:1", Some("env")));
        let flags =
            HostArgs { admin_url: Some("http://flag:2".to_owned()), token: Some("flag".to_owned()), data: None };
        let target = flags.target(&environment);
        assert_eq!((target.url.as_str(), target.token.as_deref()), ("http://flag:2", Some("flag")));
        assert_eq!(none.target(&Environment::default()).url, DEFAULT_URL);
    }
}
