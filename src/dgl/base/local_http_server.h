#pragma once

#include <functional>
#include <string>

namespace dgl {

/// What a server answers.
struct HttpAnswer {
  int status = 200;
  std::string type = "text/html; charset=utf-8";  ///< of the content
  std::string content{};
  std::string policy = "default-src 'none'";  ///< Content-Security-Policy
};

/// A small HTTP/1.1 server for a browser on the same machine. It listens on 127.0.0.1 alone and answers GET requests
/// and nothing else; each connection carries one request. A request that names another host than the machine itself is
/// refused, so that no page of another site can read what is served (DNS rebinding). Connections are served in turn by
/// one thread, none waits for another, and those that stay incomplete for ten seconds are closed.
class LocalHttpServer {
 public:
  /// Gives the answer to a path such as "/", as it stands in the request, without the query behind a question mark. An
  /// exception becomes an answer of status 500 with its message.
  using Handler = std::function<HttpAnswer(const std::string& path)>;

  /// Begins to listen. Port 0 stands for any free one. Throws Error, which names the port, if another program listens
  /// there already or the port may not be taken.
  LocalHttpServer(int port, Handler handler);
  LocalHttpServer(const LocalHttpServer&) = delete;
  LocalHttpServer& operator=(const LocalHttpServer&) = delete;
  ~LocalHttpServer();

  int port() const { return port_; }
  /// "http://127.0.0.1:PORT/"
  std::string url() const;
  /// Serves until a signal ends the process. Throws Error if the system refuses to wait for connections.
  [[noreturn]] void serve();

 private:
  std::string answer_to(const std::string& request) const;

  Handler handler_;
  int socket_ = -1, port_ = 0;
};

}  // namespace dgl
