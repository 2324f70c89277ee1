//! One answer made of several services' answers: the shop's aggregation endpoint.

use std::time::Duration;

use http::Method;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::outside::{EMPTY, Outside};
use crate::process::{Host, component, stderr};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The shop, with the endpoint of a document on microservices, and what else `routes` has.
fn shop(routes: &str) -> String {
    let mut text = "[app]\nname = \"shop\"\n".to_owned();
    for name in ["users", "orders", "inventory", "catalog"] {
        let path = component(name);
        text += &format!("[service.{name}]\ncomponent = \"{}\"\nversion = \"1.0.0\"\n", path.display());
        text += &format!(
            "[[gateway.route]]\npath = \"/api/{name}/{{*rest}}\"\nrewrite = \"/{}/{{rest}}\"\nservice = \"{name}\"\n",
            match name {
                "inventory" => "stock",
                "catalog" => "products",
                other => other,
            }
        );
    }
    text + &format!(
        "[service.orders.grants]\npublish = [\"orders.*\"]\n[gateway.auth.jwt]\nsecret = \"{SECRET}\"\n\
         [[gateway.route]]\npath = \"/api/order-details/{{order_id}}\"\nauth = \"jwt\"\n[gateway.route.compose]\n\
         order = {{ get = \"http://orders/orders/{{order_id}}\" }}\n\
         user = {{ get = \"http://users/users/{{claims.id}}\", timeout = \"500ms\", optional = true }}\n\
         products = {{ get = \"http://catalog/products?ids={{order.item_ids}}\", optional = true }}\n{routes}"
    )
}

/// A host with the shop, a user, two products and an order of them: the id of the user and of the order.
async fn open(routes: &str) -> (Host, Client, String, String) {
    let host = Host::start();
    host.deploy_manifest(&shop(routes));
    let client = Client::new(&host.gateway);
    let user = create(&client, "/api/users", json!({"email": "ada@example.com", "name": "Ada"})).await;
    let mut items = Vec::new();
    for name in ["Tea", "Cup"] {
        let id = create(&client, "/api/catalog", json!({"name": name, "price_cents": 100})).await;
        let count = json!({"on_hand": 5}).to_string();
        assert_eq!(client.send(Method::PUT, &format!("/api/inventory/{id}"), &count).await.status, 200);
        items.push(json!({"sku": id, "quantity": 2}));
    }
    let order = create(&client, "/api/orders", json!({"user_id": user, "items": items})).await;
    (host, client, user, order)
}

async fn create(client: &Client, path: &str, body: Value) -> String {
    let created = client.send(Method::POST, path, &body.to_string()).await;
    assert_eq!(created.status, 201, "{created:?}");
    created.json()["id"].as_str().unwrap().to_owned()
}

/// Asks as this user.
async fn ask(client: &Client, path: &str, id: Value) -> Answer {
    let claims = json!({"sub": "s", "id": id, "exp": 4_000_000_000_u64});
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    let bearer = format!("Bearer {token}");
    client.try_send_with(Method::GET, path, &[("authorization", &bearer)], "").await.unwrap()
}

#[tokio::test]
async fn an_order_is_shown_without_its_user_and_products() {
    let (_host, client, user, order) = open("").await;
    let path = format!("/api/order-details/{order}");
    assert_eq!(client.get(&path).await.status, 401);
    let whole = ask(&client, &path, json!(user)).await;
    assert_eq!(whole.status, 200, "{whole:?}");
    assert_eq!(whole.headers["content-type"], "application/json");
    assert!(!whole.headers.contains_key("x-holm-partial"));
    let shown = whole.json();
    assert_eq!(shown.as_object().unwrap().keys().collect::<Vec<_>>(), ["order", "products", "user"]);
    assert_eq!((&shown["order"]["id"], &shown["user"]["name"]), (&json!(order), &json!("Ada")));
    let names: Vec<_> = shown["products"].as_array().unwrap().iter().map(|product| &product["name"]).collect();
    assert_eq!(names, ["Tea", "Cup"]);
    assert_eq!(client.send(Method::POST, &path, "{}").await.status, 405);
}

