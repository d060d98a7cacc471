#include "dgl/base/local_http_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "dgl/base/error.h"

namespace dgl {

namespace {

constexpr size_t kMostRequestBytes = 16384, kMostConnections = 64;
constexpr std::chrono::seconds kPatience{10};

using Clock = std::chrono::steady_clock;

/// A browser's connection: the request as far as it has come, then what is left of the answer.
struct Connection {
  int socket;
  Clock::time_point deadline;
  std::string request{}, answer{};
  size_t sent = 0;
  bool answering = false;
};

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

/// The value of a request's header, or "" if it has none.
std::string header_of(std::string_view request, std::string_view name) {
  size_t at = request.find("\r\n");
  while (at != std::string_view::npos && at + 2 < request.size()) {
    const size_t begin = at + 2, end = std::min(request.find("\r\n", begin), request.size());
    const std::string_view line = request.substr(begin, end - begin);
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos && lower(line.substr(0, colon)) == name) {
      std::string_view value = line.substr(colon + 1);
      while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
      while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
      return lower(value);
    }
    at = end == request.size() ? std::string_view::npos : end;
  }
  return "";
}

/// Whether a Host header names this machine by its loopback address, at any port: a tunnel may give it another one.
bool is_local(const std::string& host) {
  for (const std::string_view name : {"127.0.0.1", "localhost", "[::1]"}) {
    if (!host.starts_with(name)) continue;
    const std::string rest = host.substr(name.size());
    if (rest.empty()) return true;
    return rest[0] == ':' && rest.size() > 1 && rest.find_first_not_of("0123456789", 1) == std::string::npos;
  }
  return false;
}

const char* reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
  }
}

std::string encoded(const HttpAnswer& answer) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nContent-Security-Policy: {}\r\n"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n{}"
      "Connection: close\r\n\r\n{}",
      answer.status, reason_of(answer.status), answer.type, answer.content.size(), answer.policy,
      answer.status == 405 ? "Allow: GET\r\n" : "", answer.content);
}

std::string refusal(int status, const std::string& why) {
  return encoded({.status = status, .type = "text/plain; charset=utf-8", .content = why + "\n"});
}

void make_nonblocking(int socket) { ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK); }

/// Reads what has come. Returns false at the end of the connection.
bool receive(Connection& connection) {
  std::array<char, 4096> buffer{};
  const ssize_t count = ::recv(connection.socket, buffer.data(), buffer.size(), 0);
  if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  if (count == 0) return false;
  connection.request.append(buffer.data(), static_cast<size_t>(count));
  return true;
}

/// Sends what the connection takes now. Returns false once all is sent, or if it is broken.
bool send_some(Connection& connection) {
  const ssize_t count = ::send(connection.socket, connection.answer.data() + connection.sent,
                               connection.answer.size() - connection.sent, MSG_NOSIGNAL);
  if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  connection.sent += static_cast<size_t>(count);
  connection.deadline = Clock::now() + kPatience;
  return connection.sent < connection.answer.size();
}

}  // namespace

LocalHttpServer::LocalHttpServer(int port, Handler handler) : handler_(std::move(handler)) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) fail("--port {}: no socket can be made: {}", port, std::strerror(errno));
  // So that a port can be taken again right after a server has ended; one that is in use stays refused.
  const int yes = 1;
  ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool listens = ::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       ::listen(socket_, 16) == 0 &&
                       ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (!listens) {
    const int why = errno;
    ::close(socket_);
    if (why == EADDRINUSE) fail("--port {}: another program listens there; --port 0 takes a free one", port);
    fail("--port {}: cannot be taken: {}", port, std::strerror(why));
  }
  port_ = ntohs(address.sin_port);
  make_nonblocking(socket_);
}

LocalHttpServer::~LocalHttpServer() { ::close(socket_); }

std::string LocalHttpServer::url() const { return fmt::format("http://127.0.0.1:{}/", port_); }

std::string LocalHttpServer::answer_to(const std::string& request) const {
  const std::string_view line = std::string_view(request).substr(0, request.find("\r\n"));
  const size_t first = line.find(' '), second = line.rfind(' ');
  const bool is_request =
      first != std::string_view::npos && first < second && line.substr(second).starts_with(" HTTP/1.");
  if (!is_request) return refusal(400, "This is no HTTP request.");
  if (!is_local(header_of(request, "host"))) return refusal(403, "Only this machine itself is served.");
  if (line.substr(0, first) != "GET") return refusal(405, "Only GET is answered.");
  const std::string_view target = line.substr(first + 1, second - first - 1);
  try {
    return encoded(handler_(std::string(target.substr(0, target.find('?')))));
  } catch (const std::exception& error) {
    return refusal(500, first_line(error.what()));
  }
}

void LocalHttpServer::serve() {
  std::vector<Connection> connections;
  for (;;) {
    const bool room = connections.size() < kMostConnections;
    std::vector<pollfd> waiting{{room ? socket_ : -1, POLLIN, 0}};
    for (const Connection& connection : connections) {
      waiting.push_back({connection.socket, static_cast<short>(connection.answering ? POLLOUT : POLLIN), 0});
    }
    if (::poll(waiting.data(), waiting.size(), 1000) < 0 && errno != EINTR) {
      fail("the server cannot wait for connections: {}", std::strerror(errno));
    }
    std::vector<Connection> kept;
    for (size_t i = 0; i < connections.size(); ++i) {
      Connection& connection = connections[i];
      bool open = Clock::now() < connection.deadline;
      if (waiting[i + 1].revents != 0) {
        open = connection.answering ? send_some(connection) : receive(connection);
        if (open && !connection.answering) {
          const bool whole = connection.request.find("\r\n\r\n") != std::string::npos;
          connection.answering = whole || connection.request.size() > kMostRequestBytes;
          if (whole) {
            connection.answer = answer_to(connection.request);
          } else if (connection.answering) {
            connection.answer = refusal(431, "The request is too long.");
          }
        }
      }
      if (open) {
        kept.push_back(std::move(connection));
      } else {
        ::close(connection.socket);
      }
    }
    connections = std::move(kept);
    while (connections.size() < kMostConnections) {
      const int socket = ::accept4(socket_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) break;
      connections.push_back({socket, Clock::now() + kPatience});
    }
  }
}

}  // namespace dgl
