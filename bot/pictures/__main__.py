"""python -m bot.pictures: SVG on standard input, PNG on standard output.

A process of its own: resvg holds Python's one lock while it draws, for which acknowledgements would have to wait, and
a process can be ended when its time is over. It needs nothing of the bot, so that it starts in some 30 ms.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

# Data alone, found and never imported. The first two are asked for; the others have the scripts that those lack.
FONTS = (
    ("fontpkg_inter", "files/Inter[opsz,wght].ttf"),
    ("fontpkg_jetbrains_mono", "files/JetBrainsMono[wght].ttf"),
    ("noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf"),
    ("fontpkg_noto_sans_arabic", "files/NotoSansArabic[wdth,wght].ttf"),
    ("fontpkg_noto_sans_devanagari", "files/NotoSansDevanagari[wdth,wght].ttf"),
    ("fontpkg_noto_sans_thai", "files/NotoSansThai[wdth,wght].ttf"),
    ("fontpkg_heebo", "files/Heebo[wght].ttf"),
)


def fonts() -> list[str]:
    """Where the fonts lie. Those of the machine are never looked at, so that every machine draws the same."""
    found = []
    for package, file in FONTS:
        spec = find_spec(package)
        folders = spec.submodule_search_locations if spec else None
        if not folders:
            raise SystemExit(f"The font package {package} is not installed.")
        found.append(str(Path(folders[0], file)))
    return found


def main() -> None:
    """Draw what stands on standard input."""
    import resvg_py

    svg = sys.stdin.buffer.read().decode()
    png = resvg_py.svg_to_bytes(
        svg_string=svg, skip_system_fonts=True, font_files=fonts(), font_family="Inter"
    )
    sys.stdout.buffer.write(png)


if __name__ == "__main__":
    main()
