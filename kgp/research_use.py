"""The notice that stands in every report and object."""

RESEARCH_USE = "Research use only"
NOT_FOR_CARE = "Not a medical device; not for diagnosis or treatment."
NOTICE = "Research use only; not a medical device."
