// Asks the shop's users over gRPC, as a client of any other gRPC server would.
// Arguments: host:port of the gateway, and the id of a user.

import assert from "node:assert/strict";
import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";

const [address = "127.0.0.1:8080", id = "nobody"] = process.argv.slice(2);
const definition = protoLoader.loadSync(new URL("../shop/user.proto", import.meta.url).pathname, { keepCase: true });
const { user } = grpc.loadPackageDefinition(definition);
const client = new user.UserService(address, grpc.credentials.createInsecure());

const call = (method, request, options = {}) =>
  new Promise((resolve, reject) =>
    client[method](request, options, (error, answer) => (error ? reject(error) : resolve(answer))),
  );

const refusal = (promise) => promise.then(() => assert.fail("it was answered"), (error) => error);

const one = await call("GetUser", { user_id: id });
assert.deepEqual(one, { user_id: id, email: "ada@example.com", name: "Ada Lovelace" });

const all = [];
for await (const each of client.ListUsers({})) all.push(each.user_id);
assert.ok(all.includes(id), `${id} is not among ${all}`);

const gone = await refusal(call("GetUser", { user_id: "nobody" }));
assert.equal(gone.code, grpc.status.NOT_FOUND, gone.message);

const late = await refusal(call("GetUser", { user_id: id }, { deadline: Date.now() - 1 }));
assert.equal(late.code, grpc.status.DEADLINE_EXCEEDED, late.message);

client.close();
console.log("done");
