// Where products are kept: one JSON value a product, under `product/{id}`, as the catalog in Rust keeps them. So either
// goes on where the other has stopped.
import { getMany } from "wasi:keyvalue/batch@0.2.0-draft2";
import { type Bucket, open } from "wasi:keyvalue/store@0.2.0-draft2";
import type { Product } from "./domain";

const PREFIX = "product/";
const CHUNK = 100;

const bucket = (): Bucket => open("default");
const decode = (bytes: Uint8Array): Product => JSON.parse(new TextDecoder().decode(bytes));

export function healthy(): void {
  bucket().exists("health");
}

export function find(id: string): Product | undefined {
  const bytes = bucket().get(PREFIX + id);
  return bytes && decode(bytes);
}

/** Those of `ids` that exist, in the order of `ids`. */
export function findMany(ids: string[]): Product[] {
  const found = getMany(bucket(), ids.map((id) => PREFIX + id));
  return found.flatMap(([, bytes]) => (bytes ? [decode(bytes)] : []));
}

export function save(product: Product): void {
  bucket().set(PREFIX + product.id, new TextEncoder().encode(JSON.stringify(product)));
}

/** A page of those that are wanted, after the id `after`; with the id that the next one comes after. */
export function page(limit: number, after: string, wanted: (product: Product) => boolean) {
  const ids = allIds().filter((id) => compare(id, after) > 0);
  const items: Product[] = [];
  for (let from = 0; from < ids.length; from += CHUNK) {
    for (const product of findMany(ids.slice(from, from + CHUNK)).filter(wanted)) {
      if (items.length === limit) return { items, next: items.at(-1)?.id };
      items.push(product);
    }
  }
  return { items, next: undefined };
}

function allIds(): string[] {
  const ids: string[] = [];
  const from = bucket();
  let cursor: string | undefined;
  do {
    const answer = from.listKeys(cursor);
    ids.push(...answer.keys.filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length)));
    cursor = answer.cursor;
  } while (cursor !== undefined);
  return ids.sort(compare);
}

/** The order of code points, which is that of UTF-8; JavaScript's own is that of UTF-16. */
function compare(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at++) {
    if (a[at] !== b[at]) return a.codePointAt(at)! - b.codePointAt(at)!;
  }
  return a.length - b.length;
}
