// Policies: the staging of an image, and its changes.
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "config/base/log.hpp"
#include "controlplane/publisher/publisher.hpp"

namespace sallyport::controlplane {
namespace {

// Long enough for every TCP that is not idle to send again (RFC 6298: the backoff reaches 64 s).
constexpr std::uint16_t pick_up_s = 120;

void mark(std::vector<bool>& announced, std::uint32_t number, bool value) {
  if (number >= announced.size()) announced.resize(std::size_t{number} + 1);
  announced[number] = value;
}

bool has(const std::vector<bool>& announced, std::uint32_t number) {
  return number < announced.size() && announced[number];
}

bool same_row(const std::vector<abi::RowEntry>& left, const std::vector<abi::RowEntry>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), same_message<abi::RowEntry>);
}

// Where the elements of a piece stand.
auto& elements_of(abi::SetSourceClass& message) {
  return message.entries;
}
auto& elements_of(abi::SetDestinationClass& message) {
  return message.services;
}

}  // namespace

// ---- what should be ----

void Publisher::set_policy(DesiredPolicy next) {
  // Where everything is allowed there are no flows. Otherwise: what the policy cuts is not picked up again.
  flows_ = policy_.image != 0 && policy_.allow_all ? Flows::lost : Flows::kept;
  policy_ = std::move(next);
  stage_policy();
}

// What waits of the image before would only be skipped one by one.
void Publisher::stage_policy() {
  std::erase_if(queue_, [](const Operation& operation) { return operation.subject.is_of_policy(); });
  announced_source_classes_.clear();
  announced_destination_classes_.clear();
  policy_commit_sequence_ = 0;
  policy_.image = ++last_image_;
  enqueue_policy(Action::set, SubjectKind::policy_begin);
  for (const auto& [number, rule] : policy_.rules) enqueue_policy(Action::set, SubjectKind::rule, number);
  for (const auto& [number, service] : policy_.services) enqueue_policy(Action::set, SubjectKind::service, number);
  for (const auto& [number, row] : policy_.source_classes)
    enqueue_policy(Action::set, SubjectKind::source_class, number);
  for (const auto& [number, list] : policy_.destination_classes)
    enqueue_policy(Action::set, SubjectKind::destination_class, number);
  for (const auto& [prefix, address] : policy_.addresses) enqueue(Action::set, Subject::address(policy_.image, prefix));
  for (const auto& [id, access] : policy_.peers) enqueue_policy(Action::set, SubjectKind::peer_access, id);
  enqueue_policy(Action::set, SubjectKind::policy_commit);
}

void Publisher::enqueue_policy(Action action, SubjectKind kind, std::uint32_t number) {
  enqueue(action, Subject::of_policy(kind, policy_.image, number));
}

// The list at the front may be half sent.
void Publisher::restart_list(const Subject& subject) {
  if (!queue_.empty() && queue_.front().subject == subject) queue_.front().offset = 0;
}

void Publisher::set_source_class(std::uint32_t number, const std::vector<abi::RowEntry>& row) {
  const auto [known, is_new] = policy_.source_classes.try_emplace(number, row);
  if (!is_new && same_row(known->second, row)) return;
  known->second = row;
  mark(announced_source_classes_, number, false);
  restart_list(Subject::of_policy(SubjectKind::source_class, policy_.image, number));
  enqueue_policy(Action::set, SubjectKind::source_class, number);
}

void Publisher::set_destination_class(std::uint32_t number, const std::vector<std::uint32_t>& services) {
  const auto [known, is_new] = policy_.destination_classes.try_emplace(number, services);
  if (!is_new && known->second == services) return;
  known->second = services;
  mark(announced_destination_classes_, number, false);
  restart_list(Subject::of_policy(SubjectKind::destination_class, policy_.image, number));
  enqueue_policy(Action::set, SubjectKind::destination_class, number);
}

void Publisher::remove_source_class(std::uint32_t number) {
  if (policy_.source_classes.erase(number) == 0) return;
  mark(announced_source_classes_, number, false);
  problems_.forget(Subject::of_policy(SubjectKind::source_class, policy_.image, number));
  enqueue_policy(Action::remove, SubjectKind::source_class, number);
}

void Publisher::remove_destination_class(std::uint32_t number) {
  if (policy_.destination_classes.erase(number) == 0) return;
  mark(announced_destination_classes_, number, false);
  problems_.forget(Subject::of_policy(SubjectKind::destination_class, policy_.image, number));
  enqueue_policy(Action::remove, SubjectKind::destination_class, number);
}

