#include "controlplane/identity/proof.hpp"

#include "config/base/check.hpp"

namespace sallyport::controlplane {
namespace {

struct Words {
  std::string_view name, text;
};
#define SALLYPORT_WORDS(name, text) Words{#name, text},
constexpr std::array<Words, proof_refusal_count> words{{SALLYPORT_PROOF_REFUSALS(SALLYPORT_WORDS)}};
#undef SALLYPORT_WORDS

const Words& words_of(ProofRefusal refusal) {
  const auto index = static_cast<std::size_t>(refusal);
  SP_CHECK(index < words.size());
  return words[index];
}

}  // namespace

std::string_view name_of(ProofRefusal refusal) {
  return words_of(refusal).name;
}

std::string_view explain(ProofRefusal refusal) {
  return words_of(refusal).text;
}

}  // namespace sallyport::controlplane
