"""Figures: pure functions from what is shown to a Plotly figure, as a plain dictionary.

Colours are names of the theme's tokens ("$normal") and lengths are in pixels of a 1920 px wide wall
("16u"); assets/20-nodes.js puts in what they are on a screen. Times must be shifted to the plant's
zone before: Plotly's axes know none. At most four ticks, labels at the lines instead of legends, a
dotted target, and only what misses its target is coloured.
"""

from dashboards.figures.axes import Figure as Figure
from dashboards.figures.bars import Bar as Bar
from dashboards.figures.bars import columns as columns
from dashboards.figures.bars import waterfall as waterfall
from dashboards.figures.lines import Series as Series
from dashboards.figures.lines import lines as lines
from dashboards.figures.timeline import Stretch as Stretch
from dashboards.figures.timeline import timeline as timeline
