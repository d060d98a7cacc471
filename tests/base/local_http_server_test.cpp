#include "dgl/base/local_http_server.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <memory>
#include <vector>

#include "dgl/base/error.h"
#include "http_client.h"

namespace dgl {
namespace {

using test::content_of;
using test::request;
using test::send_raw;
using test::status_of;

/// A server in a process of its own.
class LocalHttp : public testing::Test {
 protected:
  LocalHttp() {
    LocalHttpServer server(0, [](const std::string& path) -> HttpAnswer {
      if (path == "/broken") fail("the handler\nfailed");
      if (path == "/long") return {.type = "text/plain", .content = std::string(10 << 20, 'x')};
      return {.status = path == "/" ? 200 : 404, .content = "path " + path};
    });
    port_ = server.port();
    child_ = ::fork();
    if (child_ == 0) server.serve();
  }
  ~LocalHttp() override {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  int port_ = 0;
  pid_t child_ = 0;
};

TEST_F(LocalHttp, AnswersGetWithTheHandlersContent) {
  const std::string answer = request(port_, "/?query=1");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(content_of(answer), "path /");
  EXPECT_NE(answer.find("\r\nContent-Length: 6\r\n"), std::string::npos);
  EXPECT_NE(answer.find("\r\nContent-Security-Policy: default-src 'none'\r\n"), std::string::npos);
  EXPECT_NE(answer.find("\r\nCache-Control: no-store\r\n"), std::string::npos);
  EXPECT_EQ(content_of(request(port_, "/../a%2f")), "path /../a%2f") << "a path is given as it came";
  EXPECT_EQ(content_of(request(port_, "/long")).size(), size_t{10} << 20);
}

TEST_F(LocalHttp, RefusesAllElse) {
  for (const char* method : {"POST", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    EXPECT_EQ(status_of(request(port_, "/", method)), 405) << method;
  }
  EXPECT_EQ(status_of(send_raw(port_, "nonsense\r\n\r\n")), 400);
  EXPECT_EQ(status_of(send_raw(port_, "\r\n\r\n")), 400);
  EXPECT_EQ(status_of(send_raw(port_, "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20000, 'x'))), 431);
  const std::string broken = request(port_, "/broken");
  EXPECT_EQ(status_of(broken), 500);
  EXPECT_EQ(content_of(broken), "the handler\n");
  EXPECT_EQ(status_of(request(port_, "/")), 200) << "and goes on";
}

// A page of another site whose name is made to point here is no reader.
TEST_F(LocalHttp, ServesOnlyItsOwnNames) {
  for (const char* host : {"127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:1"}) {
    EXPECT_EQ(status_of(request(port_, "/", "GET", host)), 200) << host;
  }
  for (const char* host : {"example.org", "localhost.example.org", "127.0.0.1.example.org", "localhost:80x", ""}) {
    EXPECT_EQ(status_of(request(port_, "/", "GET", host)), 403) << host;
  }
  EXPECT_EQ(status_of(send_raw(port_, "GET / HTTP/1.1\r\n\r\n")), 403);
}

TEST_F(LocalHttp, ConnectionsDoNotWaitForEachOther) {
  std::vector<int> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(test::connect_to(port_));
  ::send(silent[0], "GET / HT", 8, MSG_NOSIGNAL);
  EXPECT_EQ(status_of(request(port_, "/")), 200);
  const std::string rest = "TP/1.1\r\nHost: localhost\r\n\r\n";
  ::send(silent[0], rest.data(), rest.size(), MSG_NOSIGNAL);
  EXPECT_EQ(content_of(test::read_to_end(silent[0])), "path /") << "a request may come in parts";
  for (size_t i = 1; i < silent.size(); ++i) ::close(silent[i]);
}

TEST_F(LocalHttp, NamesAPortThatIsInUse) {
  try {
    LocalHttpServer(port_, {});
    FAIL() << "two programs listen at one port";
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find(std::to_string(port_)), std::string::npos) << what;
    EXPECT_NE(what.find("--port 0"), std::string::npos) << what;
  }
}

}  // namespace
}  // namespace dgl