void Publisher::set_address(const abi::SetAddress& address) {
  const auto [known, is_new] = policy_.addresses.try_emplace(address.prefix, address);
  if (!is_new && same_message(known->second, address)) return;
  known->second = address;
  enqueue(Action::set, Subject::address(policy_.image, address.prefix));
}

void Publisher::remove_address(const IpPrefix& prefix) {
  if (policy_.addresses.erase(prefix) == 0) return;
  problems_.forget(Subject::address(policy_.image, prefix));
  enqueue(Action::remove, Subject::address(policy_.image, prefix));
}

void Publisher::set_peer_access(const abi::SetPeerAccess& access) {
  const auto [known, is_new] = policy_.peers.try_emplace(access.peer_id, access);
  if (!is_new && same_message(known->second, access)) return;
  known->second = access;
  enqueue_policy(Action::set, SubjectKind::peer_access, access.peer_id);
}

bool Publisher::policy_settled() const noexcept {
  return !channel_ || (queue_.empty() && channel_->applied_sequence() >= last_queue_sequence_);
}

bool Publisher::policy_committed() const noexcept {
  return channel_ && policy_commit_sequence_ != 0 && channel_->applied_sequence() >= policy_commit_sequence_;
}

// ---- what is sent ----

std::optional<Subject> Publisher::missing_class(const Operation& operation) const {
  const Subject& subject = operation.subject;
  if (!subject.is_of_policy() || subject.serial != policy_.image || operation.action != Action::set)
    return std::nullopt;
  const abi::Access* access = nullptr;
  std::array<std::uint32_t, 2> destination_classes{};
  if (subject.kind == SubjectKind::address) {
    const auto found = policy_.addresses.find(subject.prefix);
    if (found == policy_.addresses.end()) return std::nullopt;
    access = &found->second.access;
    destination_classes = {found->second.destination_class, found->second.opening_class};
  } else if (subject.kind == SubjectKind::peer_access) {
    const auto found = policy_.peers.find(subject.id);
    if (found == policy_.peers.end()) return std::nullopt;
    access = &found->second.access;
    destination_classes[0] = found->second.destination_class;
  } else {
    return std::nullopt;
  }
  const auto source_is_missing = [&](std::uint32_t number) {
    return number != 0 && !has(announced_source_classes_, number) && policy_.source_classes.contains(number);
  };
  const auto source = [&](std::uint32_t number) {
    return Subject::of_policy(SubjectKind::source_class, policy_.image, number);
  };
  if (source_is_missing(access->source_class)) return source(access->source_class);
  for (std::uint32_t i = 0; i < access->step_count; ++i)
    if (source_is_missing(access->steps[i].next_class)) return source(access->steps[i].next_class);
  for (const std::uint32_t number : destination_classes)
    if (number != 0 && !has(announced_destination_classes_, number) && policy_.destination_classes.contains(number))
      return Subject::of_policy(SubjectKind::destination_class, policy_.image, number);
  return std::nullopt;
}

Publisher::Performed Publisher::perform_policy(Operation& operation) {
  if (operation.subject.serial != policy_.image) return {Outcome::unwanted};  // of an image that was replaced
  return operation.action == Action::set ? set_part(operation) : remove_part(operation);
}

template <typename Message>
Publisher::Performed Publisher::send_part(const Message& message, const Subject& subject) {
  Message numbered = message;
  numbered.image = policy_.image;
  return send(numbered, subject, Share::state);
}

// One piece; the operation stays at the front until the last one was sent.
template <typename Message, typename Element>
Publisher::Performed Publisher::send_piece(Operation& operation, const std::vector<Element>& list,
                                           std::vector<bool>& announced) {
  Message message{};
  auto& elements = elements_of(message);
  const auto total = static_cast<std::uint32_t>(list.size());
  message.number = operation.subject.id;
  message.total = total;
  message.offset = operation.offset;
  message.count = std::min(total - operation.offset, static_cast<std::uint32_t>(elements.size()));
  std::copy_n(std::next(list.begin(), operation.offset), message.count, elements.begin());
  Performed sent = send_part(message, operation.subject);
  if (sent.outcome != Outcome::sent) return sent;
  operation.offset += message.count;
  if (operation.offset < total)
    sent.outcome = Outcome::unfinished;
  else
    mark(announced, operation.subject.id, true);
  return sent;
}

