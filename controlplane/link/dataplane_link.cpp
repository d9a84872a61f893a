#include "controlplane/link/dataplane_link.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include <boost/asio/generic/seq_packet_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace sallyport::controlplane {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using SeqPacket = asio::generic::seq_packet_protocol;

constexpr std::chrono::milliseconds retry_delay_min{100};
constexpr std::chrono::milliseconds retry_delay_max{1000};
constexpr std::chrono::seconds hello_timeout{2};

// Arrivals of one turn.
constexpr std::size_t events_per_turn = 512;
constexpr std::size_t captured_per_turn = 256;
constexpr std::size_t proven_per_turn = 128;
constexpr std::size_t unproven_per_turn = 32;

}  // namespace

class DataplaneLink::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, std::filesystem::path path, LinkListener& listener)
      : path_(std::move(path)), listener_(listener), loop_(loop), socket_(loop), wake_(loop), timer_(loop) {}

  void connect();
  void stop();
  void reopen(const std::string& why);
  void poll();

  [[nodiscard]] DataplaneConnection* connection() const noexcept { return connection_.get(); }

 private:
  // Handlers of an earlier connection find that its number is not the current one.
  template <typename Handler>
  auto guarded(Handler handler) {
    return [self = shared_from_this(), attempt = attempt_, handler](error_code error) {
      if (attempt == self->attempt_) handler(*self, error);
    };
  }

  void on_socket_connected(error_code error);
  void on_hello_waiting(error_code error);
  void watch_for_the_end();
  void wait_for_arrivals();
  void turn();
  bool take_arrivals(bool& anything);
  void fail(const std::string& why);
  void close();
  void retry_later();

  template <typename Consumer, typename Slot, typename Take>
  bool drain(Consumer& consumer, Slot& slot, std::size_t at_most, bool& anything, Take&& take);

  const std::filesystem::path path_;
  LinkListener& listener_;
  asio::io_context& loop_;
  SeqPacket::socket socket_;
  asio::posix::stream_descriptor wake_;
  asio::steady_timer timer_;
  std::unique_ptr<DataplaneConnection> connection_;
  std::chrono::milliseconds retry_delay_ = retry_delay_min;
  std::uint64_t attempt_ = 0;
  bool turn_posted_ = false;
  bool stopped_ = false;
  std::string last_failure_;
  abi::Event event_{};
  abi::PacketUp packet_{};
  abi::CapturedPacket captured_{};
};

void DataplaneLink::Impl::connect() {
  if (stopped_) return;
  ++attempt_;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path_.native();
  if (name.size() >= sizeof address.sun_path) return fail("the socket's path is too long: " + name);
  std::memcpy(address.sun_path, name.data(), name.size());
  error_code error;
  socket_.open(SeqPacket(AF_UNIX, 0), error);
  if (error) return fail("cannot open a socket: " + error.message());
  socket_.async_connect(SeqPacket::endpoint(&address, sizeof address),
                        guarded([](Impl& self, error_code result) { self.on_socket_connected(result); }));
}

void DataplaneLink::Impl::on_socket_connected(error_code error) {
  if (error) return fail("cannot connect to " + path_.string() + ": " + error.message());
  socket_.async_wait(SeqPacket::socket::wait_read,
                     guarded([](Impl& self, error_code result) { self.on_hello_waiting(result); }));
  timer_.expires_after(hello_timeout);
  timer_.async_wait(guarded([](Impl& self, error_code result) {
    if (!result && !self.connection_) self.fail("the dataplane does not say hello");
  }));
}

void DataplaneLink::Impl::on_hello_waiting(error_code error) {
  timer_.cancel();
  if (error) return fail(error.message());
  auto hello = abi::receive_hello(socket_.native_handle());
  if (!hello) return fail(hello.error());
  auto opened = DataplaneConnection::open(std::move(*hello));
  if (!opened) return fail(opened.error());
  // The descriptor that Asio watches must be its own.
  error_code assigned;
  wake_.assign(fcntl((*opened)->wake_descriptor(), F_DUPFD_CLOEXEC, 0), assigned);
  if (assigned) return fail("cannot watch the dataplane: " + assigned.message());
  connection_ = std::move(*opened);
  retry_delay_ = retry_delay_min;
  last_failure_.clear();
  watch_for_the_end();
  wait_for_arrivals();
  listener_.on_connected(*connection_);
  poll();
}

// Nothing follows the hello: readable means closed.
void DataplaneLink::Impl::watch_for_the_end() {
  socket_.async_wait(SeqPacket::socket::wait_read, guarded([](Impl& self, error_code) {
                       char byte = 0;
                       const ssize_t got = recv(self.socket_.native_handle(), &byte, sizeof byte, MSG_DONTWAIT);
                       if (got < 0 && (errno == EAGAIN || errno == EINTR)) return self.watch_for_the_end();
                       self.fail(got == 0 ? "the dataplane closed the connection" : "the dataplane's socket broke");
                     }));
}

