import assert from "node:assert/strict";
import { test } from "node:test";
import { errors, finds, parse, trim, type Product } from "../src/domain";

const tea: Product = {
  id: "tea",
  name: "Grüner Tee",
  description: "100 g, loose",
  price_cents: 1290,
  currency: "EUR",
  created_at: "2026-01-01T00:00:00Z",
};

test("a product of another shape is taken", () => {
  assert.deepEqual(parse({ name: "Tea", price_cents: 1 }), { name: "Tea", description: "", price_cents: 1 });
  const wrong = [null, [], "tea", {}, { name: "Tea" }, { name: "Tea", price_cents: 1.5 }, { name: "Tea", price_cents: -1 }];
  for (const body of [...wrong, { name: "Tea", price_cents: 1, colour: "green" }]) assert.equal(parse(body), undefined);
});

test("one of several wrong values is not named", () => {
  const pointers = errors("", { name: " ", description: "x".repeat(4_001), price_cents: 1_000_000_001 }).map((it) => it.pointer);
  assert.deepEqual(pointers, ["#/name", "#/description", "#/price_cents", "#/id"]);
  assert.deepEqual(errors("tea", tea), []);
  assert.deepEqual(errors("tea", { ...tea, name: "😀".repeat(200) }), []);
});

test("a search misses a word, or finds half of what it looks for", () => {
  assert.ok(finds("GRÜN loose", tea));
  assert.ok(!finds("green loose", tea));
});

test("a name keeps a space at its end, or loses what is none", () => {
  assert.equal(trim("\u0085 Tea\u00a0"), "Tea");
  assert.equal(trim("\ufeffTea"), "\ufeffTea");
});
