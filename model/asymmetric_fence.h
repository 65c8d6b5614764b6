// The asymmetric fences as the model checker has them. See `atomics/asymmetric_fence.h`.
#pragma once

#include "switchyard/model/engine.h"
#include "switchyard/model/where.h"

namespace switchyard {
inline namespace modelled {

inline void asymmetric_fence_light(model::where at = model::where::current()) noexcept {
  if (model::detail::active()) model::detail::light_fence(at);
}
inline bool asymmetric_fence_is_light() noexcept { return true; }
inline constexpr bool asymmetric_fence_is_always_light = true;
inline void asymmetric_fence_lightest(model::where at = model::where::current()) noexcept { asymmetric_fence_light(at); }
inline void asymmetric_fence_heavy(model::where at = model::where::current()) noexcept {
  if (model::detail::active()) model::detail::heavy_fence(at);
}

}  // namespace modelled
}  // namespace switchyard
