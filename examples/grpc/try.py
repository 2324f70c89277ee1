"""Asks the shop's users over gRPC with nothing but an address: what there is, the server tells by reflection.

Arguments: host:port of the gateway, and the id of a user.
"""

import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

address, user_id = sys.argv[1:]
channel = grpc.insecure_channel(address)
database = ProtoReflectionDescriptorDatabase(channel)
assert "user.UserService" in database.get_services(), database.get_services()
service = DescriptorPool(database).FindServiceByName("user.UserService")


def call(name, **fields):
    method = service.FindMethodByName(name)
    path = f"/{service.full_name}/{name}"
    kind = channel.unary_stream if method.server_streaming else channel.unary_unary
    ask = kind(
        path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    return ask(GetMessageClass(method.input_type)(**fields), timeout=10)


one = call("GetUser", user_id=user_id)
assert (one.user_id, one.email, one.name) == (user_id, "ada@example.com", "Ada Lovelace"), one
assert user_id in [each.user_id for each in call("ListUsers")]

try:
    call("GetUser", user_id="nobody")
    raise AssertionError("nobody was found")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.NOT_FOUND, error

health = channel.unary_unary("/grpc.health.v1.Health/Check")
assert health(b"\x0a\x10user.UserService") == b"\x08\x01", "the service is not well"
watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"\x0a\x10user.UserService")
assert next(watch) == b"\x08\x01", "who watches is not told how it does"
watch.cancel()
print("done")
