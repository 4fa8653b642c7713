"""The words that go with everything this package puts out."""

RESEARCH_USE = "Research use only"
NOTICE = f"{RESEARCH_USE}; not a medical device."