Publisher::Performed Publisher::set_part(Operation& operation) {
  const Subject& subject = operation.subject;
  const auto from = [&](const auto& map, const auto& key) {
    const auto found = map.find(key);
    return found == map.end() ? Performed{Outcome::unwanted} : send_part(found->second, subject);
  };
  switch (subject.kind) {
    case SubjectKind::policy_begin:
      return send_part(abi::BeginPolicy{0, policy_.generation, static_cast<std::uint8_t>(policy_.allow_all ? 1 : 0),
                                        static_cast<std::uint8_t>(policy_.record_flows ? 1 : 0),
                                        flows_ == Flows::lost ? pick_up_s : std::uint16_t{0}},
                       subject);
    case SubjectKind::rule:
      return from(policy_.rules, subject.id);
    case SubjectKind::service:
      return from(policy_.services, subject.id);
    case SubjectKind::source_class: {
      const auto found = policy_.source_classes.find(subject.id);
      if (found == policy_.source_classes.end()) return {Outcome::unwanted};
      if (has(announced_source_classes_, subject.id)) return {Outcome::known};
      return send_piece<abi::SetSourceClass>(operation, found->second, announced_source_classes_);
    }
    case SubjectKind::destination_class: {
      const auto found = policy_.destination_classes.find(subject.id);
      if (found == policy_.destination_classes.end()) return {Outcome::unwanted};
      if (has(announced_destination_classes_, subject.id)) return {Outcome::known};
      return send_piece<abi::SetDestinationClass>(operation, found->second, announced_destination_classes_);
    }
    case SubjectKind::address:
      return from(policy_.addresses, subject.prefix);
    case SubjectKind::peer_access:
      // While the number's next owner waits in the queue, the former one has it. The access comes after the owner.
      if (subject.id >= announced_peers_.size() || !announced_peers_[subject.id]) return {Outcome::unwanted};
      return from(policy_.peers, subject.id);
    case SubjectKind::policy_commit: {
      const Performed sent = send_part(abi::CommitPolicy{}, subject);
      policy_commit_sequence_ = sent.sequence;
      return sent;
    }
    default:
      return {Outcome::unwanted};
  }
}

Publisher::Performed Publisher::remove_part(const Operation& operation) {
  const Subject& subject = operation.subject;
  if (is_desired_part(subject)) return {Outcome::known};  // wanted again before the removal was sent
  switch (subject.kind) {
    case SubjectKind::source_class:
      return send_part(abi::RemoveSourceClass{0, subject.id, 0}, subject);
    case SubjectKind::destination_class:
      return send_part(abi::RemoveDestinationClass{0, subject.id, 0}, subject);
    case SubjectKind::address:
      return send_part(abi::RemoveAddress{0, subject.prefix, {}}, subject);
    default:
      return {Outcome::unwanted};
  }
}

// ---- refusals ----

// Commands that were on their way when an image was replaced, and those after a begin that was refused.
bool Publisher::is_normal(const Subject& subject, abi::Refusal reason) const {
  if (!subject.is_of_policy()) return false;
  if (subject.serial != policy_.image) return true;
  return reason == abi::Refusal::no_such_image && subject.kind != SubjectKind::policy_commit;
}

void Publisher::part_refused(const Subject& subject) {
  if (subject.kind == SubjectKind::source_class) mark(announced_source_classes_, subject.id, false);
  if (subject.kind == SubjectKind::destination_class) mark(announced_destination_classes_, subject.id, false);
  if (subject.kind == SubjectKind::policy_commit) policy_commit_sequence_ = 0;
}

bool Publisher::is_desired_part(const Subject& subject) const {
  switch (subject.kind) {
    case SubjectKind::source_class:
      return policy_.source_classes.contains(subject.id);
    case SubjectKind::destination_class:
      return policy_.destination_classes.contains(subject.id);
    case SubjectKind::address:
      return policy_.addresses.contains(subject.prefix);
    case SubjectKind::peer_access:
      return policy_.peers.contains(subject.id);
    default:
      return true;
  }
}

std::string Publisher::describe_part(const Subject& subject) const {
  const std::string number = std::to_string(subject.id);
  switch (subject.kind) {
    case SubjectKind::rule:
      return "policy rule number " + number;
    case SubjectKind::service:
      return "policy service number " + number;
    case SubjectKind::source_class:
      return "policy source class " + number;
    case SubjectKind::destination_class:
      return "policy destination class " + number;
    case SubjectKind::address:
      return "policy address " + subject.prefix.to_string();
    case SubjectKind::peer_access: {
      const auto peer = desired_.peers.find(subject.id);
      return "policy access of peer " + (peer == desired_.peers.end() ? number : peer->second.name);
    }
    default:
      return "policy generation " + std::to_string(policy_.generation);
  }
}

}  // namespace sallyport::controlplane
