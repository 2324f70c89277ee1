// What the shop sells: the routes and functions of the catalog in Rust, in TypeScript.
import { get as setting } from "wasi:config/store@0.2.0-rc.1";
import { type Context, Hono } from "hono";
import { errors, finds, parse, type Product } from "./domain";
import { newId } from "./id";
import { Problem } from "./problem";
import * as store from "./store";

const VERSION = "1.0.0";
const IDS_LIMIT = 100;
const PAGE_LIMIT = 100;
const PAGE = 20;

const app = new Hono();

app.use(async (context, next) => {
  await next();
  context.res.headers.set("x-service-version", VERSION);
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
  const { method, path } = context.req;
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
  return there.length === parts.length && there.every((part, at) => part.startsWith(":") || part === parts[at]);
}

async function accept(context: Context, id: string, created_at: string): Promise<Product> {
  const body = await context.req.json().catch(() => {
    throw new Problem(400, "The body is not what this request needs: it is no JSON");
  });
  const fields = parse(body);
  if (!fields) throw new Problem(422, "The body is not what this request needs: name and price_cents, perhaps description");
  const wrong = errors(id, fields);
  if (wrong.length > 0) throw new Problem(422, "Some values cannot be accepted", wrong);
  const { description, price_cents } = fields;
  const product = { id, name: fields.name.trim(), description, price_cents, currency: setting("currency") ?? "EUR", created_at };
  store.save(product);
  return product;
}

function list(context: Context): Response {
  const asked = context.req.query("limit");
  const limit = asked === undefined ? PAGE : /^\d+$/.test(asked) ? Number(asked) : 0;
  if (limit < 1 || limit > PAGE_LIMIT) throw new Problem(400, `limit must be a number from 1 to ${PAGE_LIMIT}`);
  const search = context.req.query("q")?.trim() ?? "";
  const { items, next } = store.page(limit, context.req.query("cursor") ?? "", (product) => finds(search, product));
  if (next !== undefined) {
    const query = Object.entries(context.req.query()).filter(([name]) => name !== "cursor");
    const pairs = [...query, ["cursor", next]].map((pair) => pair.map(encodeURIComponent as (text: string) => string).join("="));
    context.header("link", `<?${pairs.join("&")}>; rel="next"`);
  }
  return context.json(items);
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

addEventListener("fetch", ((event: FetchEvent) => event.respondWith(app.fetch(event.request))) as EventListener);

/** The door for other services: `shop:catalog/prices`. A throw is the interface's refusal. */
export const prices = {
  quote(ids: string[]) {
    if (ids.length > IDS_LIMIT) {
      throw { tag: "invalid", val: `A question may name ${IDS_LIMIT} articles at most` };
    }
    const told = ({ id, name, price_cents, currency }: Product) => ({ id, name, priceCents: BigInt(price_cents), currency });
    return { products: store.findMany(ids).map(told) };
  },
};
