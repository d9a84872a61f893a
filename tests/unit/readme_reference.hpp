// The reference of keys that a README has between its marks, made from the lists by which files are read. A test
// compares it; with REWRITE_REFERENCE=1 in its environment it writes it anew instead, and fails no more.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sallyport {

inline void expect_reference(const std::filesystem::path& readme, const std::string& reference) {
  constexpr std::string_view begin = "<!-- reference: made from keys.cpp, checked by a test -->\n",
                             end = "<!-- end of reference -->";
  std::ifstream file(readme, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto from = text.find(begin), to = text.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const std::size_t first = from + begin.size();
  if (std::getenv("REWRITE_REFERENCE") != nullptr) {
    text.replace(first, to - first, reference);
    std::ofstream(readme, std::ios::binary) << text;
    return;
  }
  EXPECT_EQ(text.substr(first, to - first), reference) << "REWRITE_REFERENCE=1 writes it anew";
}

}  // namespace sallyport
