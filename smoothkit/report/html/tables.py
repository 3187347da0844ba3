"""Tables as HTML."""

from smoothkit.report.svg.canvas import text
from smoothkit.report.svg.strip import draw_strip
from smoothkit.report.table import Cell, Table


def html_table(table: Table) -> str:
    """The table with its title as the caption and its notes below; one that is too wide scrolls by itself."""
    sides = ["right" if numeric else "left" for numeric in table.numeric]
    head = "".join(
        f'<th scope="col" class="{side}">{text(column)}</th>' for side, column in zip(sides, table.columns, strict=True)
    )
    bodies = []
    for section in table.sections:
        rows = [
            _first(row[0]) + "".join(_cell(cell, side) for cell, side in zip(row[1:], sides[1:], strict=True))
            for row in section.rows
        ]
        if section.heading:
            rows.insert(0, f'<th scope="rowgroup" class="section" colspan="{len(sides)}">{text(section.heading)}</th>')
        bodies.append("<tbody>\n" + "".join(f"<tr>{row}</tr>\n" for row in rows) + "</tbody>\n")
    notes = "".join(f'<p class="quiet">{text(note)}</p>\n' for note in table.notes)
    # A region that scrolls must be reached by keyboard, and have a name.
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(table.title)}"><table>\n'
        f"<caption><span>{text(table.title)}</span></caption>\n<thead><tr>{head}</tr></thead>\n{''.join(bodies)}</table></div>\n{notes}"
    )


def _first(cell: Cell) -> str:
    return f'<th scope="row">{text(cell.text)}</th>'


def _cell(cell: Cell, side: str) -> str:
    picture = draw_strip(cell.strip) if cell.strip else ""
    classes = " ".join(filter(None, (side, cell.verdict)))
    return f'<td class="{classes}">{text(cell.text)}{picture}</td>'
