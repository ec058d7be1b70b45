"""Figures that a chapter's text tells and its notebook does not run, because they would take too long there."""
