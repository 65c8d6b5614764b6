// Threads of the checked program: stacks that one processor changes between, in a few nanoseconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cxxabi.h>
#include <sys/mman.h>

#include <new>

namespace switchyard::model::detail {

extern "C" void switchyard_model_switch(void** save, void* load) noexcept;

// Saves what a call must preserve on the stack, changes stacks, and takes the other's from there.
#if defined(__x86_64__)
asm(R"(
.pushsection .text
.weak switchyard_model_switch
.type switchyard_model_switch, @function
switchyard_model_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size switchyard_model_switch, .-switchyard_model_switch
.popsection
)");
inline constexpr std::size_t frame_words = 8;  // and two of padding: a function starts at 8 modulo 16
inline constexpr std::size_t return_word = 6;
#elif defined(__aarch64__)
asm(R"(
.pushsection .text
.weak switchyard_model_switch
.type switchyard_model_switch, %function
switchyard_model_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size switchyard_model_switch, .-switchyard_model_switch
.popsection
)");
inline constexpr std::size_t frame_words = 20;
inline constexpr std::size_t return_word = 11;
#else
#error "the model checker changes stacks by hand, on x86-64 and AArch64 only"
#endif

/// A stack to run a function on, and where it stopped.
class fiber {
 public:
  fiber() = default;
  fiber(const fiber&) = delete;
  fiber& operator=(const fiber&) = delete;
  ~fiber() {
    if (memory_ != nullptr) ::munmap(memory_, size);
  }

  /// Gets ready to run `entry`, which must never return, from the start of the stack.
  void prepare(void (*entry)()) {
    if (memory_ == nullptr) {
      void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED) throw std::bad_alloc();
      memory_ = memory;
      ::mprotect(memory_, guard, PROT_NONE);  // an overflow faults
    }
    auto* const top = reinterpret_cast<std::uintptr_t*>(static_cast<char*>(memory_) + size) - frame_words;
    for (std::size_t i = 0; i < frame_words; ++i) top[i] = 0;
    top[return_word] = reinterpret_cast<std::uintptr_t>(entry);
    stopped_at_ = top;
    exceptions_ = {};
  }

  /// Stops `from`, and goes on with `to` where it stopped. The exceptions being handled go with the stack.
  static void change(fiber& from, fiber& to) noexcept {
    auto& current = *reinterpret_cast<exceptions*>(abi::__cxa_get_globals());
    from.exceptions_ = current;
    current = to.exceptions_;
    switchyard_model_switch(&from.stopped_at_, to.stopped_at_);
  }

 private:
  // What the C++ ABI keeps for each thread.
  struct exceptions {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };
  static constexpr std::size_t size = 256 * 1024;
  static constexpr std::size_t guard = 4096;

  void* memory_ = nullptr;
  void* stopped_at_ = nullptr;
  exceptions exceptions_;
};

}  // namespace switchyard::model::detail
