// What the shop sells: the routes and functions of the catalog in Rust, in TypeScript.
import { get as setting } from "wasi:config/store@0.2.0-rc.1";
import { type Context, Hono } from "hono";
import { errors, finds, parse, trim, type Product } from "./domain";
import { newId } from "./id";
import { Problem } from "./problem";
import { nextQuery, readJson, refuseBrokenEncoding } from "./request";
import * as store from "./store";

const VERSION = "1.0.0";
const IDS_LIMIT = 100;
const PAGE_LIMIT = 100;
const PAGE = 20;

// a slash at the end makes no difference
const app = new Hono({ strict: false });

app.use(async (context, next) => {
  await next();
  context.res.headers.set("x-service-version", VERSION);
});

app.use(async (context, next) => {
  refuseBrokenEncoding(context.req.url);
  await next();
});

app.get("/health", (context) => {
  store.healthy();
  return context.json({ status: "ok" });
});

app.get("/products", (context) => {
  const ids = context.req.query("ids")?.split(",").filter((id) => id !== "");
  if (ids === undefined) return list(context);
  if (ids.length > IDS_LIMIT) throw new Problem(400, `ids may name ${IDS_LIMIT} products at most`);
  return context.json(store.findMany(ids));
});

app.post("/products", async (context) => {
  const product = await accept(context, newId(), now());
  return context.json(product, 201, { location: `products/${product.id}` });
});

app.get("/products/:id", (context) => {
  const product = store.find(context.req.param("id"));
  if (!product) throw new Problem(404, "Product not found");
  return context.json(product);
});

app.put("/products/:id", async (context) => {
  const id = context.req.param("id");
  const earlier = store.find(id);
  return context.json(await accept(context, id, earlier?.created_at ?? now()), earlier ? 200 : 201);
});

app.notFound((context) => {
  const { method, url } = context.req;
  const path = new URL(url).pathname;
  const there = app.routes.filter((route) => route.method !== "ALL" && isAt(route.path, path)).map((route) => route.method);
  if (there.length === 0) return new Problem(404, `There is nothing at ${path}`).getResponse();
  const refused = new Problem(405, `${method} is not possible here`).getResponse();
  refused.headers.set("allow", there.join(", "));
  return refused;
});

app.onError((error) => {
  if (error instanceof Problem) return error.getResponse();
  console.error(error);
  return new Problem(500, "Internal server error").getResponse();
});

/** Whether a route such as `/products/:id` leads to a path. */
function isAt(route: string, path: string): boolean {
  const [there, parts] = [route.split("/"), path.split("/")];
  if (parts.length > 1 && parts.at(-1) === "") parts.pop();
  const fits = (part: string, at: number) => (part.startsWith(":") ? parts[at] !== "" : part === parts[at]);
  return there.length === parts.length && there.every(fits);
}

async function accept(context: Context, id: string, created_at: string): Promise<Product> {
  const fields = parse(await readJson(context.req.raw));
  if (!fields) throw new Problem(422, "The body is not what this request needs: name and price_cents, perhaps description");
  const wrong = errors(id, fields);
  if (wrong.length > 0) throw new Problem(422, "Some values cannot be accepted", wrong);
  const { description, price_cents } = fields;
  const product = { id, name: trim(fields.name), description, price_cents, currency: setting("currency") ?? "EUR", created_at };
  store.save(product);
  return product;
}

function list(context: Context): Response {
  const asked = context.req.query("limit");
  const limit = asked === undefined ? PAGE : /^\d+$/.test(asked) ? Number(asked) : 0;
  if (limit < 1 || limit > PAGE_LIMIT) throw new Problem(400, `limit must be a number from 1 to ${PAGE_LIMIT}`);
  const search = context.req.query("q") ?? "";
  const { items, next } = store.page(limit, context.req.query("cursor") ?? "", (product) => finds(search, product));
  if (next !== undefined) {
    context.header("link", `<${nextQuery(context.req.url, next)}>; rel="next"`);
  }
  return context.json(items);
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

addEventListener("fetch", ((event: FetchEvent) => event.respondWith(app.fetch(event.request))) as EventListener);

/** `shop:catalog/prices`, for other services. What is thrown is the interface's refusal. */
export const prices = {
  quote(ids: string[]) {
    if (ids.length > IDS_LIMIT) {
      throw { tag: "invalid", val: `A question may name ${IDS_LIMIT} articles at most` };
    }
    try {
      return { products: store.findMany(ids).map(quoted) };
    } catch (error) {
      throw { tag: "failed", val: String(error) };
    }
  },
};

function quoted({ id, name, price_cents, currency }: Product) {
  return { id, name, priceCents: BigInt(price_cents), currency };
}
