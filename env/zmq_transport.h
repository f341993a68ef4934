// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/clock.h"
#include "env/curve.h"
#include "env/transport.h"
#include "env/zmq_context.h"

namespace skybridge::env {

// The most that one frame to a scheduler may hold; shards take wire::kFrameBytesMax.
inline constexpr size_t kSchedulerFrameBytesMax = 256 << 10;

struct ZmqTransportOptions {
  // "tcp://127.0.0.1:*" binds a free port; "inproc://name" is for threads of one process. Empty:
  // nobody can connect.
  std::string listen;
  // Incoming; libzmq closes a connection that announces more, before memory is spent on it.
  size_t frame_bytes_max = (4 << 20) + (64 << 10);
  // Messages of each peer that connected to us; then TCP holds the sender back.
  int receive_queue_max = 4;
  // Messages of each that we connected to: what we asked for. Never to be reached: a connection
  // that is made anew while its queue is full ends the process (libzmq up to 4.3.5, issue 3937).
  int answer_queue_max = 1024;
  int send_queue_max = 32;  // Messages per peer; then Send drops. A push has up to 16 chunks.
  int backlog = 128;
  size_t connections_max = 1024;  // Endpoints that Send connects to.
  // A connection of ours that carried nothing for so long is closed when another is made:
  // processes that come back listen elsewhere.
  Duration idle_max = std::chrono::seconds(60);
  Duration handshake_max = std::chrono::seconds(2);
  Duration heartbeat_interval = std::chrono::seconds(1);
  Duration heartbeat_timeout = std::chrono::seconds(5);
  // How long the last messages may still leave after the transport is gone.
  Duration linger = std::chrono::seconds(1);
  int strikes_max = 3;                       // Malformed messages until their sender is muted ...
  Duration mute = std::chrono::seconds(60);  // ... for so long.
  // Permits to listen beyond this machine without keys: anybody who reaches the port can then
  // stop the process.
  bool insecure_network = false;
  // Encrypts and authenticates "tcp://"; nothing else may connect then.
  std::optional<CurveKeys> keys;

  // Errors: kInvalidArgument, naming the field.
  Status Validate() const;
};

// What happened to messages since the start.
struct ZmqTransportMetrics {
  uint64_t sent = 0;
  uint64_t sent_bytes = 0;
  uint64_t received = 0;
  uint64_t received_bytes = 0;
  uint64_t dropped_full = 0;         // To send: the peer's queue was full.
  uint64_t dropped_unreachable = 0;  // To send: the peer is gone, or its name makes no sense.
  uint64_t dropped_oversized = 0;    // To send: a frame above wire::kFrameBytesMax.
  uint64_t dropped_malformed = 0;    // Received: not exactly two frames.
  uint64_t dropped_muted = 0;        // Received: from a muted sender.
};

// Messages over ZeroMQ: one ROUTER for those who connect to us, one DEALER per endpoint that we
// send to, connected on first use. A message is two frames: header and payload.
//
// Names of peers: "@" and the hex routing id for those who connected; the endpoint for those we
// connected to. Use by one thread at a time, Wake excepted.
class ZmqTransport : public Transport {
 public:
  // `context` and `clock` outlive the transport.
  // Errors: kInvalidArgument     options.Validate(), or an endpoint that makes no sense;
  //         kFailedPrecondition  listening beyond this machine without keys, or with
  //                              keys and without a CurveGate;
  //         kAlreadyExists       the endpoint is taken;
  //         kUnavailable         anything else the system says.
  static Result<std::unique_ptr<ZmqTransport>> Create(ZmqContext& context, Clock& clock,
                                                      ZmqTransportOptions options);
  ~ZmqTransport() override;
  ZmqTransport(const ZmqTransport&) = delete;
  ZmqTransport& operator=(const ZmqTransport&) = delete;

  // Drops, and counts, what cannot leave: the peer's queue is full, the peer is gone or unknown.
  void Send(Envelope message) override;
  // Returns early, with nothing, after Wake.
  std::optional<Envelope> Receive(Duration timeout) override;

  // Ends the current Receive, or the next one if none runs. Thread-safe.
  void Wake();

  // Where others reach this transport, with the port that was bound; empty if it does not listen.
  const std::string& endpoint() const { return endpoint_; }
  // Endpoints that it is connected to, or tries to be.
  size_t connections() const { return dealers_.size(); }
  const ZmqTransportMetrics& metrics() const { return metrics_; }

 private:
  struct SocketCloser {
    void operator()(void* socket) const;
  };
  using Socket = std::unique_ptr<void, SocketCloser>;
  struct Source {
    std::string endpoint;  // Empty: the ROUTER.
    Socket socket;
    Instant used{};  // When it was last sent to, or heard.
  };
  struct Strikes {
    int count = 0;
    Instant last{};
  };

  ZmqTransport(ZmqContext& context, Clock& clock, ZmqTransportOptions options, int wake_fd);
  Status Listen();
  Result<Socket> MakeSocket(int type, const std::string& endpoint) const;
  // The DEALER for `endpoint`; null if there can be none.
  void* DealerFor(const std::string& endpoint);
  void CloseIdle();
  // One message of any source, without waiting.
  std::optional<Envelope> TakeMessage();
  // One message of `source`; nothing if there is none, or if it had to be dropped.
  std::optional<Envelope> TakeFrom(Source& source);
  bool Muted(const std::string& peer);
  void Strike(const std::string& peer);
  bool TakeWake();

  ZmqContext& context_;
  Clock& clock_;
  const ZmqTransportOptions options_;
  const int wake_fd_;
  std::atomic<bool> woken_ = false;
  std::string endpoint_;
  std::vector<Source> sources_;                         // The ROUTER first, if there is one.
  std::map<std::string, size_t, std::less<>> dealers_;  // Endpoint -> position in sources_.
  size_t next_source_ = 0;                              // Whose turn it is to be read.
  std::map<std::string, Strikes> strikes_;
  ZmqTransportMetrics metrics_;
};

}  // namespace skybridge::env
