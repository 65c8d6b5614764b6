"""The flags of this very build, for the program that is built to tell."""

def _compiler_flags_impl(ctx):
    flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts
    text = " ".join(flags + ["(Bazel's %s)" % ctx.var["COMPILATION_MODE"]])
    source = ctx.actions.declare_file(ctx.label.name + ".cc")
    ctx.actions.write(source, "\n".join([
        "// Written by compiler_flags.bzl.",
        "#include \"switchyard/benchmarks/compare/build_info.h\"",
        "",
        "std::string_view switchyard::compare::compiler_flags() {",
        "  return R\"flags(%s)flags\";" % text,
        "}",
        "",
    ]))
    return [DefaultInfo(files = depset([source]))]

compiler_flags = rule(
    implementation = _compiler_flags_impl,
    doc = "NAME.cc, which defines switchyard::compare::compiler_flags().",
    fragments = ["cpp"],
)
