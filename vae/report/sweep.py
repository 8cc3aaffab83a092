"""The page of a sweep: its table and its plots in one file that opens without a network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1300px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.6em } h2 { font-size: 1.2em; margin-top: 2em }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25em .8em; text-align: right; white-space: nowrap }
tr { border-bottom: 1px solid #ddd }
tbody tr:first-child { background: #eef6ee }
"""


def write(
    path: Path,
    *,
    title: str,
    headline: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    remarks: Sequence[str],
    figures: Sequence[tuple[str, go.Figure]],
) -> None:
    """Writes the page.

    Args:
      path: the HTML file.
      title: the title of the page.
      headline: the text before the table.
      header: the header of the table.
      rows: the cells of the table, the best first.
      remarks: lines after the table.
      figures: plots with their titles.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    plots = "\n".join(
        f'<h2>{escape(name)}</h2>\n<div class="wide">'
        + figure.update_layout(title=None, margin_t=30, template="plotly_white").to_html(
            full_html=False, include_plotlyjs=False
        )
        + "</div>"
        for name, figure in figures
    )
    path.write_text(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(title)}</title>
<style>{STYLE}</style>
<script>{get_plotlyjs() if figures else ""}</script>
</head>
<body>
<h1>{escape(title)}</h1>
<p>{escape(headline)}</p>
<div class="wide"><table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table></div>
<p>{"<br>".join(map(escape, remarks))}</p>
{plots}
</body>
</html>
""",
        encoding="utf-8",
    )
