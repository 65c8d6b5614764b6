"""The one rule of our own."""

load("@rules_cc//cc:defs.bzl", "cc_library")

def switchyard_library(name, hdrs = None, **kwargs):
    """A header (and what it is made of) under the path that users include.

    The file lockfree/bounded_queue.h is included, by users and by ourselves, as
    "switchyard/lockfree/bounded_queue.h".

    Args:
      name: the target; by custom the header's name without its `.h`.
      hdrs: the headers; by default `[name + ".h"]`.
      **kwargs: the rest of what cc_library takes.
    """
    cc_library(
        name = name,
        hdrs = [name + ".h"] if hdrs == None else hdrs,
        include_prefix = "switchyard/" + native.package_name(),
        **kwargs
    )
