"""The generated classes are those that protoc makes of bridge/proto today."""

from importlib import resources
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACT = ROOT / "processor" / "otlp_verifier" / "contract"


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    protoc = pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools is not installed")
    folder = tmp_path_factory.mktemp("contract")
    include = resources.files("grpc_tools") / "_proto"
    arguments = [f"-I{ROOT / 'bridge' / 'proto'}", f"-I{include}", f"--python_out={folder}", f"--pyi_out={folder}"]
    assert protoc.main(["protoc", *arguments, "verifier.proto"]) == 0
    return folder


@pytest.mark.parametrize("name", ["verifier_pb2.py", "verifier_pb2.pyi"])
def test_generated_classes_are_fresh(regenerated: Path, name: str) -> None:
    assert (CONTRACT / name).read_text() == (regenerated / name).read_text(), "run `make contract`"
