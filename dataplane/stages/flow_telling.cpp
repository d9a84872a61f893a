#include "dataplane/stages/flow_telling.hpp"

namespace sallyport::dataplane {
namespace {

// Of flows that begin: those of a rule with log = "all", and those that an audit rule would have denied.
bool is_told(const PolicyImage& image, const PolicyDecision& verdict) noexcept {
  return image.rule(verdict.rule).log == abi::RuleLog::all ||
         (verdict.audit_rule != 0 && image.rule(verdict.audit_rule).log != abi::RuleLog::none);
}

void tell(WorkerContext& worker, FlowNoteKind kind, abi::FlowRecord record, std::uint32_t session_index) noexcept {
  record.started_at_ns = record.last_seen_at_ns = worker.now_tsc;
  record.session_index = session_index;
  const bool is_denial = kind == FlowNoteKind::denied;
  // Denials leave half of the ring to the others: anybody can make as many as they like.
  const bool has_room = !is_denial || worker.flow.notes.backlog() < FlowNoteRing::slots_count / 2;
  const FlowNote note{
      .flow = record, .suppressed = is_denial ? worker.flow.denials.suppressed() : 0, .kind = kind, .reserved = 0};
  if (!has_room || worker.flow.notes.push(note) != abi::RingResult::ok) {
    if (is_denial) worker.flow.denials.suppress();
    worker.counters.add(abi::no_port, Counter::events_lost);
  } else if (is_denial) {
    worker.flow.denials.forget_suppressed();
  }
}

}  // namespace

void tell_denied(WorkerContext& worker, const PolicyImage& image, const Packet* packet, const FlowKey& key,
                 unsigned opener, std::uint64_t hash, const FlowDecision& decision) noexcept {
  const std::uint32_t rule = decision.verdict.rule;
  const bool is_wanted = image.rule(rule).log != abi::RuleLog::none || image.record_flows;
  if (!is_wanted || !worker.flow.denials.is_news(hash, rule, worker.now_tsc)) return;
  abi::FlowRecord record = record_of(key, opener, decision.verdict, image.generation);
  record.end = decision.is_draining ? abi::FlowEnd::endpoint_draining : abi::FlowEnd::denied;
  record.packets[0] = 1;
  record.bytes[0] = meta_of(packet).ip.total_bytes;
  tell(worker, FlowNoteKind::denied, record, meta_of(packet).opened_session);
}

void tell_opened(WorkerContext& worker, const PolicyImage& image, const Packet* packet, const FlowKey& key,
                 unsigned opener, const PolicyDecision& verdict) noexcept {
  if (is_told(image, verdict))
    tell(worker, FlowNoteKind::allowed, record_of(key, opener, verdict, image.generation),
         meta_of(packet).opened_session);
}

}  // namespace sallyport::dataplane
