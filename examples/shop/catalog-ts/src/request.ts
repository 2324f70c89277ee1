// What a request says, read as strictly as the services in Rust read it.
import { Problem } from "./problem";

const BODY_LIMIT = 1 << 20;
const NO_JSON = "The body is not what this request needs: it is no JSON";

/** The body as JSON; a problem where it is too large, or no JSON in UTF-8. */
export async function readJson(request: Request): Promise<unknown> {
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > BODY_LIMIT) throw new Problem(413, `A body may have ${BODY_LIMIT} bytes at most`);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), refuseHalfPairs);
  } catch {
    throw new Problem(400, NO_JSON);
  }
}

/** JSON may escape half of a surrogate pair, but that is no character, and nobody else could read it. */
function refuseHalfPairs(_name: string, value: unknown): unknown {
  if (typeof value === "string" && /[\ud800-\udfff]/u.test(value)) throw new SyntaxError(NO_JSON);
  return value;
}

/** A problem where the percent-encoding of an address is broken, or is no UTF-8. */
export function refuseBrokenEncoding(url: string): void {
  const target = new URL(url);
  try {
    decodeURIComponent(target.pathname + target.search);
  } catch {
    throw new Problem(400, `The percent-encoding of "${target.pathname}${target.search}" is broken`);
  }
}

/** The query of the next page: that of this one, but for its cursor. */
export function nextQuery(url: string, cursor: string): string {
  const others = [...new URL(url).searchParams].filter(([name]) => name !== "cursor");
  const pairs = [...others, ["cursor", cursor]].map((pair) => pair.map(encode).join("="));
  return `?${pairs.join("&")}`;
}

/** All but the unreserved characters of RFC 3986. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`);
}
