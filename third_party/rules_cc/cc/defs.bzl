"""Stands in for rules_cc offline: in Bazel 4 these rules are built in."""

# For BUILD files, ours and those of our dependencies.
cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_test = native.cc_test

# For the BUILD files of Bazel's own tools.
cc_proto_library = native.cc_proto_library
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
objc_library = native.objc_library
