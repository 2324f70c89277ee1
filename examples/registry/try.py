"""Registers, discovers, watches and deregisters with python-consul or py-consul, whichever is installed.

Arguments: host and port of Holm's discovery, and a token where it needs one.
"""

import sys
import time

import consul

host, port, *token = sys.argv[1:]
client = consul.Consul(host=host, port=int(port), token=token[0] if token else None)


def until(what, holds):
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, f"{what} never happened"
        time.sleep(0.05)


def passing(name):
    _, instances = client.health.service(name, passing=True)
    return [instance["Service"]["ID"] for instance in instances]


# the host itself answers the check: its discovery is what is sure to run
address = f"{host}:{port}"
assert client.agent.service.register(
    "billing",
    service_id="billing-1",
    address=host,
    port=int(port),
    tags=["v1"],
    check=consul.Check.tcp(host, int(port), "1s", timeout="2s", deregister="1h"),
)
until("a passing check", lambda: passing("billing") == ["billing-1"])
assert client.agent.services()["billing-1"]["Port"] == int(port)
assert client.catalog.services()[1]["billing"] == ["v1"]
assert client.catalog.service("billing", tag="v1")[1][0]["ServiceAddress"] == host
assert client.catalog.service("billing", tag="v2")[1] == []

assert client.agent.service.register("worker", check=consul.Check.ttl("30s"))
index, instances = client.health.service("worker")
assert instances[0]["Checks"][0]["Status"] == "critical"
assert client.agent.check.ttl_pass("service:worker", notes="ready")
later, instances = client.health.service("worker", index=index, wait="5s")
assert int(later) > int(index), (later, index)
assert instances[0]["Checks"][0]["Output"] == "ready"
assert passing("worker") == ["worker"]

assert client.agent.check.register("disk", check=consul.Check.ttl("30s"), service_id="worker")
assert passing("worker") == []
assert client.agent.check.deregister("disk")
assert passing("worker") == ["worker"]

try:
    client.agent.service.register("evil", check=consul.Check.script(["/bin/sh"], "10s"))
    raise AssertionError("a script check was accepted")
except consul.ConsulException as refused:
    assert "Scripts are disabled" in str(refused), refused

for service in ("billing-1", "worker"):
    assert client.agent.service.deregister(service)
assert passing("billing") == []
assert client.status.leader()
print("done")
