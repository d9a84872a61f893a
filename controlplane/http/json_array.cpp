#include "controlplane/http/json_array.hpp"

#include <utility>

namespace sallyport::controlplane {
namespace {

class JsonArray final : public BodySource {
 public:
  JsonArray(JsonStep step, std::string head, std::string tail)
      : step_(std::move(step)), head_(std::move(head)), tail_(std::move(tail)) {}

  Next next(std::string& out) override {
    if (ended_) return Next::done;
    if (!started_) out += head_ + '[';
    const JsonEmit emit = [&](const Json& element) {
      out += any_ ? ",\n" : "\n";
      out += to_text(element);
      any_ = true;
    };
    started_ = true;
    if (step_(emit)) return Next::more;
    out += any_ ? "\n]" : "]";
    out += tail_ + '\n';
    ended_ = true;
    return Next::more;
  }

 private:
  JsonStep step_;
  std::string head_;
  std::string tail_;
  bool started_ = false;
  bool any_ = false;
  bool ended_ = false;
};

}  // namespace

std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::unique_ptr<BodySource> json_array(JsonStep step, std::string head, std::string tail) {
  return std::make_unique<JsonArray>(std::move(step), std::move(head), std::move(tail));
}

}  // namespace sallyport::controlplane
