"""What runs inside the container: standard library only, no dataclasses (a lean parent forks faster).

The modules travel over the container's standard input (see `selfcodealign.sandbox.bundle`): the image holds none of
them, so that a change here needs no new image.
"""
