"""Writes the inputs that fuzzing starts from: `python tests/fuzz/seeds.py FOLDER`.

Each begins with one byte that tells the target how to run (see scan_fuzz.c). Protobuf goes to FOLDER, JSON to
FOLDER-json_fuzz.
"""

import sys
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "processor")]

from perf.workload import collector_bytes, request, sdk_bytes  # noqa: E402 - found only now
from tests.wire.json_documents import random_document  # noqa: E402
from tests.wire.requests import random_request  # noqa: E402

RANDOM_REQUESTS = 300
RANDOM_DOCUMENTS = 1_000
DOCUMENT_BYTES = 4_096
USUAL_REQUESTS = 30
VALID = bytes.fromhex(
    "0a38123612340a10000102030405060708090a0b0c0d0e0f120800010203040506072a026f70300239e80300000000000041d007000000000000"
)


def main(folder: Path) -> None:
    """Fill `folder`."""
    seeds = [b"", VALID, VALID * 3]
    for number in range(USUAL_REQUESTS):
        seeds += [write(request(spans=2, seed=number)) for write in (sdk_bytes, collector_bytes)]
    for number in range(RANDOM_REQUESTS):
        rng = Random(number)
        seeds.append(random_request(rng, odd=number % 2 == 1))
    write_all(folder, seeds)
    texts = [
        text for number in range(RANDOM_DOCUMENTS) if len(text := random_document(Random(number))) < DOCUMENT_BYTES
    ]
    lines = [b"\n".join(texts[number : number + 3]) for number in range(0, len(texts), 6)]
    write_all(folder.with_name(f"{folder.name}-json_fuzz"), [*texts, *lines])


def write_all(folder: Path, seeds: list[bytes]) -> None:
    """Write each to a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (folder / f"{number:04}").write_bytes(bytes([number % 256]) + seed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
