// Walks the routes of ../gateway.toml as a browser's backend would, with axios, jsonwebtoken and opossum.
//
//   HOLM=path/to/holm node gateway.mjs
//
// Starts a reviews service and a host of its own, and ends both.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import axios from "axios";
import jwt from "jsonwebtoken";
import CircuitBreaker from "opossum";

const here = dirname(fileURLToPath(import.meta.url));
const secret = randomBytes(32).toString("hex");

// A service that is not Wasm, and that is about to be stopped.
async function startReviews() {
  const server = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ reviews: [{ stars: 5 }], path: request.url, user: request.headers["x-user-id"] }));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}

// Resolves when the host is ready: with its process, the gateway's URL, and what runs commands at it.
async function startHolm(reviews) {
  const data = mkdtempSync(join(tmpdir(), "holm-shop-"));
  const program = process.env.HOLM ?? "holm";
  const ports = ["--listen", "--admin", "--grpc"].flatMap((door) => [door, "127.0.0.1:0"]);
  const options = ["--manifest", join(here, "../gateway.toml"), ...ports, "--data", data, "--log", "warn"];
  const env = { ...process.env, JWT_SECRET: secret, REVIEWS_URL: `http://127.0.0.1:${reviews.address().port}` };
  const holm = spawn(program, ["up", ...options], { env, stdio: ["ignore", "pipe", "inherit"] });
  holm.on("exit", () => rmSync(data, { recursive: true, force: true }));
  for await (const line of createInterface({ input: holm.stdout })) {
    const ready = line.match(/^ready gateway=(\S+) admin=(\S+)/);
    if (!ready) continue;
    const there = { ...process.env, HOLM_DATA: data, HOLM_ADMIN_URL: ready[2] };
    return [holm, ready[1], (...command) => execFileSync(program, command, { env: there })];
  }
  throw new Error("the host has ended");
}

const reviews = await startReviews();
const [holm, url, run] = await startHolm(reviews);
process.on("exit", () => holm.kill());
const api = axios.create({ baseURL: url, validateStatus: () => true, maxRedirects: 0 });
let asked = 0;
const ask = (method, path, options = {}) => {
  asked += 1;
  return api.request({ method, url: path, ...options });
};
const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });

// somebody signs up, and in: what comes back is a token like those that others make
const credentials = { email: "ada@example.com", password: "correct horse battery" };
const account = await ask("post", "/api/accounts", { data: { ...credentials, name: "Ada" } });
assert.equal(account.status, 201, JSON.stringify(account.data));
assert.deepEqual([account.data.name, account.data.password], ["Ada", undefined]);
assert.equal((await ask("post", "/api/sessions", { data: { ...credentials, password: "guessed" } })).status, 401);
const session = await ask("post", "/api/sessions", { data: credentials });
assert.equal(session.status, 201, JSON.stringify(session.data));
const { token } = session.data;
const claims = jwt.verify(token, secret, { algorithms: ["HS256"], issuer: "shop" });
const id = account.data.id;
assert.deepEqual([claims.id, claims.exp - claims.iat], [id, session.data.expires_in]);
const mine = bearer(token);
console.log("signed up, and in");

// no token, a bad one, one that somebody else has signed or handed out, one that has ended
const nobody = await ask("get", "/api/users");
assert.equal(nobody.status, 401);
assert.equal(nobody.headers["www-authenticate"], "Bearer");
const byHand = (key, options) => jwt.sign({ id }, key, { issuer: "shop", ...options });
for (const bad of [
  "a.b.c",
  `${token}x`,
  byHand(randomBytes(32), { expiresIn: "1h" }),
  byHand(secret, { expiresIn: "1h", issuer: "another shop" }),
  byHand(secret, { expiresIn: -120 }),
  byHand(null, { expiresIn: "1h", algorithm: "none" }),
]) {
  assert.equal((await ask("get", "/api/users", bearer(bad))).status, 403, bad);
}
assert.equal((await ask("get", "/api/users", bearer(byHand(secret, { expiresIn: "1h" })))).status, 200);
console.log("401 without a token, 403 with a bad one");

// through to the service, whose own path is another one
const found = await ask("get", `/api/users/${id}`, mine);
assert.deepEqual([found.status, found.data.name], [200, "Ada"]);
assert.match(found.headers["ratelimit-policy"], /"default";q=100;w=900/);
const list = await ask("get", "/api/products", { headers: { origin: "https://shop.example.com" } });
assert.deepEqual([list.status, list.headers["access-control-allow-origin"]], [200, "https://shop.example.com"]);
const moved = await ask("get", "/products/7?a=b");
assert.deepEqual([moved.status, moved.headers.location], [308, "/api/products/7?a=b"]);
console.log("200 from the services behind, paths rewritten");

