"""The sandbox image: one package set, on a registry's Python image or, without a registry, on Debian packages."""

from selfcodealign.sandbox.image.build import Image, ensure_image, image_tag

__all__ = ["Image", "ensure_image", "image_tag"]
