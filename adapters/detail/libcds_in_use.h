// The set-up that libcds asks for, done by whoever first needs it.
#pragma once

#include <cds/gc/hp.h>
#include <cds/init.h>
#include <cds/threading/model.h>

namespace switchyard::adapters::detail {

/// libcds, from the first use to the end of the program.
class libcds_in_use {
 public:
  /// Every thread calls this before it touches a structure with hazard pointers; its end takes it back.
  static void by_this_thread() {
    static libcds_in_use for_all;
    thread_local attached for_this_thread;
  }

 private:
  // Static objects are destroyed after the thread-local ones of the main thread: all threads have left.
  struct attached {
    attached() { cds::threading::Manager::attachThread(); }
    ~attached() { cds::threading::Manager::detachThread(); }
  };

  struct initialised {
    initialised() { cds::Initialize(); }
    ~initialised() { cds::Terminate(); }
  };

  libcds_in_use() = default;
  ~libcds_in_use() = default;

  initialised library_;
  cds::gc::HP hazard_pointers_;  // one for the whole program
};

}  // namespace switchyard::adapters::detail
