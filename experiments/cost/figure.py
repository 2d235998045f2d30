"""Figure 4 as a picture: FLOPs of one text over the number of tasks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from encore.experiments.cost.compute import CostLine, Methods, round_up
from encore.featurestore.errors import UsageError
from encore.featurestore.storage import new_file

if TYPE_CHECKING:
    import altair as alt

GIGA = 10**9
WIDTH, HEIGHT, SCALE = 560, 340, 2
"""Points, and pixels a point."""

COLORS = ("#b22222", "#e08214", "#1b7837", "#2166ac", "#762a83")
"""A colour for each line of `Methods.lines`. Red-green colour-blind people can tell them apart; dashes help, too."""

ROOM = 1.75
"""How far the picture goes beyond the last crossing (a factor), so that the label fits in."""

DASHES = ([1, 0], [6, 3], [2, 2], [1, 0], [6, 3])


def check_figure(path: str | None) -> None:
    """Check that a picture can be drawn, before any work.

    Raises:
        UsageError: the drawing packages are missing, or the name does not end in .png.
    """
    if path is None:
        return
    if not path.lower().endswith(".png"):
        raise UsageError(f"--plot {path!r}: pictures are PNG; give a name that ends in .png")
    try:
        import altair  # noqa: F401, PLC0415 (an extra, looked for only where it is asked for)
        import vl_convert  # noqa: F401, PLC0415
    except ImportError as error:
        raise UsageError(
            f'--plot {path!r}: drawing needs {error.name}; pip install "encore-featurestore[report]"'
        ) from error


def write_figure(path: str, methods: Methods, tasks: int, title: str) -> None:
    """Draw the lines of figure 4 from 0 to ``tasks`` tasks, or on to where each frozen line crosses the distilled one.

    Marks show these crossings. The line of the encoder fine-tuned per task may leave the picture at the top, so that it
    does not flatten the others.
    """
    with new_file(path) as file:
        _chart(methods, tasks, title).save(file, format="png", scale_factor=SCALE)


def _chart(methods: Methods, tasks: int, title: str) -> alt.LayerChart | alt.FacetChart:
    import altair as alt  # noqa: PLC0415

    lines = methods.lines
    names = [line.name for line in lines]
    marked = ((methods.folded, "{} tasks"), (methods.attention, "{} with the paper's attention"))
    crossings = [
        (crossing, line.intercept + crossing * line.slope, text.format(round_up(crossing)))
        for line, text in marked
        if (crossing := line.break_even(methods.distilled))
    ]
    last = max(tasks, 1, *(math.ceil(ROOM * crossing) for crossing, _, _ in crossings))
    top = 1.05 * max(line.at(last) for line in lines[1:]) / GIGA
    base = alt.Chart({"values": [_point(line, count) for line in lines for count in (0, last)]})
    series = base.mark_line(clip=True, strokeWidth=2).encode(
        x=alt.X(
            "tasks:Q",
            title="tasks asked of one text",
            scale=alt.Scale(domain=[0, last]),
            axis=alt.Axis(tickCount=min(last, 15), grid=False),
        ),
        y=alt.Y("gflops:Q", title="G FLOPs", scale=alt.Scale(domain=[0, top])),
        color=alt.Color(
            "method:N",
            title=None,
            scale=alt.Scale(domain=names, range=list(COLORS)),
            legend=alt.Legend(orient="bottom", columns=2, labelLimit=400, symbolSize=400),
        ),
        strokeDash=alt.StrokeDash("method:N", title=None, scale=alt.Scale(domain=names, range=list(DASHES))),
    )
    layers = [series]
    if crossings:
        places = [{"tasks": crossing, "gflops": flops / GIGA} for crossing, flops, _ in crossings]
        label = {"text": "; ".join(text for _, _, text in crossings)}
        position = {"x": "tasks:Q", "y": "gflops:Q"}
        layers += [
            alt.Chart({"values": places}).mark_point(filled=True, size=70, color="black", opacity=1).encode(**position),
            # There is never another line below the frozen lines and to the right of the crossing.
            alt.Chart({"values": [places[0] | label]})
            .mark_text(fontSize=11, dy=16, dx=4, align="left")
            .encode(text="text:N", **position),
        ]
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=title, background="white")


def _point(line: CostLine, tasks: int) -> dict[str, Any]:
    return {"method": line.name, "tasks": tasks, "gflops": line.at(tasks) / GIGA}
