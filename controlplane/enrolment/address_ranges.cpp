#include "controlplane/enrolment/address_ranges.hpp"

#include <algorithm>

#include "config/base/check.hpp"

namespace sallyport::controlplane {

AddressNumber number_of(const IpAddress& address) noexcept {
  AddressNumber number = 0;
  for (unsigned i = 0; i < address.bits() / 8; ++i) number = number << 8 | address.bytes[i];
  return number;
}

IpAddress address_of(AddressNumber number, IpFamily family) noexcept {
  IpAddress address{.bytes = {}, .family = family};
  const unsigned size = address.bits() / 8;
  for (unsigned i = 0; i < size; ++i) address.bytes[i] = static_cast<std::uint8_t>(number >> 8 * (size - 1 - i));
  return address;
}

void AddressRanges::insert(AddressNumber first, AddressNumber last) {
  SP_CHECK(first <= last);
  // With what overlaps or touches it, it becomes one range.
  auto range = from(first == 0 ? 0 : first - 1);
  while (range != ranges_.end() && (range->first <= last || range->first - 1 == last)) {
    first = std::min(first, range->first);
    last = std::max(last, range->second);
    range = remove(range);
  }
  add(first, last);
}

void AddressRanges::erase(AddressNumber first, AddressNumber last) {
  SP_CHECK(first <= last);
  auto range = from(first);
  while (range != ranges_.end() && range->first <= last) {
    const auto [begin, end] = *range;
    range = remove(range);
    if (begin < first) add(begin, first - 1);
    if (end > last) add(last + 1, end);
  }
}

bool AddressRanges::contains(AddressNumber number) const {
  const auto range = from(number);
  return range != ranges_.end() && range->first <= number;
}

AddressNumber AddressRanges::lowest() const {
  SP_CHECK(!empty());
  return ranges_.begin()->first;
}

AddressRanges::Ranges::const_iterator AddressRanges::from(AddressNumber number) const {
  const auto after = ranges_.upper_bound(number);
  if (after == ranges_.begin()) return after;
  const auto before = std::prev(after);
  return before->second >= number ? before : after;
}

void AddressRanges::add(AddressNumber first, AddressNumber last) {
  ranges_.emplace(first, last);
  count_ += last - first + 1;
}

AddressRanges::Ranges::const_iterator AddressRanges::remove(Ranges::const_iterator range) {
  count_ -= range->second - range->first + 1;
  return ranges_.erase(range);
}

}  // namespace sallyport::controlplane
