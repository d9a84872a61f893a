// Names of identities that are pinned to the subject who had them first.
#include <utility>

#include "controlplane/api/endpoint.hpp"
#include "controlplane/api/enrolment_api.hpp"
#include "policy/describe.hpp"

namespace sallyport::controlplane {
namespace {

constexpr unsigned pins_per_step = 256;

HttpResponse get_pins(const Call& call) {
  if (const auto wrong = wrong_query(call.target, {})) return failure(400, *wrong);
  auto step = [list = call.backend.pinned_names(), next = std::size_t{0}](const JsonEmit& emit) mutable {
    for (unsigned i = 0; i < pins_per_step && next < list.size(); ++i, ++next)
      emit({{"identity", list[next].identity},
            {"subject", list[next].subject},
            {"at", policy::time_words(list[next].at)}});
    return next < list.size();
  };
  return stream(json_array(std::move(step), "{\"pins\":", "}"));
}

HttpResponse delete_pin(const Call& call) {
  constexpr std::string_view known[] = {"identity"};
  if (const auto wrong = wrong_query(call.target, known)) return failure(400, *wrong);
  const std::string identity(call.target.parameter("identity").value_or(""));
  if (identity.empty()) return failure(400, "expected the parameter identity");
  if (!call.backend.forget_pin(identity, caller_of(call)))
    return failure(404, "the name " + in_quotes(identity) + " is not pinned: GET /v1/pins lists those that are");
  return document({{"identity", identity}, {"forgotten", true}});
}

}  // namespace

std::span<const Endpoint> pin_endpoints() {
  static constexpr std::array list = {
      Endpoint{"GET", {"pins"}, get_pins, "names that belong to the subject who had them first"},
      Endpoint{"DELETE", {"pins"}, delete_pin, "?identity=: let another subject have it"},
  };
  return list;
}

}  // namespace sallyport::controlplane