// a typed function, called with JSON, and where its description says that it is
const openapi = await ask("get", "/rpc/openapi.json", mine);
const called = Object.keys(openapi.data.paths).find((path) => path.endsWith("/get-user"));
const told = await ask("post", called, { data: { "user-id": id }, ...mine });
assert.deepEqual([told.status, told.data], [200, { email: "ada@example.com", name: "Ada", "user-id": id }]);
const unknown = await ask("post", called, { data: { "user-id": "nobody" }, ...mine });
assert.deepEqual([unknown.status, unknown.data.error], [404, "not-found"]);
console.log("a function called with JSON, found in its OpenAPI");

// an order, its user and its products in one answer: the user is the token's, the products are the order's
const create = async (path, data) => {
  const created = await ask("post", path, { data, ...mine });
  assert.equal(created.status, 201, JSON.stringify(created.data));
  return created.data.id;
};
const tea = await create("/api/products", { name: "Tea", price_cents: 1290 });
const counted = await ask("put", `/api/stock/${tea}`, { data: { on_hand: 5 }, ...mine });
assert.equal(counted.status, 200, JSON.stringify(counted.data));
const items = [{ sku: tea, quantity: 2, price_cents: 1290 }];
const order = await create("/api/orders", { user_id: id, items });
const details = `/api/order-details/${order}`;
assert.equal((await ask("get", details)).status, 401);
const whole = await ask("get", details, mine);
assert.equal(whole.status, 200, JSON.stringify(whole.data));
assert.deepEqual(Object.keys(whole.data), ["order", "products", "user"]);
assert.deepEqual([whole.data.order.total_cents, whole.data.user.name], [2580, "Ada"]);
assert.deepEqual(whole.data.products.map((product) => product.name), ["Tea"]);

// a part is down: the others are shown, and the answer says what is missing
run("remove", "catalog", "--force");
const partial = await ask("get", details, mine);
assert.deepEqual([partial.status, partial.headers["x-holm-partial"]], [200, "products"]);
assert.deepEqual([partial.data.products, partial.data.user.name], [null, "Ada"]);
assert.deepEqual(partial.data.errors.map((error) => [error.part, error.status]), [["products", 503]]);
console.log("one answer made of three, and what is left of it while one is down");

// what nobody outside may say is not believed, and a service that is not Wasm is asked like the others
const review = await ask("get", "/api/reviews/tea-100", { headers: { "x-user-id": "admin" } });
assert.deepEqual([review.data.path, review.data.user], ["/reviews/tea-100", undefined]);

// the service is stopped: the gateway's breaker opens, and whoever asks gets an answer at once. A breaker on the
// client's side has nothing to do.
reviews.closeAllConnections();
await new Promise((closed) => reviews.close(closed));
const breaker = new CircuitBreaker(async () => (await ask("get", "/api/reviews/tea-100")).data, { timeout: 3000 });
for (let n = 0; n < 6; n += 1) {
  assert.deepEqual(await breaker.fire(), { reviews: [], note: "reviews are not available" });
}
assert.equal(breaker.opened, false);
breaker.shutdown();
console.log("a fallback while the service is stopped");

// who guesses passwords has soon to wait, and may do everything else meanwhile
const guess = () => ask("post", "/api/sessions", { data: { ...credentials, password: "guessed" } });
let guessed = await guess();
while (guessed.status === 401) guessed = await guess();
assert.equal(guessed.status, 429);
assert.match(guessed.headers.ratelimit, /"sign-in";r=0/);
assert.equal((await ask("get", `/api/users/${id}`, mine)).status, 200);
console.log("429 after ten passwords");

// one more than a hundred
while (asked < 100) assert.equal((await ask("get", "/api/users", mine)).status, 200, `request ${asked}`);
const refused = await ask("get", "/api/users", mine);
assert.equal(refused.status, 429);
assert.ok(Number(refused.headers["retry-after"]) > 0);
assert.match(refused.headers.ratelimit, /"default";r=0;t=\d+/);
assert.equal((await ask("post", "/api/sessions", { data: credentials })).status, 429);
console.log("429 after a hundred requests");
console.log("done");
process.exit(0);
