#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace dgl::test {

/// A connection to a port of 127.0.0.1, which fails after 20 seconds without an answer.
inline int connect_to(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const timeval patience{20, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return socket;
  ::close(socket);
  return -1;
}

/// All that comes from a connection until its other side closes it.
inline std::string read_to_end(int socket) {
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::recv(socket, buffer, sizeof(buffer), 0)) > 0;) {
    text.append(buffer, static_cast<size_t>(count));
  }
  ::close(socket);
  return text;
}

/// Sends bytes to a port and returns all that is answered; "" if nothing listens there.
inline std::string send_raw(int port, const std::string& bytes) {
  const int socket = connect_to(port);
  if (socket < 0) return "";
  ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return read_to_end(socket);
}

/// The answer to a request, with its head.
inline std::string request(int port, const std::string& path, const std::string& method = "GET",
                           const std::string& host = "127.0.0.1") {
  return send_raw(port, method + " " + path + " HTTP/1.1\r\nAccept: */*\r\nhost: " + host + "\r\n\r\n");
}

/// The status of an answer; 0 if it has none.
inline int status_of(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

/// What stands behind an answer's head.
inline std::string content_of(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

}  // namespace dgl::test
