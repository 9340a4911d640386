"""Take docs/images/report.png: the page that `check` writes about a shop with mistakes, in a headless Chromium.

python docs/report_picture.py
"""

import sys
import tempfile
from contextlib import chdir
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "report.png"
SIZE = (1120, 1290)
# Somebody's own contract, whose findings say by how much it was missed.
RULE = """
rule receipt-soon {
  description: "A receipt is sent within 30 ms of the card's authorization."
  message: "no card was authorized in the 30 ms before span `{s.name}`"
  remedy: "Send receipts from a queue of their own."
  for each span s
  where s.name == "send receipt"
  require once [0s, 30ms] span where name == "authorize card"
}
"""
CONFIGURATION = "rules: {files: [shop.rules]}\n"
sys.path[:0] = [str(ROOT), str(ROOT / "processor")]  # a source tree that is not installed

from tests.cli.captures import Shop, json_lines  # noqa: E402
from tests.report import browser  # noqa: E402

from otlp_verifier import cli  # noqa: E402  # the path is needed first


def main() -> None:
    """Check a capture and photograph the page, with the trace open whose receipt came late."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "captures").mkdir()
        (Path(folder) / "captures" / "checkout.jsonl").write_text(json_lines(Shop(), 30))
        (Path(folder) / "shop.rules").write_text(RULE)
        (Path(folder) / "verifier.yaml").write_text(CONFIGURATION)
        page = Path(folder) / "report.html"
        with chdir(folder):
            command = ["check", "captures", "--config", "verifier.yaml", "--quiet", f"--output=html={page}"]
            cli.main(command, standalone_mode=False)
        with browser.started(size=SIZE) as window:
            window.open(page)
            window.run(
                """for (const card of document.querySelectorAll('.rule')) card.open = false;
                   const cards = [...document.querySelectorAll('.rule')];
                   const card = cards.find((one) => one.textContent.includes('receipt-soon'));
                   card.open = true;
                   card.parentElement.prepend(card);
                   document.querySelector('header .muted').textContent = 'otlp-verifier';
                   const open = card.querySelector('.open');
                   if (open.getAttribute('aria-expanded') === 'false') open.click();"""
            )
            PICTURE.write_bytes(window.picture())


if __name__ == "__main__":
    main()
