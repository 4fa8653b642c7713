"""Which pixels of a contrast count as the patient's head and not as air.

The 5th percentile of a contrast is subtracted. What then lies above 3 % of the maximum and above 15 % of the 99th
percentile is head.
"""

LOW_PERCENTILE = 5.0
HIGH_PERCENTILE = 99.0
SHARE_OF_MAXIMUM = 0.03
SHARE_OF_HIGH = 0.15
MOST_OF_BORDER = 0.5  # a contrast whose border is head to a larger share than this says nothing about the head
