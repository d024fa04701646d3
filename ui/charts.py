"""Plots as data -> plotly figures. Pure; one palette that reads well on a light and on a dark page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

PALETTE = ("#2f8fd8", "#e8833a", "#2bab82", "#c65fb0", "#8a78e0", "#c9a227", "#d9565c", "#5aa9b8")
_INK = "#7d8794"
_GRID = "rgba(125,135,148,0.22)"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_MAX_LEGEND = 8
_MAX_CELL_TEXT = 12
_MAX_COUNTED = 12


def figure(plot: dict[str, Any]) -> go.Figure:
    """Draw a plot that `tools.tracking.plots.plot` described.

    Args:
        plot: {"kind": line | scatter | bar | heatmap, "title", "x", "y": axis titles, "series": [{"name", "x", "y"}]};
            a heat map has "labels" and "matrix" instead of series.

    Returns:
        A figure with transparent background and colours between light and dark.
    """
    import plotly.graph_objects as go

    drawn = go.Figure()
    draw = {"heatmap": _heatmap, "bar": _bars}.get(str(plot.get("kind")), _points)
    _dress(drawn, plot)
    draw(drawn, plot)
    return drawn


def _points(drawn: go.Figure, plot: dict[str, Any]) -> None:
    names = [str(series.get("name", "")) for series in plot.get("series", [])]
    # A loss and a score share no scale: the loss gets an axis of its own, unless it is alone.
    apart = any("loss" in name for name in names) and not all("loss" in name for name in names)
    for number, series in enumerate(plot.get("series", [])):
        color = PALETTE[number % len(PALETTE)]
        points = series.get("style") == "points" or len(series.get("x", [])) < 2
        lonely = len(series.get("x", [])) == 1 and "text" not in series  # one epoch: the number says more than the dot
        loss = apart and "loss" in names[number]
        drawn.add_scatter(
            x=series.get("x", []),
            y=series.get("y", []),
            name=str(series.get("name", "")),
            mode="markers+text" if lonely else "markers" if points else "lines",
            text=[f"{value:.3g}" for value in series["y"]] if lonely else series.get("text"),
            textposition="middle right",
            line={"width": 2.4, "color": color, "shape": "hv" if series.get("style") == "step" else "linear"},
            marker={"size": 8, "color": color, "opacity": 0.8},
            yaxis="y2" if loss else "y",
        )
    if apart:
        loss_axis = {
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "title": {"text": "loss"},
            "zeroline": False,
        }
        drawn.update_layout(yaxis2=loss_axis, margin_r=64)
    counted = [x for series in plot.get("series", []) for x in series.get("x", [])]
    whole = all(isinstance(x, (int, float)) and float(x).is_integer() for x in counted)
    if counted and whole and max(counted) - min(counted) <= _MAX_COUNTED:
        drawn.update_xaxes(dtick=1)  # there is no trial 1.5
    if plot.get("x_log"):
        drawn.update_xaxes(type="log")


def _bars(drawn: go.Figure, plot: dict[str, Any]) -> None:
    """One series is drawn as horizontal bars: its labels are words, and words are read along the line."""
    several = len(plot.get("series", [])) > 1
    for number, series in enumerate(plot.get("series", [])):
        labels, values = [str(label) for label in series.get("x", [])], list(series.get("y", []))
        drawn.add_bar(
            x=labels if several else values,
            y=values if several else labels,
            name=str(series.get("name", "")),
            orientation="v" if several else "h",
            marker={"color": PALETTE[number % len(PALETTE)]},
        )
    if not several:
        drawn.update_yaxes(autorange="reversed")


def _heatmap(drawn: go.Figure, plot: dict[str, Any]) -> None:
    cells, labels = plot["matrix"], [str(label) for label in plot["labels"]]
    drawn.add_heatmap(
        x=labels,
        y=labels,
        z=cells,
        colorscale=[[0.0, "rgba(47,143,216,0.04)"], [1.0, "rgba(47,143,216,0.9)"]],
        showscale=False,
        texttemplate="%{z}" if len(cells) <= _MAX_CELL_TEXT else None,
        xgap=2,
        ygap=2,
    )
    drawn.update_xaxes(type="category")
    drawn.update_yaxes(type="category", autorange="reversed")


def _dress(drawn: go.Figure, plot: dict[str, Any]) -> None:
    named = sum(bool(series.get("name")) for series in plot.get("series", []))
    drawn.update_layout(
        template="none",
        title={"text": str(plot.get("title", "")), "x": 0.01, "xanchor": "left", "font": {"size": 14}},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": _FONT, "color": _INK, "size": 12},
        colorway=list(PALETTE),
        height=320,
        margin={"l": 64, "r": 24, "t": 72, "b": 48},
        showlegend=1 < named <= _MAX_LEGEND,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0.0},
        hovermode="closest",
        hoverlabel={"font": {"family": _FONT}},
    )
    common = {"gridcolor": _GRID, "zeroline": False, "linecolor": _GRID, "automargin": True}
    drawn.update_layout(
        xaxis={"title": {"text": str(plot.get("x") or ""), "standoff": 8}, **common},
        yaxis={"title": {"text": str(plot.get("y") or ""), "standoff": 8}, **common},
    )
