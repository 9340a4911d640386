"""What is found in the shop's capture."""

import json
from collections import Counter
from collections.abc import Callable

from click.testing import Result

Check = Callable[..., Result]  # runs the command in a folder of its own


def found(result: Result) -> Counter[str]:
    return Counter(finding["rule"] for finding in json.loads(result.stdout)["findings"])


EXPECTED = Counter(
    {
        "attr-number-as-string": 8,
        "parent-missing-local": 6,
        "service-name-missing": 3,
        "span-end-before-start": 4,
    }
)
