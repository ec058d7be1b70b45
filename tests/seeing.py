"""What a reader can see: contrast as the standard has it, and colours as colour-blind readers see them."""

import numpy as np
from colorspacious import cspace_convert
from matplotlib.colors import to_rgb

PAGES = {"JupyterLab, light": "#ffffff", "JupyterLab, dark": "#111111"}


def luminance(colour):
    """Relative luminance. Source: WCAG 2.2."""
    channels = np.array(to_rgb(colour))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]


def contrast(one, other):
    """From 1 to 21. Source: WCAG 2.2."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def over(page, colour):
    """What a colour with its opacity looks like on a page."""
    *channels, opacity = colour
    return tuple(opacity * np.array(channels) + (1 - opacity) * np.array(to_rgb(page)))


def seen(colours, reader):
    """Colours as they are for a reader without one kind of cone, or (None) with all. Source: Machado et al. 2009."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    if reader is None:
        return rgb
    return np.clip(cspace_convert(rgb, {"name": "sRGB1+CVD", "cvd_type": reader, "severity": 100}, "sRGB1"), 0, 1)