#[tokio::test]
async fn a_part_that_is_down_takes_the_whole_with_it_or_is_missed_silently() {
    let (host, client, user, order) = open("").await;
    let path = format!("/api/order-details/{order}");
    let stranger = ask(&client, &path, json!("nobody")).await;
    assert_eq!((stranger.status.as_u16(), &stranger.headers["x-holm-partial"]), (200, &"user".parse().unwrap()));
    assert_eq!(stranger.headers["cache-control"], "no-store");
    let error = &stranger.json()["errors"][0];
    assert_eq!((&error["part"], &error["status"]), (&json!("user"), &json!(404)));
    let liar = ask(&client, &path, json!("../orders")).await;
    assert_eq!(liar.json()["errors"][0]["type"], "urn:holm:fault:bad-request");

    host.done(&["remove", "catalog", "--force"]);
    let partial = ask(&client, &path, json!(user)).await;
    assert_eq!((partial.status.as_u16(), &partial.headers["x-holm-partial"]), (200, &"products".parse().unwrap()));
    let shown = partial.json();
    assert_eq!((&shown["products"], &shown["user"]["name"]), (&Value::Null, &json!("Ada")));
    let told = json!([{"part": "products", "type": "urn:holm:fault:no-service", "title": "The service is not running.", "status": 503}]);
    assert_eq!(shown["errors"], told);

    let gone = ask(&client, "/api/order-details/none", json!(user)).await;
    assert_eq!((gone.status.as_u16(), gone.fault().as_str()), (404, "dependency"));
    assert_eq!(gone.json()["part"], "order");
}

#[tokio::test]
async fn everybody_waits_for_a_part_that_is_slow() {
    let slow = Outside::start_slow(EMPTY, Duration::from_secs(10)).await;
    let page = Outside::start("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}").await;
    let routes = format!(
        "[[external]]\nname = \"slow\"\nurl = \"{}\"\n[[external]]\nname = \"page\"\nurl = \"{}\"\n\
         [[gateway.route]]\npath = \"/slow/{{order_id}}\"\noutput = {{ id = \"{{order.id}}\", rating = \"{{rating.stars}}\", missing = \"{{errors}}\" }}\n\
         [gateway.route.compose]\norder = {{ get = \"http://orders/orders/{{order_id}}\" }}\n\
         rating = {{ get = \"http://slow/{{order.id}}\", timeout = \"100ms\", optional = true }}\n\
         page = {{ get = \"http://page/x\", optional = true }}\n",
        slow.url(""),
        page.url("")
    );
    let (_host, client, _, order) = open(&routes).await;
    let shown = client.get(&format!("/slow/{order}")).await;
    assert_eq!((shown.status.as_u16(), &shown.headers["x-holm-partial"]), (200, &"page, rating".parse().unwrap()));
    let shown = shown.json();
    assert_eq!((&shown["id"], &shown["rating"]), (&json!(order), &Value::Null));
    let kinds: Vec<_> =
        shown["missing"].as_array().unwrap().iter().map(|error| error["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["urn:holm:fault:dependency", "urn:holm:fault:deadline"]);
}

#[test]
fn a_plan_that_cannot_work_is_deployed() {
    let host = Host::start();
    let text = shop("").replace("auth = \"jwt\"\n", "").replace("{order.item_ids}", "{ordre.item_ids}");
    let path = host.file("holm.toml", text);
    let refused = stderr(&host.cli(&["deploy", &path]));
    assert!(
        refused.contains("nothing is known as `{ordre}`") && refused.contains("did you mean `{order}`?"),
        "{refused}"
    );
    assert!(refused.contains("`{claims…}` without `auth`"), "{refused}");
}
