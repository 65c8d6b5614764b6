// What every listing of the guide ends with: its own result, looked at.
#pragma once

#include <cstdlib>
#include <iostream>

/// Ends the program, unsuccessfully, if `ok` is false; also where assertions are switched off.
inline void check(bool ok, const char* what) {
  if (ok) return;
  std::cerr << "not so: " << what << '\n';
  std::exit(EXIT_FAILURE);
}
