#include "controlplane/tunnels/session_indices.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "config/base/check.hpp"

namespace sallyport::controlplane {

using wireguard::LocalIndex;
using wireguard::PeerId;

namespace {

// Stands for a session in a slot whose id we never learnt.
constexpr std::uint64_t unknown_session = ~std::uint64_t{0};

constexpr unsigned peer_id_bits = 20;
constexpr std::uint32_t peer_id_mask = (1U << peer_id_bits) - 1;
static_assert(abi::max_peers_limit == peer_id_mask + 1);
constexpr std::uint32_t nobody = 0xffffffff;  // no peer has the key of this word
static_assert(unknown_key_number < nobody >> peer_id_bits && key_numbers <= unknown_key_number);

}  // namespace

PeerId handshake_name(std::uint32_t peer_id, KeyNumber key) noexcept {
  return PeerId{(peer_id & peer_id_mask) | static_cast<std::uint32_t>(key) << peer_id_bits};
}

void SessionIndices::reset(std::uint32_t max_sessions) {
  SP_CHECK(std::has_single_bit(max_sessions) && max_sessions <= abi::max_sessions_limit);
  max_sessions_ = max_sessions;
  slots_.assign(max_sessions, {});
  free_.clear();
  for (std::uint32_t slot = 0; slot < max_sessions; ++slot) free_.push_back(slot);
  reconcile_at_ = 0;
}

void SessionIndices::adopt(const abi::StatisticsView& statistics, std::uint64_t now_ns) {
  SP_CHECK(statistics.max_sessions() == max_sessions_);
  free_.clear();
  for (std::uint32_t number = 0; number < max_sessions_; ++number) {
    Slot& slot = slots_[number];
    const auto status = statistics.session(number);
    // A record that cannot be read counts as in use: reconcile() will see.
    if (!status || status->state != abi::SessionState::none) {
      const bool believable = status && status->index != 0 && (status->index & (max_sessions_ - 1)) == number;
      slot = believable ? Slot{status->index, name_of(*status, slot), status->session_id, now_ns}
                        : Slot{number == 0 ? max_sessions_ : number, nobody, unknown_session, now_ns};
    } else if (slot.index != 0 && slot.session_id != 0 && now_ns - slot.since_ns >= statistics_delay_ns) {
      slot = {};
    }
    if (slot.index == 0) free_.push_back(number);
  }
}

std::optional<LocalIndex> SessionIndices::allocate(PeerId peer) {
  if (free_.empty()) return std::nullopt;
  const std::uint32_t number = free_.front();
  std::array<std::uint8_t, 4> random{};
  std::uint32_t index = 0;
  for (int tries = 0; index == 0 && tries < 8; ++tries) {
    random_(random);
    std::uint32_t bits = 0;
    std::memcpy(&bits, random.data(), sizeof bits);
    index = (bits & ~(max_sessions_ - 1)) | number;
  }
  if (index == 0) return std::nullopt;  // slot 0, and a random source that only gives zeros
  free_.pop_front();
  slots_[number] = {index, static_cast<std::uint32_t>(peer), 0, 0};
  return LocalIndex{index};
}

void SessionIndices::release(LocalIndex index) noexcept {
  Slot* slot = slot_of(static_cast<std::uint32_t>(index));
  if (slot != nullptr && slot->session_id == 0) free_slot(*slot);
}

void SessionIndices::installed(LocalIndex index, std::uint64_t session_id, std::uint64_t now_ns) {
  Slot* slot = slot_of(static_cast<std::uint32_t>(index));
  if (slot == nullptr) return;
  slot->session_id = session_id;
  slot->since_ns = now_ns;
}

void SessionIndices::refused(LocalIndex index, std::uint64_t session_id, bool slot_in_use, std::uint64_t now_ns) {
  Slot* slot = slot_of(static_cast<std::uint32_t>(index));
  if (slot == nullptr || slot->session_id != session_id) return;
  if (slot_in_use) {
    slot->session_id = unknown_session;
    slot->name = nobody;
    slot->since_ns = now_ns;
  } else {
    free_slot(*slot);
  }
}

bool SessionIndices::ended(LocalIndex index, std::uint64_t session_id) noexcept {
  Slot* slot = slot_of(static_cast<std::uint32_t>(index));
  if (slot == nullptr || slot->session_id == 0 ||
      (slot->session_id != session_id && slot->session_id != unknown_session))
    return false;
  free_slot(*slot);
  return true;
}

std::optional<SessionIndices::Owner> SessionIndices::find(LocalIndex index) const noexcept {
  const Slot* slot = slot_of(static_cast<std::uint32_t>(index));
  if (slot == nullptr) return std::nullopt;
  return owner_of(*slot);
}

void SessionIndices::for_each_session(const std::function<void(LocalIndex, const Owner&)>& visit) const {
  for (const Slot& slot : slots_)
    if (slot.index != 0 && slot.session_id != 0) visit(LocalIndex{slot.index}, owner_of(slot));
}

void SessionIndices::reconcile(const abi::StatisticsView& statistics, std::uint64_t now_ns, std::uint32_t slots,
                               const std::function<void(LocalIndex, std::uint32_t)>& freed) {
  if (statistics.max_sessions() != max_sessions_) return;
  for (std::uint32_t i = 0; i < slots && i < max_sessions_; ++i) {
    const std::uint32_t number = reconcile_at_++ & (max_sessions_ - 1);
    Slot& slot = slots_[number];
    if (slot.index == 0 || slot.session_id == 0 || now_ns - slot.since_ns < statistics_delay_ns) continue;
    const auto status = statistics.session(number);
    if (!status) continue;
    if (status->state == abi::SessionState::none) {
      const LocalIndex index{slot.index};
      const std::uint32_t peer_id = owner_of(slot).peer_id;
      free_slot(slot);
      freed(index, peer_id);
    } else if (status->index != 0 && (status->index & (max_sessions_ - 1)) == number) {
      slot.name = name_of(*status, slot);
      slot.index = status->index;
      slot.session_id = status->session_id;
    }
  }
}

SessionIndices::Owner SessionIndices::owner_of(const Slot& slot) noexcept {
  return {.peer_id = slot.name == nobody ? abi::no_peer : slot.name & peer_id_mask,
          .session_id = slot.session_id,
          .key = static_cast<KeyNumber>(slot.name >> peer_id_bits)};
}

std::uint32_t SessionIndices::name_of(const abi::SessionStatusValue& status, const Slot& known) noexcept {
  if (status.peer_id > peer_id_mask) return nobody;
  const bool is_known =
      known.index == status.index && known.session_id == status.session_id && owner_of(known).peer_id == status.peer_id;
  return is_known ? known.name : static_cast<std::uint32_t>(handshake_name(status.peer_id, unknown_key_number));
}

SessionIndices::Slot* SessionIndices::slot_of(std::uint32_t index) noexcept {
  if (index == 0 || max_sessions_ == 0) return nullptr;
  Slot& slot = slots_[index & (max_sessions_ - 1)];
  return slot.index == index ? &slot : nullptr;
}

const SessionIndices::Slot* SessionIndices::slot_of(std::uint32_t index) const noexcept {
  if (index == 0 || max_sessions_ == 0) return nullptr;
  const Slot& slot = slots_[index & (max_sessions_ - 1)];
  return slot.index == index ? &slot : nullptr;
}

void SessionIndices::free_slot(Slot& slot) noexcept {
  free_.push_back(slot.index & (max_sessions_ - 1));
  slot = {};
}

}  // namespace sallyport::controlplane
