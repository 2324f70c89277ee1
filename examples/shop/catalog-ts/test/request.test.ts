import assert from "node:assert/strict";
import { test } from "node:test";
import { nextQuery, readJson, refuseBrokenEncoding } from "../src/request";

const URL = "http://catalog/products";
const sent = (body: BodyInit) => new Request(URL, { method: "POST", body });

test("the next page forgets the search", () => {
  assert.equal(nextQuery(`${URL}?q=green+tea&q=(b)&cursor=old`, "a b"), "?q=green%20tea&q=%28b%29&cursor=a%20b");
});

test("broken encoding is taken for text", () => {
  for (const broken of ["%zz", "%e2%82", "?q=%"]) {
    assert.throws(() => refuseBrokenEncoding(`${URL}/${broken}`), { status: 400 }, broken);
  }
  refuseBrokenEncoding(`${URL}/%E2%82%AC?q=100%25`);
});

test("a body is taken that nobody else can read", async () => {
  assert.deepEqual(await readJson(sent('{"name": "\\ud83c\\udf75"}')), { name: "🍵" });
  for (const body of ["{", '{"name": "\\ud83c"}', new Uint8Array([0x22, 0xff, 0x22]), "\ufeff1"]) {
    await assert.rejects(readJson(sent(body)), { status: 400 });
  }
  await assert.rejects(readJson(sent(" ".repeat((1 << 20) + 1))), { status: 413 });
});
