// Walks the routes of ../gateway.toml as a browser's backend would, with axios, jsonwebtoken and opossum.
//
//   HOLM=path/to/holm node gateway.mjs
//
// Starts a reviews service and a host of its own, and ends both.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
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

// Resolves with the gateway's URL when the host is ready.
async function startHolm(reviews) {
  const data = mkdtempSync(join(tmpdir(), "holm-shop-"));
  const options = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", data, "--log", "warn"];
  const env = { ...process.env, JWT_SECRET: secret, REVIEWS_URL: `http://127.0.0.1:${reviews.address().port}` };
  const holm = spawn(process.env.HOLM ?? "holm", ["up", "--manifest", join(here, "../gateway.toml"), ...options], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  holm.on("exit", () => rmSync(data, { recursive: true, force: true }));
  for await (const line of createInterface({ input: holm.stdout })) {
    const ready = line.match(/^ready gateway=(\S+)/);
    if (ready) return [holm, ready[1]];
  }
  throw new Error("the host has ended");
}

const reviews = await startReviews();
const [holm, url] = await startHolm(reviews);
process.on("exit", () => holm.kill());
const api = axios.create({ baseURL: url, validateStatus: () => true, maxRedirects: 0 });
let asked = 0;
const ask = (method, path, options = {}) => {
  asked += 1;
  return api.request({ method, url: path, ...options });
};
const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });

// no token, a bad one, one that was signed by somebody else, one that has ended
const id = "u-1";
const token = jwt.sign({ id }, secret, { expiresIn: "1h" });
const nobody = await ask("get", "/api/users");
assert.equal(nobody.status, 401);
assert.equal(nobody.headers["www-authenticate"], "Bearer");
for (const bad of [
  "a.b.c",
  jwt.sign({ id }, randomBytes(32)),
  jwt.sign({ id }, secret, { expiresIn: -120 }),
  jwt.sign({ id }, null, { algorithm: "none" }),
]) {
  assert.equal((await ask("get", "/api/users", bearer(bad))).status, 403, bad);
}
console.log("401 without a token, 403 with a bad one");

// through to the service, whose own path is another one
const made = await ask("post", "/api/users", { data: { email: "ada@example.com", name: "Ada" }, ...bearer(token) });
assert.equal(made.status, 201, JSON.stringify(made.data));
const found = await ask("get", `/api/users/${made.data.id}`, bearer(token));
assert.deepEqual([found.status, found.data.name], [200, "Ada"]);
assert.match(found.headers["ratelimit-policy"], /"default";q=100;w=900/);
const list = await ask("get", "/api/products", { headers: { origin: "https://shop.example.com" } });
assert.deepEqual([list.status, list.headers["access-control-allow-origin"]], [200, "https://shop.example.com"]);
const moved = await ask("get", "/products/7?a=b");
assert.deepEqual([moved.status, moved.headers.location], [308, "/api/products/7?a=b"]);
console.log("200 from the services behind, paths rewritten");

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

// one more than a hundred
while (asked < 100) assert.notEqual((await ask("get", "/api/products")).status, 429, `request ${asked}`);
const refused = await ask("get", "/api/products");
assert.equal(refused.status, 429);
assert.ok(Number(refused.headers["retry-after"]) > 0);
assert.match(refused.headers.ratelimit, /"default";r=0;t=\d+/);
assert.equal((await ask("get", "/api/users", bearer(token))).status, 429);
console.log("429 after a hundred requests");
console.log("done");
process.exit(0);
