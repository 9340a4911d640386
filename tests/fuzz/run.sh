#!/usr/bin/env bash
# Fuzzes the native module under the address and undefined behaviour sanitizers.
#
#     tests/fuzz/run.sh               a short run, as in `make test`
#     SECONDS_EACH=600 tests/fuzz/run.sh
#
# With clang it is libFuzzer that makes the inputs, with gcc it is driver.c.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${SECONDS_EACH:-10}
seed=${FUZZ_SEED:-1}
python=${PYTHON:-.venv/bin/python}
build=build/fuzz
wire=processor/otlp_verifier/wire
flags=(-std=c11 -g -O1 -fno-omit-frame-pointer -Wall -Wextra -Werror "-I$wire"
       -fsanitize=address,undefined -fno-sanitize-recover=all)

read -ra sources < <("$python" -c 'import sys; sys.path.insert(0, sys.argv[1]); import build; print(*build.SOURCES)' "$wire")

mkdir -p "$build"
"$python" tests/fuzz/seeds.py "$build/seeds"
for target in tests/fuzz/*_fuzz.c; do
    name=$(basename "$target" .c)
    seeds=$build/seeds-$name
    [[ -d $seeds ]] || seeds=$build/seeds
    if command -v clang >/dev/null; then
        clang "${flags[@]}" -fsanitize=fuzzer "$target" "${sources[@]/#/$wire/}" -o "$build/$name"
        mkdir -p "$build/corpus-$name"
        "$build/$name" -max_total_time="$seconds" -seed="$seed" -max_len=16384 \
            -artifact_prefix="$build/" "$build/corpus-$name" "$seeds"
    else
        "${CC:-gcc}" "${flags[@]}" "$target" tests/fuzz/driver.c "${sources[@]/#/$wire/}" -o "$build/$name"
        echo "$name: $seconds s from seed $seed"
        (cd "$build" && "./$name" "$seconds" "$seed" "../../$seeds"/*)
    fi
done
