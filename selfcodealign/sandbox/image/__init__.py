"""The sandbox image: one package set, on a registry's Python image or, without a registry, on Debian packages."""

from selfcodealign.sandbox.image.build import Image, ensure_image, image_tag
from selfcodealign.sandbox.image.rootfs import RootFolder, ensure_root_folder, find_root_folder

__all__ = ["Image", "RootFolder", "ensure_image", "ensure_root_folder", "find_root_folder", "image_tag"]
