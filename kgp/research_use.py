"""The notice that stands in every report and object."""

RESEARCH_USE = "Research use only"
NOTICE = "Research use only; not a medical device."
