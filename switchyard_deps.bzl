"""The dependencies of Switchyard for a WORKSPACE that works offline (Bazel 4)."""

load("//third_party:peers.bzl", "changed_header", "peers", "system_library")
load("//third_party:system_headers.bzl", "system_headers")

def switchyard_deps(path):
    """Declares each dependency that the WORKSPACE has not declared before.

    Run `tools/setup` of Switchyard once before: it installs and unpacks them.

    Args:
      path: the folder of Switchyard's checkout, absolute or as seen from the
        WORKSPACE that calls this.
    """

    # Debian's source packages, unpacked by tools/setup. Their own BUILD files
    # build them, so they see our compiler flags: ThreadSanitizer needs that.
    _local("com_google_absl", path + "/.deps/abseil")
    _local("com_google_googletest", path + "/.deps/googletest")
    _local("com_github_google_benchmark", path + "/.deps/benchmark")

    # Header-only libraries, as Debian installs them. Names, labels and include
    # lines are those of the Bazel Central Registry's modules.
    _headers("concurrentqueue", "/usr/include/concurrentqueue", "include", "libconcurrentqueue-dev")
    _headers("readerwriterqueue", "/usr/include/readerwriterqueue", "include/moodycamel", "libreaderwriterqueue-dev")
    _headers("tl-expected", "/usr/include/tl", "include/tl", "libexpected-dev")
    _headers("nlohmann_json", "/usr/include/nlohmann", "include/nlohmann", "nlohmann-json3-dev", target = "json")

    # Libraries to compare with: what is not installed is left out.
    if not native.existing_rule("switchyard_peers"):
        peers(
            name = "switchyard_peers",
            places = {
                "atomic_queue": "/usr/include/atomic_queue/atomic_queue.h",
                "boost.lockfree": "/usr/include/boost/lockfree/stack.hpp",
                "concurrency_kit": "/usr/include/ck_ring.h",
                "libcds": "/usr/include/cds/init.h",
                "onetbb": "/usr/include/tbb/concurrent_priority_queue.h",
            },
        )

    # What the test of compare's page opens it in; and the library that draws its charts.
    if not native.existing_rule("switchyard_browser"):
        peers(
            name = "switchyard_browser",
            places = {"chromium": "/usr/bin/chromium"},
        )
    _library("atomic_queue", "atomic_queue", [])
    _library("boost.lockfree", "boost.lockfree", [])
    if not native.existing_rule("concurrency_kit"):
        # Its ring for many producers returns `false` for a null pointer, which is C but not C++.
        changed_header(
            name = "concurrency_kit",
            header = "/usr/include/ck_ring.h",
            new = "\t\t\t\treturn NULL;",
            old = "\t\t\t\treturn false;",
            target = "concurrency_kit",
        )
    _library("libcds", "libcds", ["-lcds"])
    _library("onetbb", "tbb", ["-ltbb"])

    # What those BUILD files load. The stubs hold only what is used.
    _local("rules_cc", path + "/third_party/rules_cc")
    _local("rules_shell", path + "/third_party/rules_shell")
    _local("platforms", path + "/third_party/platforms")
    _local("bazel_skylib", "/usr/share/bazel/tools/skylib")

    # What Bazel 4 itself would download for any C++ test.
    _local("remote_coverage_tools", path + "/third_party/remote_coverage_tools")
    _local("rules_java", "/usr/share/bazel/rules/java")
    _local("rules_proto", "/usr/share/bazel/rules/proto")

def _local(name, path):
    if not native.existing_rule(name):
        native.local_repository(name = name, path = path)

def _library(name, target, linkopts):
    if not native.existing_rule(name):
        system_library(name = name, target = target, linkopts = linkopts)

def _headers(name, path, at, package, target = None):
    if not native.existing_rule(name):
        system_headers(
            name = name,
            path = path,
            at = at,
            debian_package = package,
            target = target or name,
        )
