"""The rules of our own."""

load("@rules_cc//cc:defs.bzl", "cc_library", "cc_test")

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

def model_test(name, deps = [], **kwargs):
    """A test that runs its structures in the model checker.

    Optimised in every configuration: it is a search. Not for sanitizers, which cannot follow the checker from one
    stack to another; it does their work itself.

    Args:
      name: the target; its source is name + ".cc".
      deps: besides the checker and GoogleTest.
      **kwargs: the rest of what cc_test takes.
    """
    cc_test(
        name = name,
        srcs = [name + ".cc"],
        copts = ["-O2"],
        local_defines = ["SWITCHYARD_MODEL"],
        tags = ["model"],
        deps = deps + [
            "//model:check",
            "@com_google_googletest//:gtest_main",
        ],
        **kwargs
    )