void DataplaneLink::Impl::wait_for_arrivals() {
  wake_.async_wait(asio::posix::stream_descriptor::wait_read, guarded([](Impl& self, error_code error) {
                     if (error) return self.fail("cannot wait for the dataplane: " + error.message());
                     std::uint64_t count = 0;
                     [[maybe_unused]] const ssize_t got =
                         read(self.connection_->wake_descriptor(), &count, sizeof count);
                     self.wait_for_arrivals();
                     self.poll();
                   }));
}

void DataplaneLink::Impl::poll() {
  if (!connection_ || turn_posted_) return;
  turn_posted_ = true;
  asio::post(loop_, [self = shared_from_this()] {
    self->turn_posted_ = false;
    self->turn();
  });
}

void DataplaneLink::Impl::turn() {
  if (!connection_) return;
  const std::uint64_t attempt = attempt_;
  bool anything = false;
  const bool intact = take_arrivals(anything);
  if (attempt != attempt_) return;  // a listener reopened the link
  if (!intact) return fail("the dataplane broke a ring");
  if (!anything) return;
  listener_.on_turn_done();
  if (attempt == attempt_) poll();
}

// False: a ring is broken.
template <typename Consumer, typename Slot, typename Take>
bool DataplaneLink::Impl::drain(Consumer& consumer, Slot& slot, std::size_t at_most, bool& anything, Take&& take) {
  const std::uint64_t attempt = attempt_;
  for (std::size_t taken = 0; taken < at_most; ++taken) {
    const abi::RingResult result = consumer.pop(slot);
    if (result == abi::RingResult::broken) return false;
    if (result == abi::RingResult::empty) return true;
    anything = true;
    take();
    if (attempt != attempt_) return true;  // the consumer is gone
  }
  return true;
}

bool DataplaneLink::Impl::take_arrivals(bool& anything) {
  const std::uint64_t attempt = attempt_;
  const auto still_here = [&] { return attempt == attempt_ && connection_ != nullptr; };
  if (!drain(connection_->events, event_, events_per_turn, anything, [&] { listener_.on_event(event_); })) return false;
  if (!still_here()) return true;
  if (!drain(connection_->captured, captured_, captured_per_turn, anything, [&] { listener_.on_captured(captured_); }))
    return false;
  if (!still_here()) return true;
  if (!drain(connection_->packets_up_proven, packet_, std::min(proven_per_turn, listener_.packet_room(true)), anything,
             [&] { listener_.on_packet(packet_, true); }))
    return false;
  if (!still_here()) return true;
  return drain(connection_->packets_up, packet_, std::min(unproven_per_turn, listener_.packet_room(false)), anything,
               [&] { listener_.on_packet(packet_, false); });
}

void DataplaneLink::Impl::fail(const std::string& why) {
  ++attempt_;
  if (connection_) {
    listener_.on_disconnected(*connection_, why);
  } else if (why != last_failure_) {
    listener_.on_connect_failed(why);
  }
  last_failure_ = why;
  close();
  retry_later();
}

void DataplaneLink::Impl::reopen(const std::string& why) {
  if (connection_ && !stopped_) fail(why);
}

void DataplaneLink::Impl::close() {
  error_code ignored;
  timer_.cancel(ignored);
  socket_.close(ignored);
  wake_.close(ignored);
  connection_.reset();
}

void DataplaneLink::Impl::retry_later() {
  if (stopped_) return;
  timer_.expires_after(retry_delay_);
  retry_delay_ = std::min(retry_delay_ * 2, retry_delay_max);
  timer_.async_wait(guarded([](Impl& self, error_code error) {
    if (!error) self.connect();
  }));
}

void DataplaneLink::Impl::stop() {
  stopped_ = true;
  ++attempt_;
  close();
}

DataplaneLink::DataplaneLink(boost::asio::io_context& loop, std::filesystem::path socket, LinkListener& listener)
    : impl_(std::make_shared<Impl>(loop, std::move(socket), listener)) {}

DataplaneLink::~DataplaneLink() {
  impl_->stop();
}

void DataplaneLink::start() {
  impl_->connect();
}

DataplaneConnection* DataplaneLink::connection() const noexcept {
  return impl_->connection();
}

void DataplaneLink::reopen(const std::string& why) {
  impl_->reopen(why);
}

void DataplaneLink::poll() {
  impl_->poll();
}

}  // namespace sallyport::controlplane
