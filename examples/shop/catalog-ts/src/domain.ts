// What a product is, which values are acceptable, what a search finds. Nothing in here knows where it runs.

const ID_BYTES = 64;
const NAME_LIMIT = 200;
const DESCRIPTION_LIMIT = 4_000;
const PRICE_LIMIT = 1_000_000_000;

export interface Product {
  id: string;
  name: string;
  description: string;
  price_cents: number;
  currency: string;
  created_at: string;
}

export interface NewProduct {
  name: string;
  description: string;
  price_cents: number;
}

export interface FieldError {
  pointer: string;
  detail: string;
}

/** A value of the shape that a client should send; `undefined` if it is of another one. */
export function parse(body: unknown): NewProduct | undefined {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return undefined;
  const { name, description = "", price_cents, ...others } = body as Record<string, unknown>;
  if (Object.keys(others).length > 0) return undefined;
  if (typeof name !== "string" || typeof description !== "string") return undefined;
  if (!Number.isInteger(price_cents) || (price_cents as number) < 0) return undefined;
  return { name, description, price_cents: price_cents as number };
}

const characters = (text: string) => [...text].length;

/** What Unicode calls white space: neither quite what `trim` takes away, nor a class that this engine knows. */
const SPACE = "[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const SPACES = new RegExp(SPACE);
const OUTER_SPACES = new RegExp(`^${SPACE}|${SPACE}$`, "g");

/** Without white space at its ends. */
export function trim(text: string): string {
  return text.replace(OUTER_SPACES, "");
}

/** Everything that is wrong, so that one answer names it. */
export function errors(id: string, product: NewProduct): FieldError[] {
  const found: FieldError[] = [];
  const wrong = (field: string, detail: string) => found.push({ pointer: `#/${field}`, detail });
  if (trim(product.name) === "" || characters(product.name) > NAME_LIMIT) {
    wrong("name", `must have 1 to ${NAME_LIMIT} characters`);
  }
  if (characters(product.description) > DESCRIPTION_LIMIT) {
    wrong("description", `is longer than ${DESCRIPTION_LIMIT} characters`);
  }
  if (product.price_cents > PRICE_LIMIT) wrong("price_cents", `is more than ${PRICE_LIMIT}`);
  if (id === "" || new TextEncoder().encode(id).length > ID_BYTES) wrong("id", `must have 1 to ${ID_BYTES} bytes`);
  return found;
}

/** Whether every word of a search occurs in a product's name or description, in upper or lower case. */
export function finds(search: string, product: Product): boolean {
  const text = `${product.name} ${product.description}`.toLowerCase();
  return search.toLowerCase().split(SPACES).every((word) => text.includes(word));
}
