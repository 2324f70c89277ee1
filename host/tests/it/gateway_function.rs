//! Functions of services, called with JSON through the gateway.

use http::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::process::{Host, component, stderr};

const ROUTES: &str = "
[[gateway.route]]
path = \"/rpc/{package}/{interface}/{function}\"
methods = [\"POST\"]
function = { service = \"inventory\" }
[[gateway.route]]
path = \"/stock/{reservation}\"
methods = [\"PUT\"]
function = { service = \"inventory\", interface = \"stock\", name = \"reserve\", body = \"items\", errors = { taken = 423 } }
[[gateway.route]]
path = \"/stock/{reservation}\"
methods = [\"DELETE\"]
function = { service = \"inventory\", interface = \"shop:inventory/stock@1.0.0\", name = \"release\" }
[[gateway.route]]
path = \"/users/{user_id}\"
methods = [\"GET\"]
function = { service = \"users\", interface = \"directory\", name = \"get-user\" }
[[gateway.route]]
path = \"/api/{*rest}\"
rewrite = \"/stock/{rest}\"
service = \"inventory\"
[[gateway.route]]
path = \"/people/{*rest}\"
rewrite = \"/users/{rest}\"
service = \"users\"
";

fn manifest(routes: &str) -> String {
    let service =
        |name: &str| format!("[service.{name}]\ncomponent = \"{}\"\nversion = \"1.0.0\"\n", component(name).display());
    format!("[app]\nname = \"shop\"\n{}{}{routes}", service("inventory"), service("users"))
}

async fn open() -> (Host, Client) {
    let host = Host::start();
    host.deploy_manifest(&manifest(ROUTES));
    let client = Client::new(&host.gateway);
    assert_eq!(client.send(Method::PUT, "/api/tea", "{\"on_hand\": 5}").await.status, 200);
    (host, client)
}

async fn send(client: &Client, method: Method, path: &str, body: Value) -> Answer {
    client.send(method, path, &if body.is_null() { String::new() } else { body.to_string() }).await
}

#[tokio::test]
async fn a_function_cannot_be_called_without_a_program_of_its_own() {
    let (_host, client) = open().await;
    let ask = async |path: &str, body: Value| send(&client, Method::POST, path, body).await;
    let tea = json!([{"sku": "tea", "quantity": 2}]);
    for (path, body) in [
        ("/rpc/shop:inventory/stock/check-availability", json!({"items": tea})),
        ("/rpc/inventory/stock@1.0.0/check-availability", json!([tea])),
    ] {
        let answer = ask(path, body).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"available": true, "short": []})), "{path}");
    }
    let reserved = ask("/rpc/shop:inventory/stock/reserve", json!({"reservation": "r", "items": tea})).await;
    assert_eq!((reserved.status.as_u16(), reserved.body.as_str()), (204, ""));
    for path in ["/rpc/shop:inventory/stock/nothing", "/rpc/shop:inventory/stocks/reserve", "/rpc/a/b/c"] {
        assert_eq!(ask(path, json!({})).await.fault(), "not-found", "{path}");
    }
}

#[tokio::test]
async fn a_path_and_a_body_do_not_become_arguments() {
    let (_host, client) = open().await;
    let tea = |quantity: u32| json!([{"sku": "tea", "quantity": quantity}]);
    assert_eq!(send(&client, Method::PUT, "/stock/o-1", tea(3)).await.status, 204);
    assert_eq!(client.get("/api/tea").await.json()["reserved"], 3);
    let taken = send(&client, Method::PUT, "/stock/o-1", tea(1)).await;
    assert_eq!(
        (taken.status.as_u16(), taken.fault().as_str(), &taken.json()["error"]),
        (423, "function-error", &json!("taken"))
    );
    let short = send(&client, Method::PUT, "/stock/o-2", tea(9)).await;
    assert_eq!(short.status, 409);
    assert_eq!(short.json()["error"], json!({"insufficient": [{"sku": "tea", "wanted": 9, "available": 2}]}));
    let invalid = send(&client, Method::PUT, "/stock/o-2", json!([])).await;
    assert_eq!(invalid.status, 400);
    assert!(invalid.json()["detail"].as_str().is_some_and(|text| !text.is_empty()), "{invalid:?}");
    assert_eq!(send(&client, Method::DELETE, "/stock/o-1", Value::Null).await.status, 204);
    assert_eq!(client.get("/api/tea").await.json()["reserved"], 0);

    let ada = send(&client, Method::POST, "/people", json!({"email": "ada@example.com", "name": "Ada"})).await.json();
    let shown = client.get(&format!("/users/{}", ada["id"].as_str().unwrap())).await.json();
    assert_eq!(shown, json!({"user-id": ada["id"], "email": "ada@example.com", "name": "Ada"}));
    let nobody = client.get("/users/nobody").await;
    assert_eq!((nobody.status.as_u16(), nobody.fault().as_str()), (404, "function-error"));
}

#[tokio::test]
async fn an_argument_that_does_not_fit_is_not_pointed_at() {
    let (_host, client) = open().await;
    let error = async |method: Method, path: &str, body: &str| {
        let answer = client.send(method, path, body).await;
        assert_eq!((answer.status.as_u16(), answer.fault().as_str()), (400, "arguments"), "{answer:?}");
        answer.json()["errors"][0].clone()
    };
    let rpc = "/rpc/shop:inventory/stock/reserve";
    let wrong = error(Method::POST, rpc, r#"{"reservation": "r", "items": [{"sku": "tea", "quantity": -1}]}"#).await;
    assert_eq!(wrong["pointer"], "#/items/0/quantity");
    assert_eq!(wrong["detail"], "expected u32 (0 to 4294967295), got the number -1");
    assert_eq!(error(Method::POST, rpc, r#"{"items": []}"#).await["pointer"], "#/reservation");
    assert_eq!(error(Method::POST, rpc, r#"{"reservation": "r", "itms": []}"#).await["pointer"], "#/itms");
    assert_eq!(error(Method::POST, rpc, "{").await["pointer"], "#");
    assert_eq!(error(Method::PUT, "/stock/r", r#"[{"sku": "tea"}]"#).await["pointer"], "#/0/quantity");
    assert_eq!(error(Method::DELETE, "/stock/r?force=1", "").await["parameter"], "force");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let form = client.try_send_with(Method::POST, rpc, &form, "a=b").await.unwrap();
    assert_eq!(form.fault(), "bad-request");
}

#[tokio::test]
async fn nobody_is_told_what_can_be_called() {
    let host = Host::start();
    host.deploy_manifest(&manifest(&format!(
        "{ROUTES}[[gateway.route]]\npath = \"/openapi/stock.json\"\nopenapi = \"inventory\"\n"
    )));
    let client = Client::new(&host.gateway);
    let told = client.get("/openapi/stock.json").await;
    assert_eq!((told.status.as_u16(), &told.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    let document = told.json();
    assert_eq!((&document["openapi"], &document["info"]["title"]), (&json!("3.1.0"), &json!("inventory")));
    let mut paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    paths.sort_unstable();
    let rpc = |name: &str| format!("/rpc/shop:inventory/stock/{name}");
    let expected = [rpc("check-availability"), rpc("release"), rpc("reserve"), "/stock/{reservation}".to_owned()];
    assert_eq!(paths, expected.iter().collect::<Vec<_>>(), "{document}");
    let put = &document["paths"]["/stock/{reservation}"]["put"];
    assert_eq!(put["parameters"][0]["name"], "reservation");
    let item = &put["requestBody"]["content"]["application/json"]["schema"]["items"];
    assert_eq!(item["properties"]["quantity"]["maximum"], u32::MAX);
    assert_eq!(client.send(Method::POST, "/openapi/stock.json", "").await.status, 405);
}

#[test]
fn a_rule_leads_to_a_function_that_there_is_not() {
    let host = Host::start();
    let route = |function: &str| {
        let text = manifest(&format!("[[gateway.route]]\npath = \"/x/{{id}}\"\nfunction = {function}\n"));
        let path = host.file("holm.toml", text);
        stderr(&host.cli(&["deploy", &path]))
    };
    let refused = route("{ service = \"users\", interface = \"directory\" }");
    assert!(refused.contains("says which function is meant; add `name`"), "{refused}");
    let refused = route("{ service = \"users\", interface = \"directory\", name = \"get-usr\" }");
    assert!(refused.contains("did you mean `get-user`?"), "{refused}");
    let refused = route("{ service = \"users\", interface = \"directory\", name = \"get-user\" }");
    assert!(refused.contains("`{id}` is no parameter of get-user: func(user-id: string)"), "{refused}");
    let refused = route("{ service = \"user\", interface = \"directory\", name = \"get-user\" }");
    assert!(refused.contains("no service `user`") && refused.contains("did you mean `users`?"), "{refused}");
}
