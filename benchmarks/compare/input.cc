#include "switchyard/benchmarks/compare/input.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "switchyard/benchmarks/compare/error.h"
#include "switchyard/benchmarks/compare/log_generator.h"

namespace switchyard::compare {
namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

class descriptor {
 public:
  explicit descriptor(int number) noexcept : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&&) = delete;
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const noexcept { return number_; }

 private:
  int number_;
};

// A file that is gone when it is closed.
descriptor temporary_file() {
  const char* variable = std::getenv("TMPDIR");
  const std::string folder = variable != nullptr && *variable != '\0' ? variable : "/tmp";
  int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) {
    // Not every file system can do that; then make a named one and remove the name.
    std::string path = folder + "/switchyard-compare-XXXXXX";
    file = ::mkostemp(path.data(), O_CLOEXEC);
    if (file < 0)
      throw bad_request(absl::StrCat("cannot make a temporary file in ", folder, ": ", reason(errno)));
    ::unlink(path.c_str());
  }
  return descriptor(file);
}

void write_all(int file, std::string_view text, const atomic<bool>* stop) {
  while (!text.empty()) {
    if (stop != nullptr && stop->load(memory_order_relaxed)) throw interrupted();
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      throw bad_request(absl::StrCat("cannot write to a temporary file: ", reason(errno)));
    }
  }
}

// All that `source` has to give, or somewhat more than `most` bytes of it, in a temporary file.
descriptor spool(int source, const std::string& name, const atomic<bool>& stop, std::uint64_t most) {
  descriptor file = temporary_file();
  std::vector<char> buffer(std::size_t{1} << 20);
  for (std::uint64_t all = 0; all <= most;) {
    const ssize_t got = ::read(source, buffer.data(), buffer.size());
    if (stop.load(memory_order_relaxed)) throw interrupted();
    if (got == 0) return file;
    if (got > 0) {
      write_all(file.get(), {buffer.data(), static_cast<std::size_t>(got)}, &stop);
      all += static_cast<std::uint64_t>(got);
    } else if (errno != EINTR) {
      throw bad_request(absl::StrCat(name, ": ", reason(errno)));
    }
  }
  return file;
}

std::uintptr_t page_size() {
  static const auto size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

mapped_text mapped_text::open(const std::string& path, const atomic<bool>& stop, std::uint64_t most) {
  const auto first_of = [most](int file, const std::string& name) {
    mapped_text made(file, name);
    made.keep_first(most);
    return made;
  };
  if (path == "-") {
    const std::string name = "standard input";
    return first_of(spool(STDIN_FILENO, name, stop, most).get(), name);
  }
  // Without waiting: opening a named pipe that nobody writes to would.
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) throw bad_request(absl::StrCat(path, ": ", reason(errno)));
  struct stat status;
  if (::fstat(file.get(), &status) != 0) throw bad_request(absl::StrCat(path, ": ", reason(errno)));
  if (S_ISDIR(status.st_mode)) throw bad_request(absl::StrCat(path, ": is a directory"));
  if (!S_ISREG(status.st_mode)) {
    throw bad_request(absl::StrCat(path, ": is not a regular file (--input=- reads standard input)"));
  }
  // Files in /proc say that they are empty, and are not.
  if (status.st_size == 0) return first_of(spool(file.get(), path, stop, most).get(), path);
  return first_of(file.get(), path);
}

mapped_text mapped_text::generate(std::uint64_t seed, std::uint64_t size, const atomic<bool>& stop) {
  const descriptor file = temporary_file();
  generate_log(seed, size, [&](std::string_view piece) { write_all(file.get(), piece, &stop); });
  return mapped_text(file.get(), absl::StrCat("generated log, seed ", seed));
}

mapped_text mapped_text::copy_of(std::string_view text) {
  const descriptor file = temporary_file();
  write_all(file.get(), text, nullptr);
  return mapped_text(file.get(), "text");
}

mapped_text::mapped_text(int descriptor, std::string name) : name_(std::move(name)) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) throw bad_request(absl::StrCat(name_, ": ", reason(errno)));
  if (status.st_size == 0) return;  // nothing cannot be mapped
  if (static_cast<std::uintmax_t>(status.st_size) > std::numeric_limits<std::size_t>::max() / 2) {
    throw bad_request(absl::StrCat(name_, ": too large for this machine's addresses"));
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (start == MAP_FAILED) throw bad_request(absl::StrCat(name_, ": cannot be mapped: ", reason(errno)));
  ::madvise(start, size, MADV_SEQUENTIAL);  // a hint: nothing to do if it is refused
  text_ = {static_cast<const char*>(start), size};
  mapped_ = size;
}

void mapped_text::keep_first(std::uint64_t most) {
  if (text_.size() <= most) return;
  const std::size_t newline = text_.substr(0, most).rfind('\n');
  text_ = text_.substr(0, newline == text_.npos ? most : newline + 1);
  absl::StrAppend(&name_, ", its first ", text_.size(), " bytes");
}

mapped_text::mapped_text(mapped_text&& other) noexcept
    : text_(std::exchange(other.text_, {})), mapped_(std::exchange(other.mapped_, 0)), name_(std::move(other.name_)) {}

mapped_text::~mapped_text() {
  if (mapped_ != 0) ::munmap(const_cast<char*>(text_.data()), mapped_);
}

void mapped_text::drop(const char* first, const char* last) const noexcept {
  const std::uintptr_t page = page_size();
  const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(first) + page - 1) / page * page;
  std::uintptr_t end = reinterpret_cast<std::uintptr_t>(last);
  // The last page of the text is wholly passed at its end, though the text does not fill it.
  if (last != text_.data() + text_.size()) end = end / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

void page_trail::turn_over(const char* position) {
  behind_.push_back({first_, position, items_});
  first_ = position;
  // (items passed since) >= in_flight: nobody reads there any more.
  while (!behind_.empty() && items_ - behind_.front().passed_at >= in_flight_) {
    text_.drop(behind_.front().first, behind_.front().last);
    behind_.pop_front();
  }
}

}  // namespace switchyard::compare
