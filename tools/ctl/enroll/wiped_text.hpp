// A secret that is text: a token. Wiped when it goes, moved but never copied by accident.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::ctl {

class WipedText {
 public:
  WipedText() = default;
  explicit WipedText(std::string&& text) : text_(text.begin(), text.end()) { wipe(text); }
  WipedText(WipedText&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
  WipedText& operator=(WipedText&& other) noexcept {
    if (this == &other) return *this;
    wipe(text_);
    text_ = std::move(other.text_);
    wipe(other.text_);
    return *this;
  }
  WipedText(const WipedText&) = delete;
  WipedText& operator=(const WipedText&) = delete;
  ~WipedText() { wipe(text_); }

  [[nodiscard]] std::string_view expose() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

  static void wipe(std::string& text) noexcept {
    text.resize(text.capacity());  // allocates nothing; short texts lie in the object itself
    explicit_bzero(text.data(), text.size());
    text.clear();
  }

 private:
  std::string text_;
};

}  // namespace sallyport::ctl
