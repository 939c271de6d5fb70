"""What can be done to objects in a picture: one file for each effect or family, one row each in ``table``.

``reading`` has effects as people write them, ``effect`` what an effect is, ``drawing`` shows them frames and
lays what they give over the picture. Importing this package is instant; an effect's own file is imported when
it is made.
"""
