#include "controlplane/kubernetes/list_watch.hpp"

#include <algorithm>
#include <utility>

namespace sallyport::controlplane {
namespace {

// For a query: everything but the unreserved characters of RFC 3986, section 2.3.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded += c;
      continue;
    }
    encoded += '%';
    encoded += digits[byte >> 4];
    encoded += digits[byte & 15];
  }
  return encoded;
}

std::string refusal(unsigned status, std::string_view body) {
  std::string text;
  if (status == 401)
    text = "401: the API server does not accept the token";
  else if (status == 403)
    text = "403: the token may not list and watch endpointslices";
  else
    text = "expected 200 from the API server, got " + std::to_string(status);
  const std::string message = status_message(body);
  return message.empty() ? text : text + ": " + message;
}

}  // namespace

ListWatch::ListWatch(std::string name_space, ClusterSlices& cluster, WatchTiming timing, Start start)
    : name_space_(std::move(name_space)),
      cluster_(cluster),
      timing_(timing),
      backoff_(start.backoff),
      due_at_(start.due),
      problem_(std::move(start.problem)) {}

std::optional<ListWatch::Request> ListWatch::next_request(Time now) {
  if (under_way_ || now < due_at_) return std::nullopt;
  under_way_ = true;
  if (watch_next_) {
    watch_begun_at_ = heard_at_ = now;
    lines_.clear();
    return Request{target(), true};
  }
  state_ = State::listing;
  if (pages_ == 0 && lists_ > 0) ++cluster_.relists;
  return Request{target(), false};
}

std::optional<ListWatch::Time> ListWatch::due() const {
  if (!under_way_) return due_at_;
  if (state_ != State::watching) return std::nullopt;
  return heard_at_ + timing_.silence_most;
}

void ListWatch::on_answer(unsigned status, std::string_view body, Time now) {
  if (!under_way_) return;
  under_way_ = false;
  forbidden_ = status == 403;
  if (status == 410) return expired(refusal(status, body), now);
  if (status != 200 || watch_next_) return fail(refusal(status, body), now);
  take_page(body, now);
}

void ListWatch::on_open(Time now) {
  if (!under_way_ || !watch_next_) return;
  state_ = State::watching;
  heard_at_ = now;
  forbidden_ = false;
  problem_.clear();
}

void ListWatch::on_piece(std::string_view piece, Time now) {
  if (!under_way_ || state_ != State::watching) return;
  heard_at_ = now;
  const bool good = lines_.feed(piece, [&](std::string_view line) { return take_line(line, now); });
  if (good || !under_way_) return;
  ++cluster_.parsed.malformed;
  fail("expected events of at most 4 MiB, got a longer one", now);
}

void ListWatch::on_end(const std::string& why, Time now) {
  if (!under_way_) return;
  if (lines_.has_half_a_line()) {
    ++cluster_.parsed.malformed;
    return fail("the watch ended in the middle of an event", now);
  }
  if (!why.empty() || state_ != State::watching) return fail(why.empty() ? "the watch ended early" : why, now);
  under_way_ = false;
  contact_at_ = now;
  backoff_.succeeded(now);
  due_at_ = std::max(now, *watch_begun_at_ + watch_interval_least);
}

void ListWatch::on_failure(const std::string& why, Time now) {
  if (!under_way_) return;
  forbidden_ = false;
  fail(why, now);
}

void ListWatch::look_at_silence(Time now) {
  if (!under_way_ || state_ != State::watching || now < heard_at_ + timing_.silence_most) return;
  fail("the API server is silent", now);
}

void ListWatch::list_again(Time now) {
  const bool backing_off = !under_way_ && !watch_next_;
  begin_list_at(backing_off ? due_at_ : now);
}

bool ListWatch::covers(std::string_view service) const {
  return name_space_.empty() || (service.starts_with(name_space_) && service.size() > name_space_.size() &&
                                 service[name_space_.size()] == '/');
}

