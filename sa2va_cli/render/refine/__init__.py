"""From a mask to an alpha: stages between a network's soft masks and what is drawn with them, one file each.

Each is a pure function on arrays; ``stages.STAGES`` lists them in the order in which they make sense.
"""
