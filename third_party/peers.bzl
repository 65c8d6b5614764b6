"""Which libraries to compare with there are.

They are only measured against, so that a machine without one of them does without its adapter and its rows:
nothing fails. Bazel 7 and later take them from the registry, which does not have all.

In both worlds there is a repository `switchyard_peers` whose `peers.bzl` lists those that there are:

    load("@switchyard_peers//:peers.bzl", "PEERS")

    [switchyard_library(...) for each in ["libcds_stack"] if "libcds" in PEERS]
"""

def _peers_impl(ctx):
    present = []
    for name, place in ctx.attr.places.items():
        if not place or ctx.path(place).exists:
            present.append(name)
        else:
            print("left out, as there is no %s: %s (tools/setup installs it)" % (place, name))  # buildifier: disable=print
    ctx.file("BUILD.bazel", "")
    ctx.file("peers.bzl", "PEERS = %r\n" % present)

peers = repository_rule(
    implementation = _peers_impl,
    local = True,  # looked at again when Bazel starts: packages come and go
    attrs = {
        "places": attr.string_dict(
            mandatory = True,
            doc = "for each library, a header that it installs; or nothing, if it is there anyway",
        ),
    },
)

_BUILD = """\
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "{target}",
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

def _system_library_impl(ctx):
    ctx.file("BUILD.bazel", _BUILD.format(target = ctx.attr.target, linkopts = repr(ctx.attr.linkopts)))

# A library whose headers are included as Debian has them below /usr/include, where the compiler looks by itself;
# so that only what is to be linked has to be said.
system_library = repository_rule(
    implementation = _system_library_impl,
    attrs = {
        "linkopts": attr.string_list(),
        "target": attr.string(mandatory = True, doc = "name of the library"),
    },
)

_CHANGED = """\
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "{target}",
    hdrs = ["include/{header}"],
    includes = ["include"],
    visibility = ["//visibility:public"],
)
"""

def _changed_header_impl(ctx):
    header = ctx.path(ctx.attr.header)
    if header.exists:
        text = ctx.read(header).replace(ctx.attr.old, ctx.attr.new)
        ctx.file("include/" + header.basename, text, executable = False)
        ctx.file("BUILD.bazel", _CHANGED.format(header = header.basename, target = ctx.attr.target))
    else:
        ctx.file("BUILD.bazel", "")  # among the peers that are left out

# A library of headers, of which one cannot be compiled as it is: a copy with some text in the place of some other is
# found before it. The others are found where they are.
changed_header = repository_rule(
    implementation = _changed_header_impl,
    local = True,
    attrs = {
        "header": attr.string(mandatory = True, doc = "its path"),
        "new": attr.string(mandatory = True),
        "old": attr.string(mandatory = True),
        "target": attr.string(mandatory = True, doc = "name of the library"),
    },
)
