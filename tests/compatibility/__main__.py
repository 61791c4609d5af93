"""`make compatibility`: writes docs/compatibility.md."""

from __future__ import annotations

from tests.compatibility.page import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.name}")
