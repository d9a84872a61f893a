// SP_CHECK: our own bugs end the process, in release builds too. Nothing that arrives from a network, a file or the
// other process may reach one: such input is an error value or a drop reason.
#pragma once

namespace sallyport {

[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace sallyport

#define SP_CHECK(expression)                                    \
  (__builtin_expect(static_cast<bool>(expression), 1) ? void(0) \
                                                      : ::sallyport::check_failed(#expression, __FILE__, __LINE__))
