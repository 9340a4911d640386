#!/usr/bin/env bash
# Regenerates the Go and Python code of the contract from verifier.proto.
# protoc comes with PyPI's grpcio-tools, so any Python that has it will do:
#   PYTHON=.venv/bin/python bridge/proto/generate.sh
# protoc-gen-go is pinned in bridge/verifierprocessor/tools.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
module=$here/../verifierprocessor
package=$here/../../processor/otlp_verifier/contract
python=${PYTHON:-python3}

plugins=$(mktemp -d)
trap 'rm -rf "$plugins"' EXIT
(cd "$module" && go build -modfile=tools/go.mod -o "$plugins/" google.golang.org/protobuf/cmd/protoc-gen-go)

PATH="$plugins:$PATH" "$python" -m grpc_tools.protoc -I "$here" \
  --go_out="$module/internal/contract" --go_opt=paths=source_relative \
  --python_out="$package" --pyi_out="$package" verifier.proto
echo "wrote bridge/verifierprocessor/internal/contract/verifier.pb.go"
echo "wrote processor/otlp_verifier/contract/verifier_pb2.py and .pyi"
