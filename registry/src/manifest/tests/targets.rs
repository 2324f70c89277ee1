//! `compose`, `function` and `[service.X.grpc]`: targets that are more than a name.

use super::*;
use crate::compose::Need;
use crate::route::Target;

const SERVICES: &str = "[service.users]\ncomponent = \"users.wasm\"\nversion = \"1.0.0\"\n\
                        [service.orders]\ncomponent = \"orders.wasm\"\nversion = \"1.0.0\"\n";

fn manifest(lines: &str) -> Manifest {
    parse(&format!("{SERVICES}{lines}")).unwrap_or_else(|error| panic!("{error}"))
}

fn problems(lines: &str) -> String {
    parse(&format!("{SERVICES}{lines}")).unwrap_err().to_string().replace("holm.toml:", "")
}

#[test]
fn a_composition_is_read_as_something_else() {
    let manifest = manifest(
        "[[gateway.route]]\npath = \"/details/{id}\"\noutput = { order = \"{order}\", name = \"{user.name}\" }\n\
         [gateway.route.compose]\norder = { get = \"http://orders/orders/{id}\" }\n\
         user = { get = \"http://users/users/{order.user_id}\", timeout = \"500ms\", optional = true }\n",
    );
    let route = &manifest.routes[0];
    assert_eq!(route.methods, ["GET"]);
    let Target::Compose(plan) = &route.target else { panic!("{route:?}") };
    let parts: Vec<_> =
        plan.parts.iter().map(|(name, part)| (name.as_str(), part.need, part.timeout.is_some())).collect();
    assert_eq!(parts, [("order", Need::Required, false), ("user", Need::Optional, true)]);
    let json = serde_json::to_string(route).unwrap();
    assert_eq!(serde_json::from_str::<crate::route::RouteSpec>(&json).unwrap(), *route);
}

#[test]
fn a_bad_composition_does_not_say_where() {
    let route = "[[gateway.route]]\npath = \"/details/{id}\"\n";
    for (lines, expected) in [
        ("compose = { user = { get = \"http://users/{claims.id}\" } }", "9:20: `{claims…}` without `auth`"),
        ("compose = { user = { get = \"http://nobody/x\" } }", "9:1: this manifest has no service `nobody`"),
        (
            "compose = { user = { get = \"http://users/{idd}\" } }",
            "9:20: nothing is known as `{idd}`\n  help: did you mean `{id}`?",
        ),
        ("compose = { user = { get = \"users/x\" } }", "9:28: `users/x` asks no service"),
        ("compose = { user = { timeout = \"1s\" } }", "`gateway.route.compose.user` has no `get`"),
        (
            "compose = { user = { get = \"http://users/x\", optional = 1 } }",
            "`optional` is 1, but must be `true` or `false`",
        ),
        ("compose = { user = { get = \"http://users/x\" } }\noutput = \"{\"", "10:10: `{` has a `{` without its `}`"),
        (
            "compose = { user = { get = \"http://users/x\" } }\nservice = \"users\"",
            "one target, and this one has `service` and `compose`",
        ),
        ("service = \"users\"\noutput = { }", "unknown key `output`"),
    ] {
        let found = problems(&format!("{route}{lines}\n"));
        assert!(found.contains(expected), "{lines}: {found}");
    }
}

