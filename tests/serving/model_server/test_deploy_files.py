"""The files of serving/deploy are what TensorFlow Serving, compose and Kubernetes take."""

import subprocess
from pathlib import Path

import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow_serving.config import model_server_config_pb2

from export.warmup import BATCH_SIZES

DEPLOY = Path(__file__).parents[3] / "serving" / "deploy"
BOOL, STRING, INT64 = (
    descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
)


def message_class(name, fields):
    """A message that has no class; fields are (name, number, type or message, repeated)."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="test", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    message = file.message_type.add(name=name)
    for field, number, kind, repeated in fields:
        label = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED if repeated else 1
        entry = message.field.add(name=field, number=number, label=label)
        if isinstance(kind, str):
            entry.type, entry.type_name = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE, kind
        else:
            entry.type = kind
    inner = file.message_type.add(name="PrometheusConfig")
    inner.field.add(name="enable", number=1, label=1, type=BOOL)
    inner.field.add(name="path", number=2, label=1, type=STRING)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"test.{name}"))


def parsed(name, message):
    return text_format.Parse((DEPLOY / name).read_text(), message)


def test_the_model_config_has_labels_and_keeps_two_versions():
    (config,) = parsed("models.config", model_server_config_pb2.ModelServerConfig()).model_config_list.config
    assert (config.name, config.base_path, config.model_platform) == ("kgp", "/models/kgp", "tensorflow")
    assert dict(config.version_labels) == {"stable": 1, "canary": 1}
    assert config.model_version_policy.latest.num_versions == 2


def test_batches_have_the_sizes_that_exports_warm_up():
    # Fields of BatchingParameters in tensorflow_serving/servables/tensorflow/session_bundle_config.proto.
    integer = ".google.protobuf.Int64Value"
    names = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    fields = [(name, number, integer, False) for number, name in enumerate(names, 1)]
    fields += [("allowed_batch_sizes", 6, INT64, True), ("pad_variable_length_inputs", 7, BOOL, False)]
    fields += [("enable_large_batch_splitting", 8, ".google.protobuf.BoolValue", False)]
    fields += [("max_execution_batch_size", 9, integer, False)]
    batching = parsed("batching.config", message_class("BatchingParameters", fields)())
    assert tuple(batching.allowed_batch_sizes) == BATCH_SIZES
    assert batching.max_execution_batch_size.value == BATCH_SIZES[-1]
    assert batching.enable_large_batch_splitting.value and batching.max_batch_size.value > 155  # a volume
    assert batching.max_enqueued_batches.value * BATCH_SIZES[-1] > batching.max_batch_size.value


def test_monitoring_is_on_where_kubernetes_looks():
    # tensorflow_serving/config/monitoring_config.proto.
    fields = [("prometheus_config", 1, ".test.PrometheusConfig", False)]
    monitoring = parsed("monitoring.config", message_class("MonitoringConfig", fields)())
    deployment = yaml.safe_load((DEPLOY / "deployment.yaml").read_text())
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path == annotations["prometheus.io/path"]


def test_compose_and_kubernetes_start_the_same_server_with_files_that_exist():
    (compose,) = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
    deployment = yaml.safe_load((DEPLOY / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == compose["command"]
    assert container["image"] == compose["image"]
    assert all(port.startswith("127.0.0.1:") for port in compose["ports"])
    security = container["securityContext"]
    assert security["runAsNonRoot"] and compose["user"] == f"{security['runAsUser']}:{security['runAsGroup']}"
    kustomization = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())
    mounted = kustomization["configMapGenerator"][0]["files"]
    needed = {Path(word.split("=")[-1]).name for word in compose["command"] if "=/config/" in word} | {"ready.sh"}
    assert set(mounted) == needed
    for name in [*mounted, *kustomization["resources"]]:
        assert (DEPLOY / name).is_file()
    claim = {volume["name"] for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == claim


def test_the_service_finds_the_pods():
    service = yaml.safe_load((DEPLOY / "service.yaml").read_text())
    deployment = yaml.safe_load((DEPLOY / "deployment.yaml").read_text())
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    ports = deployment["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert {port["port"] for port in service["spec"]["ports"]} == {port["containerPort"] for port in ports}


def ready(model, port):
    command = ["bash", str(DEPLOY / "ready.sh"), model, str(port)]
    return subprocess.run(command, timeout=60, check=False, capture_output=True, text=True)


def test_ready_infers_or_says_why_not(server, monkeypatch):
    assert ready("tiny", server.rest_port).returncode == 0
    other = ready("other", server.rest_port)
    assert other.returncode == 1 and "other is not ready: HTTP/1.1 404" in other.stderr
    nobody = ready("tiny", 1)
    assert nobody.returncode == 1 and "nobody listens on port 1" in nobody.stderr
    monkeypatch.setattr(server._batcher, "_most", 0)
    assert ready("tiny", server.rest_port).returncode == 0  # busy