std::string ListWatch::target() const {
  std::string text = "/apis/discovery.k8s.io/v1/";
  if (!name_space_.empty()) text += "namespaces/" + percent_encoded(name_space_) + '/';
  text += "endpointslices?labelSelector=kubernetes.io%2Fservice-name";
  if (watch_next_) {
    return text + "&watch=true&allowWatchBookmarks=true&timeoutSeconds=" + std::to_string(timing_.watch_for.count()) +
           "&resourceVersion=" + percent_encoded(resource_version_);
  }
  text += "&limit=" + std::to_string(page_slices);
  return continue_.empty() ? text : text + "&continue=" + percent_encoded(continue_);
}

void ListWatch::take_page(std::string_view body, Time now) {
  auto page = read_slice_page(body, {cluster_.wanted, cluster_.parsed});
  if (!page) {
    ++cluster_.parsed.malformed;
    return fail(page.error(), now);
  }
  for (EndpointSlice& slice : page->slices) {
    if (is_foreign(slice.name))
      ++cluster_.parsed.malformed;
    else if (!listed_.put(std::move(slice)))
      ++listed_left_out_;
  }
  resource_version_ = std::move(page->resource_version);
  continue_ = std::move(page->next);
  ++pages_;
  if (continue_.empty()) return finish_list(now);
  if (pages_ == pages_max) return fail("expected a list of at most 200 pages, got a longer one", now);
  due_at_ = now;
}

void ListWatch::finish_list(Time now) {
  left_out_ = listed_left_out_ + cluster_.slices.replace(name_space_, std::exchange(listed_, {}));
  listed_left_out_ = 0;
  pages_ = 0;
  ++lists_;
  cluster_.resource_version = resource_version_;
  contact_at_ = now;
  backoff_.succeeded(now);
  problem_.clear();
  watch_next_ = true;
  due_at_ = watch_begun_at_ ? std::max(now, *watch_begun_at_ + watch_interval_least) : now;
}

bool ListWatch::take_line(std::string_view line, Time now) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
  auto event = read_watch_event(line, {cluster_.wanted, cluster_.parsed});
  if (!event) {
    ++cluster_.parsed.malformed;
    fail(event.error(), now);
  } else if (event->kind != WatchEventKind::error) {
    take_event(std::move(*event), now);
  } else if (event->expired) {
    expired("410: the resourceVersion is too old", now);
  } else {
    fail("the watch ended with an error: " + event->message, now);
  }
  return under_way_;
}

void ListWatch::take_event(WatchEvent event, Time now) {
  contact_at_ = now;
  backoff_.succeeded(now);
  cluster_.resource_version = resource_version_ = std::move(event.resource_version);
  if (event.kind == WatchEventKind::bookmark) return;
  ++cluster_.events;
  if (is_foreign(event.slice.name)) {
    ++cluster_.parsed.malformed;
    return;
  }
  if (event.kind == WatchEventKind::deleted)
    cluster_.slices.remove(event.slice.name);
  else if (!cluster_.slices.put(std::move(event.slice)))
    ++left_out_;
}

void ListWatch::fail(std::string why, Time now) {
  problem_ = std::move(why);
  ++cluster_.reconnections;
  begin_list_at(now + backoff_.failed(now));
}

void ListWatch::expired(std::string why, Time now) {
  problem_ = std::move(why);
  begin_list_at(now + backoff_.failed_once_free(now));
}

void ListWatch::begin_list_at(Time due) {
  under_way_ = false;
  watch_next_ = false;
  state_ = State::waiting;
  listed_ = {};
  listed_left_out_ = 0;
  pages_ = 0;
  continue_.clear();
  lines_.clear();
  due_at_ = due;
}

// A list or watch of one namespace has nothing to say about another one.
bool ListWatch::is_foreign(const SliceName& name) const {
  return !name_space_.empty() && name.name_space != name_space_;
}

}  // namespace sallyport::controlplane