#[test]
fn a_function_that_cannot_be_meant_is_accepted() {
    let route = "[[gateway.route]]\npath = \"/users/{user_id}\"\nfunction = ";
    let good = manifest(&format!(
        "{route}{{ service = \"users\", interface = \"directory\", name = \"get-user\", errors = {{ gone = 410 }} }}\n"
    ));
    assert_eq!(good.routes[0].target.to_string(), "users directory get-user");
    for (function, expected) in [
        ("\"get-user\"", "`function` is a string, but must be a table"),
        ("{ interface = \"a\", name = \"b\" }", "`gateway.route.function` has no `service`"),
        ("{ service = \"users\", name = \"b\" }", "says which interface is meant; add `interface`"),
        ("{ service = \"users\", interface = \"a\", name = \"Get_User\" }", "`Get_User` is not a function"),
        (
            "{ service = \"users\", interface = \"a\", name = \"b\", errors = { gone = \"x\" } }",
            "must be a status of HTTP",
        ),
        ("{ service = \"users\", interface = \"a\", name = \"b\", nmae = \"c\" }", "unknown key `nmae`"),
    ] {
        let found = problems(&format!("{route}{function}\n"));
        assert!(found.contains(expected), "{function}: {found}");
    }
}

#[test]
fn a_service_that_speaks_grpc_has_no_rule_or_an_open_one() {
    let jwt = "[gateway.auth.jwt]\nsecret = \"0123456789abcdef0123456789abcdef\"\n[gateway.defaults]\nauth = \"jwt\"\n";
    let grpc = "[service.users.grpc]\nproto = \"user.proto\"\nservice = \"user.UserService\"\ninterface = \"shop:users/directory\"\n";
    let closed = manifest(&format!("{grpc}timeout = \"1s\"\n{jwt}"));
    let route = &closed.routes[0];
    assert_eq!(
        (route.path.to_string().as_str(), route.target.to_string().as_str()),
        ("/user.UserService/{method}", "users over gRPC")
    );
    assert_eq!(
        (route.methods.as_slice(), route.chain.auth.len(), route.timeout),
        (&[http::Method::POST][..], 1, Some(std::time::Duration::from_secs(1)))
    );
    assert!(manifest(&format!("{grpc}auth = []\n{jwt}")).routes[0].chain.is_empty());
    let settings = closed.services.values().find_map(|service| service.settings.grpc.clone()).unwrap();
    assert_eq!(settings.proto, Some("/apps/shop/user.proto".into()));
    for (lines, expected) in [
        ("[service.users.grpc]\nproto = \"a.proto\"\ninterface = \"a:b/c\"\n", "`service.users.grpc` has no `service`"),
        ("[service.users.grpc]\nservice = \"a.B\"\n", "`service.users.grpc` has no `interface`"),
        (&grpc.replace("user.UserService", "user/Service"), "`user/Service` is no service of a proto file"),
        (&grpc.replace("shop:users/directory", "directory"), "`directory` is not an interface"),
        (&format!("{grpc}rate = \"none\"\n"), "none"),
        (&format!("{grpc}{}", grpc.replace("users", "orders")), "match the same requests"),
    ] {
        let found = problems(lines);
        assert!(found.contains(expected), "{lines}: {found}");
    }
}

#[test]
fn a_service_without_a_proto_file_is_not_reached_over_grpc() {
    let of = |lines: &str| {
        let manifest = manifest(&format!("[service.users.grpc]\ninterface = \"shop:users/directory\"\n{lines}"));
        let settings = manifest.services.values().find_map(|service| service.settings.grpc.clone()).unwrap();
        (manifest.routes[0].path.to_string(), settings.service, settings.proto)
    };
    assert_eq!(of(""), ("/shop.users.Directory/{method}".to_owned(), "shop.users.Directory".to_owned(), None));
    assert_eq!(of("service = \"user.UserService\"\n").0, "/user.UserService/{method}");
}

#[test]
fn a_description_can_be_written_to() {
    let manifest = manifest("[[gateway.route]]\npath = \"/openapi.json\"\nopenapi = \"users\"\n");
    let route = &manifest.routes[0];
    assert_eq!(
        (route.methods.as_slice(), route.target.to_string().as_str()),
        (&[http::Method::GET][..], "OpenAPI of users")
    );
    let found = problems("[[gateway.route]]\npath = \"/openapi.json\"\nopenapi = \"user\"\n");
    assert!(found.contains("did you mean `users`?"), "{found}");
}
