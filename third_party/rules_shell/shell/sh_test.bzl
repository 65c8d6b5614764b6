"""Stands in for rules_shell offline: in Bazel 4 this rule is built in."""

sh_test = native.sh_test
