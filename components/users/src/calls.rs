//! The door for other services, and for clients that speak gRPC: `shop:users/directory`.

use crate::Users;
use crate::bindings::exports::shop::users::directory::{Failure, Guest, User};
use crate::domain;
use crate::store;
use holm_guest::kv;

/// Of 300 bytes each they stay far below the mebibyte that a call may give.
const LIST_LIMIT: usize = 1000;

impl Guest for Users {
    fn get_user(user_id: String) -> Result<User, Failure> {
        let user = store::look_up(&kv::open()?, &user_id)?;
        user.map(told).ok_or(Failure::NotFound)
    }

    fn list_users() -> Result<Vec<User>, Failure> {
        let users = store::first(&kv::open()?, LIST_LIMIT)?;
        Ok(users.into_iter().map(told).collect())
    }
}

fn told(user: domain::User) -> User {
    let domain::User { id: user_id, email, name, .. } = user;
    User { user_id, email, name }
}

impl From<kv::Error> for Failure {
    fn from(error: kv::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
