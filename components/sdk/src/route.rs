//! A table of method, path and handler, and the choice among its rows.
//!
//! A path is made of segments: `/users/{id}` matches any one segment in the place of `{id}`. The first row that
//! matches wins, so a fixed segment stands above a `{name}` in the same place. A trailing slash makes no
//! difference.

use crate::http::decode;
use crate::{Problem, Request, Response};

/// What a row of the table leads to.
pub type Handler = fn(&Request) -> Result<Response, Problem>;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    method: &'static str,
    path: &'static str,
    handler: Handler,
}

impl Route {
    /// Reads something; answers `HEAD` as well.
    pub const fn get(path: &'static str, handler: Handler) -> Self {
        Self { method: "GET", path, handler }
    }

    /// Makes something or sets something going.
    pub const fn post(path: &'static str, handler: Handler) -> Self {
        Self { method: "POST", path, handler }
    }

    /// Puts something in the place of what is there.
    pub const fn put(path: &'static str, handler: Handler) -> Self {
        Self { method: "PUT", path, handler }
    }

    /// Changes a part of something.
    pub const fn patch(path: &'static str, handler: Handler) -> Self {
        Self { method: "PATCH", path, handler }
    }

    /// Removes something.
    pub const fn delete(path: &'static str, handler: Handler) -> Self {
        Self { method: "DELETE", path, handler }
    }
}

/// Finds the row for a request and runs its handler.
///
/// # Errors
/// 404 if no path fits, 405 if none of its methods does, and whatever the handler reports.
pub fn dispatch(routes: &[Route], mut request: Request) -> Result<Response, Problem> {
    let wanted = if request.method == "HEAD" { "GET" } else { request.method.as_str() };
    let mut allowed = Vec::new();
    for route in routes {
        let Some(params) = parameters(route.path, &request.path)? else { continue };
        if route.method == wanted {
            request.params = params;
            return (route.handler)(&request);
        }
        allowed.push(route.method);
    }
    if allowed.is_empty() {
        return Err(Problem::not_found(format!("There is nothing at {}", request.path)));
    }
    let refusal = Problem::new(405, format!("{} is not possible here", request.method));
    Ok(refusal.into_response().with_header("allow", allowed.join(", ")))
}

/// What the parts in braces stand for if `path` has the form of `pattern`.
fn parameters(pattern: &'static str, path: &str) -> Result<Option<Vec<(&'static str, String)>>, Problem> {
    let mut params = Vec::new();
    let mut segments = segments_of(path);
    for part in segments_of(pattern) {
        let Some(segment) = segments.next() else { return Ok(None) };
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return Ok(None),
            Some(name) => params.push((name, decode(segment)?)),
            None if part == segment => {}
            None => return Ok(None),
        }
    }
    Ok(segments.next().is_none().then_some(params))
}

fn segments_of(path: &str) -> impl Iterator<Item = &str> {
    path.strip_suffix('/').unwrap_or(path).split('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(request: &Request) -> Result<Response, Problem> {
        Ok(Response::json(200, &format!("{} id={}", request.method, request.param("id"))))
    }

    const ROUTES: &[Route] = &[
        Route::get("/", |_| Ok(Response::empty(204))),
        Route::get("/users", echo),
        Route::post("/users", echo),
        Route::get("/users/me", |_| Ok(Response::empty(204))),
        Route::get("/users/{id}", echo),
        Route::put("/users/{id}", echo),
    ];

    fn call(method: &str, path: &str) -> Response {
        dispatch(ROUTES, Request::new(method, path).unwrap()).unwrap_or_else(Problem::into_response)
    }

    fn text(response: &Response) -> String {
        serde_json::from_slice(&response.body).unwrap()
    }

    #[test]
    fn a_parameter_arrives_encoded() {
        assert_eq!(text(&call("GET", "/users/a%2Fb%20c")), "GET id=a/b c");
    }

    #[test]
    fn a_slash_at_the_end_is_another_path() {
        assert_eq!(text(&call("GET", "/users/")), "GET id=");
        assert_eq!(text(&call("GET", "/users/7/")), "GET id=7");
    }

    #[test]
    fn an_empty_segment_counts_as_a_parameter() {
        assert_eq!(call("GET", "/users//").status, 404);
        assert_eq!(call("GET", "//").status, 404);
    }

    #[test]
    fn a_fixed_segment_loses_to_a_parameter() {
        assert_eq!(call("GET", "/users/me").status, 204);
    }

    #[test]
    fn a_longer_or_shorter_path_matches() {
        assert_eq!(call("GET", "/users/7/orders").status, 404);
        assert_eq!(call("GET", "/").status, 204);
        assert_eq!(call("GET", "/x").status, 404);
    }

    #[test]
    fn a_wrong_method_does_not_tell_the_right_ones() {
        let response = call("DELETE", "/users/7");
        assert_eq!(response.status, 405);
        assert!(response.headers.contains(&("allow", "GET, PUT".to_string())));
    }

    #[test]
    fn head_is_refused_where_get_is_served() {
        assert_eq!(call("HEAD", "/users").status, 200);
    }

    #[test]
    fn a_broken_escape_in_the_path_is_taken_for_another_path() {
        assert_eq!(call("GET", "/users/%zz").status, 400);
    }
}
