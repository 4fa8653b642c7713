"""The rule by which pixels of a contrast count as the patient's head and not as air.

The 5th percentile of a contrast is subtracted. What then lies above 3 % of the maximum and above
15 % of the 99th percentile is head.
"""

LOW_PERCENTILE = 5.0
HIGH_PERCENTILE = 99.0
SHARE_OF_MAXIMUM = 0.03
SHARE_OF_HIGH = 0.15
MOST_OF_BORDER = 0.5  # largest share of head in the border of a contrast that may say where the head is
