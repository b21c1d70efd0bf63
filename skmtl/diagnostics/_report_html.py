"""A transfer report as HTML: one piece that needs nothing else, with a picture in SVG and a table."""

from html import escape

import numpy as np

from ._comparison import limits

#: Colours that can be told apart (Okabe and Ito, 2008), and marks that can be without them.
_COLOURS = {"helps": "#0072B2", "no evidence": "#767676", "hurts": "#D55E00"}
_MARKS = {"helps": "▲", "no evidence": "●", "hurts": "▼"}
_WIDTH, _ROW, _TOP, _BOTTOM = 760, 22, 8, 44
_LONGEST = 32
_STYLE = """
.skmtl-report {font: 14px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 60rem; padding: 0 1rem}
.skmtl-report table {border-collapse: collapse; font-variant-numeric: tabular-nums}
.skmtl-report th, .skmtl-report td {padding: .2rem .7rem; text-align: right; white-space: nowrap}
.skmtl-report td {border-bottom: 1px solid #ddd}
.skmtl-report th:first-child, .skmtl-report td:first-child {text-align: left; white-space: normal}
.skmtl-report th:last-child, .skmtl-report td:last-child {text-align: left}
.skmtl-report thead th {border-bottom: 2px solid #222}
.skmtl-report pre {white-space: pre-wrap; background: #f5f5f5; padding: .5rem}
.skmtl-report svg {max-width: 100%; height: auto}
.skmtl-report .note {color: #555; max-width: 46rem}
"""


def page(report):
    """Return a whole page.

    Parameters
    ----------
    report : TransferReport

    Returns
    -------
    html : str
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Transfer report</title>\n</head>\n<body>\n{fragment(report)}\n</body>\n</html>\n"
    )


def fragment(report):
    """Return what stands in a page, or in a notebook.

    Parameters
    ----------
    report : TransferReport

    Returns
    -------
    html : str
    """
    parts = [
        f"<style>{_STYLE}</style>",
        "<h1>Does sharing help?</h1>",
        f"<p><strong>{escape(report.summary())}.</strong></p>",
        _picture(report),
        _table(report),
        *(f"<p>{escape(line)}.</p>" for line in report.totals()),
        f'<p class="note">{escape(_method(report))}</p>',
        f"<details><summary>The model</summary><pre>{escape(report.model)}</pre></details>" if report.model else "",
    ]
    return f'<div class="skmtl-report">\n{chr(10).join(part for part in parts if part)}\n</div>'


def _method(report):
    level = f"{100 * report.confidence:g} %"
    return (
        "Each task is predicted by the network that all tasks share, and by one of the same layers for it alone, "
        "trained on the same rows with the same schedule; scores are those of held-out rows, and higher is better. "
        f"Intervals ({level}) are for each task by itself, by the corrected resampled t-test. p is adjusted for the "
        f"number of tasks (Benjamini and Hochberg); there is a verdict where it is below {1 - report.confidence:.2g}."
    )


def _table(report):
    names, words = list(report.tasks), list(report.verdicts.values())
    head = ("task", "score", "alone", "shared", "gain", "interval", "p", "folds", "verdict")
    rows = []
    for t in report.order().tolist():
        verdict = f'<span style="color:{_COLOURS[words[t]]}">{_MARKS[words[t]]} {words[t]}</span>'
        cells = [names[t], report.score_names[names[t]], *report.texts(t), report.n_folds[t]]
        cells = [escape(str(cell)) for cell in cells]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in [*cells, verdict]) + "</tr>")
    heads = "".join(f"<th>{name}</th>" for name in head)
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table>"


def _picture(report):
    """Gains with their intervals, a line a task, as SVG."""
    order = [t for t in report.order().tolist() if not np.isnan(report.gain[t])]
    if not order:
        return ""
    names, words = list(report.tasks), list(report.verdicts.values())
    labels = [_shorten(str(names[t])) for t in order]
    left = 20 + 7.5 * max(map(len, labels))
    scale = _Scale(*limits(report.gain, report.interval), left, _WIDTH - 20)
    bottom = _TOP + _ROW * len(order)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + _BOTTOM}" width="{_WIDTH}" '
        'role="img" aria-label="Gain of each task by sharing, with its interval" font-size="13">'
    ]
    for value in scale.ticks():
        x, colour = scale(value), "#222" if value == 0 else "#ddd"
        lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" stroke="{colour}"/>')
        lines.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    for row, (t, label) in enumerate(zip(order, labels, strict=True)):
        y = _TOP + _ROW * (row + 0.5)
        title = f"<title>{escape(f'{names[t]}: {words[t]}')}</title>"
        lines.append(f'<text x="{left - 10:.1f}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}{title}</text>')
        lines.append(_mark(report.gain[t], report.interval[t], words[t], scale, y))
    middle = (left + _WIDTH - 20) / 2
    lines.append(f'<text x="{middle:.1f}" y="{bottom + 36}" text-anchor="middle">gain by sharing</text></svg>')
    return "\n".join(lines)


def _mark(gain, interval, verdict, scale, y):
    colour, x = _COLOURS[verdict], scale(gain)
    a, b = (x, x) if np.isnan(interval[0]) else map(scale, interval)
    return (
        f'<g stroke="{colour}" fill="{colour}"><line x1="{a:.1f}" x2="{b:.1f}" y1="{y}" y2="{y}" stroke-width="2.5"/>'
        f'<text x="{x:.1f}" y="{y + 5}" text-anchor="middle" stroke="none" font-size="14">{_MARKS[verdict]}</text></g>'
    )


class _Scale:
    """From values to places, cut at both ends."""

    def __init__(self, low, high, left, right):
        self.low, self.high, self.left, self.right = low, high, left, right

    def __call__(self, value):
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.left + share * (self.right - self.left)

    def ticks(self):
        """Some five round values."""
        raw = (self.high - self.low) / 5
        power = 10.0 ** np.floor(np.log10(raw))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
        first, last = int(np.ceil(self.low / step)), int(np.floor(self.high / step))
        return [round(i * step, 12) for i in range(first, last + 1)]


def _shorten(text):
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
