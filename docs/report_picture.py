"""Take docs/images/report.png: the page that `check` writes about a shop with mistakes, in a headless Chromium.

python docs/report_picture.py
"""

import sys
import tempfile
from contextlib import chdir
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "report.png"
SIZE = (1120, 1260)
sys.path[:0] = [str(ROOT), str(ROOT / "processor")]  # a source tree that is not installed

from tests.cli.captures import Shop, json_lines  # noqa: E402
from tests.report import browser  # noqa: E402

from otlp_verifier import cli  # noqa: E402  # the path is needed first


def main() -> None:
    """Check a capture and photograph the page, with the span open whose clock was set back."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "captures").mkdir()
        (Path(folder) / "captures" / "checkout.jsonl").write_text(json_lines(Shop(), 30))
        page = Path(folder) / "report.html"
        with chdir(folder):
            cli.main(["check", "captures", "--quiet", f"--output=html={page}"], standalone_mode=False)
        with browser.started(size=SIZE) as window:
            window.open(page)
            window.run(
                """for (const card of document.querySelectorAll('.rule')) card.open = false;
                   const card = [...document.querySelectorAll('.rule')].at(-1);
                   card.open = true;
                   card.parentElement.prepend(card);
                   document.querySelector('header .muted').textContent = 'otlp-verifier';
                   const open = card.querySelector('.open');
                   if (open.getAttribute('aria-expanded') === 'false') open.click();"""
            )
            PICTURE.write_bytes(window.picture())


if __name__ == "__main__":
    main()
