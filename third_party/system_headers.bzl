"""A repository made of headers that the system's package manager installed.

Only the library's own folder is linked to. Putting the whole of /usr/include on
the include path would change the order in which the compiler finds the
standard headers.
"""

_BUILD = """\
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "{target}",
    hdrs = glob(["include/**"]),
    includes = ["include"],
    visibility = ["//visibility:public"],
)
"""

def _system_headers_impl(ctx):
    folder = ctx.path(ctx.attr.path)
    if not folder.exists:
        fail("no %s: run tools/setup, or install %s" % (folder, ctx.attr.debian_package))
    if "/" in ctx.attr.at:
        ctx.symlink(folder, ctx.attr.at)
    else:
        for header in folder.readdir():
            ctx.symlink(header, ctx.attr.at + "/" + header.basename)
    ctx.file("BUILD.bazel", _BUILD.format(target = ctx.attr.target))

system_headers = repository_rule(
    implementation = _system_headers_impl,
    local = True,  # looked at again when Bazel starts: packages come and go
    attrs = {
        "path": attr.string(mandatory = True, doc = "the installed folder"),
        "at": attr.string(mandatory = True, doc = "where it is to appear here, under include"),
        "debian_package": attr.string(mandatory = True, doc = "named when it is missing"),
        "target": attr.string(mandatory = True, doc = "name of the library"),
    },
)
