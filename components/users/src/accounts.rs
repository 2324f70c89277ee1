//! The routes by which somebody signs up and in. What they get is a token; the gateway looks at it from then on, and no
//! service has to.
//!
//! Somebody signs in with the address that they have signed up with, whatever their profile says later.

use crate::domain::{Login, Profile, User};
use crate::token::{self, Claims};
use crate::{api, password, store};
use holm_guest::{Problem, Request, Response, clock, config, kv};
use serde::Deserialize;
use serde_json::json;
use wasip2::random::random::get_random_bytes;

/// The setting with the secret that tokens are signed with.
const SECRET: &str = "JWT_SECRET";
/// How long a token holds, in seconds, where the settings do not say: an hour.
const TOKEN_SECONDS: u64 = 3600;

/// What somebody sends to sign up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    email: String,
    name: String,
    currency: Option<String>,
    password: String,
}

/// What somebody sends to sign in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    email: String,
    password: String,
}

/// A profile, and a way to sign in as it.
pub fn sign_up(request: &Request) -> Result<Response, Problem> {
    let NewAccount { email, name, currency, password } = request.json()?;
    let user = match (api::new_user(Profile { email, name, currency }), password::check(&password)) {
        (user, None) => user?,
        (user, Some(short)) => return Err(invalid(user.err(), short)),
    };
    let bucket = kv::open()?;
    if store::login(&bucket, &user.email)?.is_some() {
        return Err(Problem::new(409, "There is an account with this address already"));
    }
    let password = password::hash(&password, &salt()).map_err(Problem::internal)?;
    store::insert(&bucket, &user)?;
    store::insert_login(&bucket, &user.email, &Login { user_id: user.id.clone(), password })?;
    Ok(Response::json(201, &user).with_header("location", format!("users/{}", user.id)))
}

/// A token. Which of the two was wrong, nobody is told.
pub fn sign_in(request: &Request) -> Result<Response, Problem> {
    let Credentials { email, password } = request.json()?;
    let login = store::login(&kv::open()?, &User::plain_email(&email))?;
    let fits = password::fits(&password, login.as_ref().map(|login| login.password.as_str()));
    let Some(Login { user_id, .. }) = login.filter(|_| fits) else {
        return Err(Problem::new(401, "There is no account with this address and password"));
    };
    let expires_in = config::get("token_seconds", TOKEN_SECONDS)?;
    let now = clock::now().0;
    let claims = Claims { id: &user_id, sub: &user_id, iss: "shop", iat: now, exp: now.saturating_add(expires_in) };
    let token = token::sign(&claims, &config::get(SECRET, String::new())?).ok_or_else(no_secret)?;
    Ok(Response::json(
        201,
        &json!({"token": token, "token_type": "Bearer", "expires_in": expires_in, "user_id": user_id}),
    )
    .with_header("cache-control", "no-store"))
}

/// Everything that is wrong, so that one answer names it.
fn invalid(profile: Option<Problem>, password: holm_guest::problem::FieldError) -> Problem {
    let mut errors = profile.map(|problem| problem.errors).unwrap_or_default();
    errors.push(password);
    Problem::invalid(errors)
}

fn salt() -> [u8; 16] {
    let mut salt = [0; 16];
    salt.iter_mut().zip(get_random_bytes(16)).for_each(|(to, from)| *to = from);
    salt
}

fn no_secret() -> Problem {
    Problem::internal(format!(
        "the secret {SECRET} is not set, or has fewer than {} bytes: see grants.secrets in the manifest",
        token::SHORTEST_SECRET
    ))
}
