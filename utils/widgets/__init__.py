"""What can be dragged, played, pointed at or chosen. Each widget computes in the browser and redraws at every move."""

from .alignment import Alignment
from .head_views import HeadViews
from .question import Question
from .ring_attention import RingAttention
from .ring_sum import RingSum
from .slider_bars import SliderBars
from .soft_lookup import SoftLookup
from .training_steps import TrainingSteps

__all__ = [
    "Alignment",
    "HeadViews",
    "Question",
    "RingAttention",
    "RingSum",
    "SliderBars",
    "SoftLookup",
    "TrainingSteps",
]
