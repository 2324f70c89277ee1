//! Where users are kept: one JSON value a user, under `user/{id}`, and one an account, under `login/{email}`.

use crate::domain::{Login, User};
use holm_guest::kv::{self, Bucket};
use holm_guest::page::{self, Page, Wanted};
use holm_guest::{Problem, Request};

pub fn find(bucket: &Bucket, id: &str) -> Result<User, Problem> {
    look_up(bucket, id)?.ok_or_else(not_found)
}

pub fn look_up(bucket: &Bucket, id: &str) -> Result<Option<User>, kv::Error> {
    kv::get(bucket, &key(id))
}

pub fn insert(bucket: &Bucket, user: &User) -> Result<(), kv::Error> {
    kv::set(bucket, &key(&user.id), user)
}

/// Changes a user in one step: of two changes at the same time, neither gets lost.
pub fn update(bucket: &Bucket, id: &str, change: impl Fn(User) -> Result<User, Problem>) -> Result<User, Problem> {
    kv::update(bucket, &key(id), |user| change(user.ok_or_else(not_found)?))
}

/// The users in the order of their creation.
pub fn list(bucket: &Bucket, request: &Request) -> Result<Page<User>, Problem> {
    Ok(page::read(bucket, "user/", &Wanted::of(request)?, |_| true)?)
}

/// What signing in with an address needs, if anybody has signed up with it.
pub fn login(bucket: &Bucket, email: &str) -> Result<Option<Login>, kv::Error> {
    kv::get(bucket, &login_key(email))
}

pub fn insert_login(bucket: &Bucket, email: &str, login: &Login) -> Result<(), kv::Error> {
    kv::set(bucket, &login_key(email), login)
}

/// The first so many of them.
pub fn first(bucket: &Bucket, limit: usize) -> Result<Vec<User>, kv::Error> {
    Ok(page::read(bucket, "user/", &Wanted { limit, after: String::new() }, |_| true)?.items)
}

fn not_found() -> Problem {
    Problem::not_found("User not found")
}

fn key(id: &str) -> String {
    format!("user/{id}")
}

fn login_key(email: &str) -> String {
    format!("login/{email}")
}
