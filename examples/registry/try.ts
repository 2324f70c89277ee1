// Registers, discovers and deregisters: first through the class in consul-client.ts, then with what else
// services ask of Consul's agent. Needs a Holm host whose discovery listens on CONSUL_ADDRESS, port 8500.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import Consul from "consul";
import { ServiceRegistry } from "./consul-client.ts";

process.env.HOSTNAME = "one";
process.env.SERVICE_IP = "127.0.0.1";
const consul = new Consul({ host: "consul", port: 8500 });

async function until<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  for (let left = 200; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw new Error(`${what} never happened: ${error}`);
      await sleep(50);
    }
  }
}

const server = createServer((request, response) => response.end(request.url === "/health" ? "well" : "hello"));
await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
const { port } = server.address() as { port: number };

// the class, unchanged
const registry = new ServiceRegistry();
await assert.rejects(registry.discover("user-service"), /user-service not found/);
await registry.register("user-service", port);
const url = await until("a passing check", () => registry.discover("user-service"));
assert.equal(url, `http://127.0.0.1:${port}`);
assert.equal(await (await fetch(url)).text(), "hello");
await registry.deregister("user-service-one");
await assert.rejects(registry.discover("user-service"), /user-service not found/);
console.log("the class registers, discovers and deregisters");

// a service that reports by itself, watched by somebody else
const changes: string[] = [];
const watch = consul.watch({ method: consul.health.service, options: { service: "mailer", wait: "10s" } });
watch.on("change", (instances: any[]) => changes.push(instances.map((it) => it.Checks[0].Status).join()));
watch.on("error", (error: Error) => assert.fail(error));
await consul.agent.service.register({ name: "mailer", port: 25, tags: ["v1"], meta: { team: "a" }, check: { ttl: "30s" } });
for (const status of ["pass", "warn", "fail"] as const) {
  await consul.agent.check[status]({ id: "service:mailer", note: `it says ${status}` });
  const last = { pass: "passing", warn: "warning", fail: "critical" }[status];
  await until(`the watch shows ${last}`, async () => assert.equal(changes.at(-1), last));
}
watch.end();
console.log("the watch saw", changes.join(" > "));

assert.deepEqual((await consul.catalog.service.list())["mailer"], ["v1"]);
assert.equal((await consul.catalog.service.nodes("mailer"))[0].ServicePort, 25);
assert.equal((await consul.agent.service.list())["mailer"].Meta.team, "a");
assert.equal((await consul.agent.check.list())["service:mailer"].Output, "it says fail");
assert.equal((await consul.health.checks("mailer"))[0].Status, "critical");
assert.equal(typeof (await consul.status.leader()), "string");

// what is refused comes with a reason
const script = { name: "evil", check: { args: ["/bin/sh"], interval: "10s" } };
await assert.rejects(consul.agent.service.register(script as any), /Scripts are disabled/);
await assert.rejects(consul.agent.service.register({ name: "a b", port: 1 }), /Name "a b"/);
await assert.rejects(consul.agent.service.deregister("nobody"), /Unknown service ID "nobody"/);
await assert.rejects(consul.kv.set("key", "value"), /not part of Holm/);
await consul.agent.service.deregister("mailer");
consul.destroy();
server.close();
console.log("done");
process.exit(0);
