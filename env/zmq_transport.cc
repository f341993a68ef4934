// SPDX-License-Identifier: Apache-2.0
#include "env/zmq_transport.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include <glog/logging.h>
#include <zmq.h>

#include "env/zmq_endpoint.h"
#include "proto/envelope.h"

namespace skybridge::env {
namespace {

// Below this, copying a frame is cheaper than handing it over.
constexpr size_t kCopyBytesMax = 1024;
// Senders whose strikes are remembered; past that the oldest is forgotten.
constexpr size_t kStrikersMax = 1024;
constexpr char kRoutedPrefix = '@';

std::string SystemError() { return zmq_strerror(zmq_errno()); }

int Milliseconds(Duration duration) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::clamp<int64_t>(ms, 0, INT_MAX));
}

// One frame on its way in or out.
class Frame {
 public:
  Frame() { zmq_msg_init(&message_); }
  // Takes the bytes over; large ones are not copied.
  explicit Frame(std::string bytes) {
    if (bytes.size() <= kCopyBytesMax) {
      CHECK_EQ(zmq_msg_init_size(&message_, bytes.size()), 0) << SystemError();
      if (!bytes.empty()) std::memcpy(zmq_msg_data(&message_), bytes.data(), bytes.size());
      return;
    }
    auto owner = std::make_unique<std::string>(std::move(bytes));
    const auto release = [](void*, void* hint) { delete static_cast<std::string*>(hint); };
    std::string* const kept = owner.get();
    CHECK_EQ(zmq_msg_init_data(&message_, kept->data(), kept->size(), release, kept), 0)
        << SystemError();
    (void)owner.release();  // ZeroMQ calls `release` when the last byte has left.
  }
  ~Frame() { zmq_msg_close(&message_); }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  bool Send(void* socket, int flags) {
    return zmq_msg_send(&message_, socket, flags | ZMQ_DONTWAIT) >= 0;
  }
  bool Receive(void* socket) { return zmq_msg_recv(&message_, socket, ZMQ_DONTWAIT) >= 0; }
  bool more() { return zmq_msg_more(&message_) != 0; }
  std::string_view bytes() {
    return {static_cast<const char*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }

 private:
  zmq_msg_t message_;
};

std::string ToName(std::string_view routing_id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string name(1, kRoutedPrefix);
  for (const char c : routing_id) {
    const auto byte = static_cast<unsigned char>(c);
    name += kDigits[byte >> 4];
    name += kDigits[byte & 15];
  }
  return name;
}

// The inverse of ToName; nothing if `name` is not one of ours.
std::optional<std::string> ToRoutingId(std::string_view name) {
  name.remove_prefix(1);
  if (name.empty() || name.size() % 2 != 0) return std::nullopt;
  const auto value = [](char c) {
    if ('0' <= c && c <= '9') return c - '0';
    return 'a' <= c && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string id;
  for (size_t i = 0; i < name.size(); i += 2) {
    const int high = value(name[i]);
    const int low = value(name[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id += static_cast<char>(high * 16 + low);
  }
  return id;
}

Status BindError(const std::string& endpoint) {
  const std::string what = "listen on " + endpoint + ": " + SystemError();
  switch (zmq_errno()) {
    case EADDRINUSE:
      return Status(StatusCode::kAlreadyExists,
                    what + "; another program holds it: choose another port, or * for a free one");
    case EADDRNOTAVAIL:
    case ENODEV:
      return Status(StatusCode::kInvalidArgument, what + "; this machine has no such address");
    case EACCES: return Status(StatusCode::kInvalidArgument, what + "; choose a port above 1023");
    default: return Status(StatusCode::kUnavailable, what);
  }
}

}  // namespace

Status ZmqTransportOptions::Validate() const {
  const auto bad = [](const char* field) {
    return Status(StatusCode::kInvalidArgument,
                  std::string("transport option out of range: ") + field);
  };
  if (frame_bytes_max == 0) return bad("frame_bytes_max");
  if (receive_queue_max <= 0) return bad("receive_queue_max");  // Zero would be without bound.
  if (answer_queue_max <= 0) return bad("answer_queue_max");
  if (send_queue_max <= 0) return bad("send_queue_max");
  if (backlog <= 0) return bad("backlog");
  if (connections_max == 0) return bad("connections_max");
  if (handshake_max <= Duration::zero()) return bad("handshake_max");
  if (heartbeat_interval <= Duration::zero()) return bad("heartbeat_interval");
  if (heartbeat_timeout <= Duration::zero()) return bad("heartbeat_timeout");
  if (linger < Duration::zero()) return bad("linger");
  if (idle_max <= Duration::zero()) return bad("idle_max");
  if (strikes_max <= 0) return bad("strikes_max");
  if (mute < Duration::zero()) return bad("mute");
  if (!keys) return Status();
  if (!listen.empty() && keys->server_secret_key.empty()) return bad("keys.server_secret_key");
  return keys->Validate();
}

void ZmqTransport::SocketCloser::operator()(void* socket) const { zmq_close(socket); }

ZmqTransport::ZmqTransport(ZmqContext& context, Clock& clock, ZmqTransportOptions options,
                           int wake_fd)
    : context_(context), clock_(clock), options_(std::move(options)), wake_fd_(wake_fd) {}

ZmqTransport::~ZmqTransport() { close(wake_fd_); }

Result<std::unique_ptr<ZmqTransport>> ZmqTransport::Create(ZmqContext& context, Clock& clock,
                                                           ZmqTransportOptions options) {
  SKY_RETURN_IF_ERROR(options.Validate());
  const int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd < 0) {
    return Status(StatusCode::kUnavailable, "make an eventfd: " + SystemError() +
                                                "; raise the limit of open files (ulimit -n)");
  }
  std::unique_ptr<ZmqTransport> transport(
      new ZmqTransport(context, clock, std::move(options), wake_fd));
  if (!transport->options_.listen.empty()) SKY_RETURN_IF_ERROR(transport->Listen());
  return transport;
}

Result<ZmqTransport::Socket> ZmqTransport::MakeSocket(int type, const std::string& endpoint) const {
  Socket socket(zmq_socket(context_.handle(), type));
  if (!socket) {
    return Status(StatusCode::kUnavailable, "make a ZeroMQ socket: " + SystemError() +
                                                "; raise the limit of open files (ulimit -n)");
  }
  const auto set = [&](int option, int value) {
    CHECK_EQ(zmq_setsockopt(socket.get(), option, &value, sizeof value), 0)
        << "ZeroMQ option " << option << "=" << value << ": " << SystemError();
  };
  const auto bytes_max = static_cast<int64_t>(options_.frame_bytes_max);
  CHECK_EQ(zmq_setsockopt(socket.get(), ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max), 0);
  set(ZMQ_RCVHWM, type == ZMQ_ROUTER ? options_.receive_queue_max : options_.answer_queue_max);
  set(ZMQ_SNDHWM, options_.send_queue_max);
  set(ZMQ_LINGER, Milliseconds(options_.linger));
  set(ZMQ_HANDSHAKE_IVL, Milliseconds(options_.handshake_max));
  set(ZMQ_HEARTBEAT_IVL, Milliseconds(options_.heartbeat_interval));
  set(ZMQ_HEARTBEAT_TIMEOUT, Milliseconds(options_.heartbeat_timeout));
  if (endpoint.find('[') != std::string::npos) set(ZMQ_IPV6, 1);
  if (type == ZMQ_ROUTER) {
    set(ZMQ_BACKLOG, options_.backlog);
    set(ZMQ_ROUTER_MANDATORY, 1);  // A vanished peer is an error that we count, not silence.
    set(ZMQ_ROUTER_HANDOVER, 0);   // Nobody takes over the name of a live connection.
  }
  return socket;
}

Status ZmqTransport::Listen() {
  const bool safe = options_.keys.has_value() || options_.insecure_network;
  SKY_RETURN_IF_ERROR(CheckListenEndpoint(options_.listen, safe));
  if (options_.keys && !context_.gated()) {
    return {StatusCode::kFailedPrecondition,
            "listen on " + options_.listen + " with keys: nothing says whom to let in"};
  }
  SKY_ASSIGN_OR_RETURN(Socket socket, MakeSocket(ZMQ_ROUTER, options_.listen));
  if (options_.keys) BeCurveServer(socket.get(), options_.keys->server_secret_key);
  if (zmq_bind(socket.get(), options_.listen.c_str()) != 0) return BindError(options_.listen);
  char bound[256] = {};
  size_t size = sizeof bound;
  CHECK_EQ(zmq_getsockopt(socket.get(), ZMQ_LAST_ENDPOINT, bound, &size), 0) << SystemError();
  endpoint_ = bound;
  sources_.push_back({"", std::move(socket), clock_.Now()});
  return Status();
}

void* ZmqTransport::DealerFor(const std::string& endpoint) {
  if (const auto it = dealers_.find(endpoint); it != dealers_.end()) {
    sources_[it->second].used = clock_.Now();
    return sources_[it->second].socket.get();
  }
  CloseIdle();
  if (dealers_.size() >= options_.connections_max || !IsConnectEndpoint(endpoint)) return nullptr;
  // Never in the clear where keys were asked for.
  if (options_.keys && options_.keys->server_public_key.empty()) return nullptr;
  Result<Socket> socket = MakeSocket(ZMQ_DEALER, endpoint);
  if (!socket) {
    LOG(ERROR) << "connect to " << endpoint << ": " << socket.error();
    return nullptr;
  }
  if (options_.keys) BeCurveClient(socket->get(), *options_.keys);
  if (zmq_connect(socket->get(), endpoint.c_str()) != 0) {
    LOG(ERROR) << "connect to " << endpoint << ": " << SystemError();
    return nullptr;
  }
  dealers_.emplace(endpoint, sources_.size());
  sources_.push_back({endpoint, *std::move(socket), clock_.Now()});
  return sources_.back().socket.get();
}

void ZmqTransport::CloseIdle() {
  const Instant now = clock_.Now();
  std::erase_if(sources_, [&](const Source& source) {
    return !source.endpoint.empty() && now - source.used > options_.idle_max;
  });
  dealers_.clear();
  for (size_t i = 0; i < sources_.size(); ++i) {
    if (!sources_[i].endpoint.empty()) dealers_.emplace(sources_[i].endpoint, i);
  }
  next_source_ = 0;
}

void ZmqTransport::Send(Envelope message) {
  const size_t bytes = message.header.size() + message.payload.size();
  if (std::max(message.header.size(), message.payload.size()) > wire::kFrameBytesMax) {
    // Sent, it would cost the connection.
    ++metrics_.dropped_oversized;
    LOG(ERROR) << "a message of " << bytes << " bytes to " << message.peer << " is too large";
    return;
  }
  void* socket = nullptr;
  if (message.peer.starts_with(kRoutedPrefix)) {
    const auto routing_id = ToRoutingId(message.peer);
    if (!routing_id || endpoint_.empty() ||
        !Frame(*routing_id).Send(sources_.front().socket.get(), ZMQ_SNDMORE)) {
      const bool full = routing_id && !endpoint_.empty() && zmq_errno() == EAGAIN;
      ++(full ? metrics_.dropped_full : metrics_.dropped_unreachable);
      return;
    }
    socket = sources_.front().socket.get();
  } else {
    socket = DealerFor(message.peer);
    if (socket == nullptr) {
      ++metrics_.dropped_unreachable;
      return;
    }
  }
  // Short of a connection lost right now, only the first frame of a message can fail.
  if (!Frame(std::move(message.header)).Send(socket, ZMQ_SNDMORE) ||
      !Frame(std::move(message.payload)).Send(socket, 0)) {
    ++metrics_.dropped_full;
    return;
  }
  ++metrics_.sent;
  metrics_.sent_bytes += bytes;
}

std::optional<Envelope> ZmqTransport::Receive(Duration timeout) {
  const Instant deadline = clock_.Now() + timeout;
  while (true) {
    if (TakeWake()) return std::nullopt;
    if (auto message = TakeMessage()) return message;

    const Duration left = deadline - clock_.Now();
    if (left <= Duration::zero()) return std::nullopt;
    std::vector<zmq_pollitem_t> items = {{nullptr, wake_fd_, ZMQ_POLLIN, 0}};
    for (const Source& source : sources_) items.push_back({source.socket.get(), 0, ZMQ_POLLIN, 0});
    const int ready = zmq_poll(items.data(), static_cast<int>(items.size()), Milliseconds(left));
    // A signal also ends the wait: its handler may have something to say to our caller.
    CHECK(ready >= 0 || zmq_errno() == EINTR) << "wait for messages: " << SystemError();
    if (ready <= 0) return std::nullopt;
  }
}

std::optional<Envelope> ZmqTransport::TakeMessage() {
  // Starting behind the source that was served last gives each its turn.
  const size_t count = sources_.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t position = (next_source_ + i) % count;
    if (auto message = TakeFrom(sources_[position])) {
      next_source_ = (position + 1) % count;
      return message;
    }
  }
  return std::nullopt;
}

std::optional<Envelope> ZmqTransport::TakeFrom(Source& source) {
  void* const socket = source.socket.get();
  std::string peer = source.endpoint;
  bool more = true;
  if (peer.empty()) {
    Frame routing_id;
    if (!routing_id.Receive(socket)) return std::nullopt;
    peer = ToName(routing_id.bytes());
    more = routing_id.more();
  }
  // A message arrives whole or not at all, so the frames after the first are there.
  Envelope message;
  size_t frames = 0;
  for (; more; ++frames) {
    Frame frame;
    if (!frame.Receive(socket)) break;
    more = frame.more();
    if (frames == 0) message.header = frame.bytes();
    if (frames == 1) message.payload = frame.bytes();
  }
  if (frames == 0 && !source.endpoint.empty()) return std::nullopt;  // Nothing there.
  if (Muted(peer)) {
    ++metrics_.dropped_muted;
    return std::nullopt;
  }
  if (frames != 2) {
    ++metrics_.dropped_malformed;
    Strike(peer);
    return std::nullopt;
  }
  source.used = clock_.Now();
  message.peer = std::move(peer);
  ++metrics_.received;
  metrics_.received_bytes += message.header.size() + message.payload.size();
  return message;
}

bool ZmqTransport::Muted(const std::string& peer) {
  if (strikes_.empty()) return false;
  const auto it = strikes_.find(peer);
  if (it == strikes_.end()) return false;
  if (clock_.Now() - it->second.last >= options_.mute) {
    strikes_.erase(it);
    return false;
  }
  return it->second.count >= options_.strikes_max;
}

void ZmqTransport::Strike(const std::string& peer) {
  if (!strikes_.contains(peer) && strikes_.size() >= kStrikersMax) {
    const auto is_older = [](const auto& a, const auto& b) {
      return a.second.last < b.second.last;
    };
    strikes_.erase(std::ranges::min_element(strikes_, is_older));
  }
  Strikes& strikes = strikes_[peer];
  strikes.last = clock_.Now();
  if (++strikes.count == options_.strikes_max) {
    LOG(WARNING) << "muting " << peer << " for " << ToSeconds(options_.mute)
                 << " s: its messages do not have two frames";
  }
}

void ZmqTransport::Wake() {
  if (woken_.exchange(true)) return;
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof one);  // Fails only if it is readable already.
}

bool ZmqTransport::TakeWake() {
  if (!woken_.load()) return false;
  // In this order: a Wake between the two is then seen by the next Receive instead of lost.
  woken_.store(false);
  uint64_t count = 0;
  (void)!read(wake_fd_, &count, sizeof count);
  return true;
}

}  // namespace skybridge::env
