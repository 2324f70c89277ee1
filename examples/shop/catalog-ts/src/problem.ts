// Errors as JSON documents, after RFC 9457, with the message once more as `error` for older clients.
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { FieldError } from "./domain";

const TITLES: Record<number, string> = {
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  422: "Unprocessable Content",
  500: "Internal Server Error",
};

/** Why a request failed, in words for its sender. */
export class Problem extends HTTPException {
  constructor(status: ContentfulStatusCode, message: string, errors: FieldError[] = []) {
    const document = { title: TITLES[status], status, detail: message, error: message };
    const body = JSON.stringify(errors.length > 0 ? { ...document, errors } : document);
    super(status, { message, res: new Response(body, { status, headers: { "content-type": "application/problem+json" } }) });
  }
}
