#include "config/words.hpp"

namespace sallyport::config {
namespace {

constexpr Word<IdleMode> idle_modes[] = {{"busy", IdleMode::busy}, {"adaptive", IdleMode::adaptive}};
constexpr Word<HugePages> huge_pages[] = {
    {"auto", HugePages::automatic}, {"require", HugePages::require}, {"never", HugePages::never}};
constexpr Word<PortRole> port_roles[] = {{"underlay", PortRole::underlay}, {"inside", PortRole::inside}};
constexpr Word<HostProtocol> host_protocols[] = {{"tcp", HostProtocol::tcp}, {"udp", HostProtocol::udp}};
constexpr Word<ReversePath> reverse_paths[] = {{"strict", ReversePath::strict}, {"loose", ReversePath::loose}};
constexpr Word<UdpChecksum> udp_checksums[] = {{"auto", UdpChecksum::automatic}, {"off", UdpChecksum::off}};
constexpr Word<OnStale> on_stale[] = {{"keep", OnStale::keep}, {"drop", OnStale::drop}};
constexpr Word<PostQuantum> post_quantum_wishes[] = {{"prefer", PostQuantum::prefer},
                                                     {"require", PostQuantum::require}};
constexpr Word<IpsecConnect> ipsec_connects[] = {
    {"start", IpsecConnect::start}, {"trap", IpsecConnect::trap}, {"respond", IpsecConnect::respond}};
constexpr Word<IpsecAuth> ipsec_auths[] = {
    {"certificate", IpsecAuth::certificate}, {"psk", IpsecAuth::psk}, {"eap", IpsecAuth::eap}};
constexpr Word<IkeIdType> ike_id_types[] = {{"fqdn", IkeIdType::fqdn},    {"email", IkeIdType::email},
                                            {"dn", IkeIdType::dn},        {"ip", IkeIdType::ip},
                                            {"keyid", IkeIdType::key_id}, {"spiffe", IkeIdType::spiffe}};
constexpr Word<LogLevel> log_levels[] = {
    {"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warning", LogLevel::warning}, {"error", LogLevel::error}};

constexpr Word<LogFormat> log_formats[] = {{"text", LogFormat::text}, {"json", LogFormat::json}};

template <typename Enum>
std::string_view word_of(Enum value) {
  for (const auto& word : words_of<Enum>())
    if (word.value == value) return word.text;
  return "unknown";
}

}  // namespace

template <>
std::span<const Word<IdleMode>> words_of() {
  return idle_modes;
}
template <>
std::span<const Word<HugePages>> words_of() {
  return huge_pages;
}
template <>
std::span<const Word<PortRole>> words_of() {
  return port_roles;
}
template <>
std::span<const Word<HostProtocol>> words_of() {
  return host_protocols;
}
template <>
std::span<const Word<ReversePath>> words_of() {
  return reverse_paths;
}
template <>
std::span<const Word<UdpChecksum>> words_of() {
  return udp_checksums;
}
template <>
std::span<const Word<OnStale>> words_of() {
  return on_stale;
}
template <>
std::span<const Word<PostQuantum>> words_of() {
  return post_quantum_wishes;
}
template <>
std::span<const Word<IpsecConnect>> words_of() {
  return ipsec_connects;
}
template <>
std::span<const Word<IpsecAuth>> words_of() {
  return ipsec_auths;
}
template <>
std::span<const Word<IkeIdType>> words_of() {
  return ike_id_types;
}
template <>
std::span<const Word<LogLevel>> words_of() {
  return log_levels;
}
template <>
std::span<const Word<LogFormat>> words_of() {
  return log_formats;
}

std::string_view to_string(IdleMode mode) {
  return word_of(mode);
}
std::string_view to_string(HugePages pages) {
  return word_of(pages);
}
std::string_view to_string(PortRole role) {
  return word_of(role);
}
std::string_view to_string(HostProtocol protocol) {
  return word_of(protocol);
}
std::string_view to_string(ReversePath check) {
  return word_of(check);
}
std::string_view to_string(UdpChecksum checksum) {
  return word_of(checksum);
}
std::string_view to_string(OnStale action) {
  return word_of(action);
}
std::string_view to_string(PostQuantum wish) {
  return word_of(wish);
}
std::string_view to_string(IpsecConnect connect) {
  return word_of(connect);
}
std::string_view to_string(IpsecAuth auth) {
  return word_of(auth);
}
std::string_view to_string(IkeIdType type) {
  return word_of(type);
}
std::string_view to_string(LogLevel level) {
  return word_of(level);
}
std::string_view to_string(LogFormat format) {
  return word_of(format);
}

}  // namespace sallyport::config
