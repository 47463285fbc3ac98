// Against a server in this process, which has threads.
#include "s3/curl_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "tests/support/loopback_server.h"

namespace talea::s3 {
namespace {

using testing::HasSubstr;
using Answer = LoopbackServer::Answer;

HttpRequest request_to(std::string method, std::string url, BytesView body = {}) {
  HttpRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.body = body;
  return request;
}

// A server that tells what it was sent.
Answer echo(const std::string& head, const std::string& body) {
  return LoopbackServer::ok(head + "|" + body, "X-Mixed-Case:  a b \r\nempty:\r\n");
}

TEST(CurlTransport, SendsWhatItIsGivenAndNothingElseOfImportance) {
  LoopbackServer server(echo);
  CurlTransport transport;
  HttpRequest request = request_to("PUT", server.url() + "/a/../b//c/./%2E?x=%2F&y=", "body");
  request.headers = {{"host", "records.example"}, {"x-empty", ""}, {"x-a", "1"}};
  const auto response = transport.send(request);
  ASSERT_TRUE(response.ok()) << response.status().to_string();
  EXPECT_EQ(response->status, 200);
  EXPECT_THAT(response->body, HasSubstr("PUT /a/../b//c/./%2E?x=%2F&y= HTTP/1.1\r\n"));
  EXPECT_THAT(response->body, HasSubstr("\r\nHost: records.example\r\n"));
  EXPECT_THAT(response->body, HasSubstr("x-empty:\r\n"));
  EXPECT_THAT(response->body, HasSubstr("x-a: 1\r\n"));
  EXPECT_THAT(response->body, HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(response->body, HasSubstr("|body"));
  for (const char* unwanted : {"Expect:", "Transfer-Encoding:", "Accept:", "Host: 127"}) {
    EXPECT_THAT(response->body, Not(HasSubstr(unwanted)));
  }
  EXPECT_EQ(response->header("x-mixed-case"), "a b");
  EXPECT_EQ(response->header("empty"), "");
  EXPECT_EQ(response->header("none"), std::nullopt);
}

TEST(CurlTransport, EveryMethodIsSentAsItIsCalled) {
  LoopbackServer server(echo);
  CurlTransport transport;
  for (const char* method : {"GET", "PUT", "POST", "DELETE"}) {
    const auto response = transport.send(request_to(method, server.url() + "/k"));
    ASSERT_TRUE(response.ok()) << response.status().to_string();
    EXPECT_THAT(response->body, HasSubstr(std::string(method) + " /k HTTP/1.1\r\n"));
  }
  const auto empty = transport.send(request_to("PUT", server.url() + "/k"));
  EXPECT_THAT(empty->body, HasSubstr("Content-Length: 0\r\n"));
}

TEST(CurlTransport, AHeadHasALengthAndNoBody) {
  LoopbackServer server([](const std::string&, const std::string&) -> Answer {
    return {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"};
  });
  CurlTransport transport;
  for (int i = 0; i < 3; ++i) {
    const auto response = transport.send(request_to("HEAD", server.url() + "/k"));
    ASSERT_TRUE(response.ok()) << response.status().to_string();
    EXPECT_EQ(response->body, "");
    EXPECT_EQ(response->header("content-length"), "12345");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlTransport, ConnectionsAreUsedAgain) {
  LoopbackServer server(echo);
  CurlTransport transport;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(transport.send(request_to(i % 2 == 0 ? "PUT" : "GET", server.url(), "b")).ok());
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlTransport, ManyThreadsHaveAConnectionEach) {
  LoopbackServer server(echo);
  CurlTransport transport;
  constexpr int kThreads = 8;
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string body = std::to_string(t) + "/" + std::to_string(i);
        const auto response = transport.send(request_to("PUT", server.url(), body));
        if (response.ok() && response->body.ends_with("|" + body)) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, kThreads * 50);
  EXPECT_LE(server.connections(), kThreads);
}

TEST(CurlTransport, BodiesOfAnySizeAndAnyBytes) {
  LoopbackServer server(
      [](const std::string&, const std::string& body) { return LoopbackServer::ok(body); });
  CurlTransport transport;
  Bytes bytes;
  for (std::size_t i = 0; i < 900'000; ++i) bytes += static_cast<char>(i * 31 % 256);
  const auto response = transport.send(request_to("PUT", server.url(), bytes));
  ASSERT_TRUE(response.ok()) << response.status().to_string();
  EXPECT_TRUE(response->body == bytes);
}

TEST(CurlTransport, A100ContinueIsNotTheAnswer) {
  LoopbackServer server([](const std::string&, const std::string&) -> Answer {
    return {.bytes =
                "HTTP/1.1 100 Continue\r\nX-Of: hundred\r\n\r\n"
                "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"};
  });
  CurlTransport transport;
  const auto response = transport.send(request_to("PUT", server.url(), "b"));
  ASSERT_TRUE(response.ok()) << response.status().to_string();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->header("x-of"), std::nullopt);
}

TEST(CurlTransport, RedirectsAreAnswers) {
  LoopbackServer server([](const std::string&, const std::string&) -> Answer {
    return {.bytes =
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: /b\r\n"
                "Content-Length: 0\r\n\r\n"};
  });
  CurlTransport transport;
  EXPECT_EQ(transport.send(request_to("GET", server.url() + "/a"))->status, 307);
}

// --- What goes wrong

TEST(CurlTransport, WhereNobodyListensNothingWasSent) {
  std::string url;
  {
    LoopbackServer gone(echo);
    url = gone.url();
  }
  CurlTransport transport;
  const auto response = transport.send(request_to("PUT", url + "/secret-key?token=hidden", "b"));
  EXPECT_EQ(response.status().code(), Code::unavailable);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr(url));
  EXPECT_THAT(std::string(response.status().message()), Not(HasSubstr("hidden")));
}

TEST(CurlTransport, ANameThatNobodyHasIsTold) {
  // A proxy would look the name up; and no name has a part of 64 characters, so no server is asked.
  ASSERT_EQ(setenv("no_proxy", "*", 1), 0);
  CurlTransport transport;
  const std::string host = std::string(64, 'a') + ".invalid";
  const auto response =
      transport.send(request_to("PUT", "http://" + host + "/k?token=hidden", "b"));
  EXPECT_EQ(response.status().code(), Code::not_found) << response.status().to_string();
  EXPECT_THAT(std::string(response.status().message()), HasSubstr(host));
  EXPECT_THAT(std::string(response.status().message()), Not(HasSubstr("hidden")));
}

TEST(CurlTransport, NoAnswerMeansThatNobodyKnows) {
  std::atomic<int> asked = 0;
  LoopbackServer server([&](const std::string&, const std::string&) -> Answer {
    ++asked;
    return {.bytes = {}, .hangs = true};
  });
  CurlTransport transport;
  HttpRequest request = request_to("PUT", server.url(), "b");
  request.timeout = std::chrono::milliseconds(100);
  EXPECT_EQ(transport.send(request).status().code(), Code::timed_out);
  EXPECT_EQ(asked, 1);
}

TEST(CurlTransport, HalfAnAnswerMeansThatNobodyKnows) {
  for (const char* bytes :
       {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"}) {
    std::atomic<int> asked = 0;
    LoopbackServer server([&](const std::string&, const std::string&) -> Answer {
      ++asked;
      return {.bytes = bytes, .closes = true};
    });
    CurlTransport transport;
    const auto response = transport.send(request_to("PUT", server.url(), "b"));
    EXPECT_EQ(response.status().code(), Code::timed_out) << response.status().to_string();
    EXPECT_EQ(asked, 1) << "curl sent it again by itself";
  }
}

TEST(CurlTransport, AnAnswerThatIsNoHttpMeansThatNobodyKnows) {
  LoopbackServer server([](const std::string&, const std::string&) -> Answer {
    return {.bytes = "garbage\r\n\r\n", .closes = true};
  });
  CurlTransport transport;
  for (const char* method : {"PUT", "GET"}) {
    const auto response = transport.send(request_to(method, server.url(), "b"));
    EXPECT_EQ(response.status().code(), Code::timed_out) << response.status().to_string();
  }
}

// On a connection that was used before, curl takes a silent end for one that was open too long.
TEST(CurlTransport, ARequestWhoseBodyWasSentIsNotSentAgainOnAnotherConnection) {
  std::atomic<int> asked = 0;
  LoopbackServer server([&](const std::string&, const std::string& body) -> Answer {
    ++asked;
    if (body == "dies") return {.bytes = {}, .closes = true};
    return LoopbackServer::ok("");
  });
  CurlTransport transport;
  ASSERT_TRUE(transport.send(request_to("PUT", server.url(), "lives")).ok());
  const auto response = transport.send(request_to("PUT", server.url(), "dies"));
  EXPECT_EQ(response.status().code(), Code::timed_out) << response.status().to_string();
  EXPECT_EQ(asked, 2);
}

TEST(CurlTransport, AnAnswerThatIsTooLongIsRefused) {
  LoopbackServer server([](const std::string&, const std::string&) {
    return LoopbackServer::ok(std::string(1000, 'x'));
  });
  CurlTransport transport;
  HttpRequest request = request_to("GET", server.url());
  request.answer_bytes_max = 999;
  EXPECT_EQ(transport.send(request).status().code(), Code::exhausted);
  request.answer_bytes_max = 1000;
  EXPECT_TRUE(transport.send(request).ok());
}

TEST(CurlTransport, WhatIsNoRequestIsRefused) {
  CurlTransport transport;
  EXPECT_EQ(transport.send(request_to("GET", "http://")).status().code(), Code::invalid_argument);
  EXPECT_EQ(transport.send(request_to("GET", "file:///etc/passwd")).status().code(),
            Code::invalid_argument);
  HttpRequest request = request_to("GET", "http://127.0.0.1/");
  request.headers = {{"x", "a\r\nevil: b"}};
  EXPECT_EQ(transport.send(request).status().code(), Code::invalid_argument);
}

TEST(CurlTransport, AUrlOfMegabytesIsRefused) {
  LoopbackServer server(echo);
  CurlTransport transport;
  const std::string path = "/secret-key?marker=";
  std::string megabytes;
  megabytes.resize(9'000'000, 'm');
  const auto response = transport.send(request_to("GET", server.url() + path + megabytes));
  EXPECT_EQ(response.status().code(), Code::invalid_argument);
  const std::string message(response.status().message());
  EXPECT_THAT(message, HasSubstr(server.url() + ": a URL of 90000"));
  EXPECT_THAT(message, Not(HasSubstr("secret-key")));
  EXPECT_TRUE(transport.send(request_to("GET", server.url() + path + std::string(6000, 'm'))).ok());
}

TEST(CurlTransport, NoPasswordOfAUrlIsInAMessage) {
  std::string url;
  {
    LoopbackServer gone(echo);
    url = gone.url();
  }
  CurlTransport transport;
  const auto response =
      transport.send(request_to("GET", "http://user:hid@den@" + url.substr(7) + "/c"));
  ASSERT_FALSE(response.ok());
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("http://...@127.0.0.1"));
  EXPECT_THAT(std::string(response.status().message()), Not(HasSubstr("hid")));
}

TEST(CurlTransport, WhatGoesInTheClearToThisMachineGoesThroughNoProxy) {
  std::atomic<int> asked = 0;
  LoopbackServer proxy([&](const std::string& head, const std::string& body) -> Answer {
    ++asked;
    return echo(head, body);
  });
  LoopbackServer server(echo);
  for (const char* name : {"no_proxy", "NO_PROXY"}) ASSERT_EQ(unsetenv(name), 0);
  ASSERT_EQ(setenv("http_proxy", proxy.url().c_str(), 1), 0);
  CurlTransport transport;
  HttpRequest request = request_to("GET", server.url() + "/v1/credentials");
  request.headers = {{"authorization", "hidden-token"}};
  const auto response = transport.send(request);
  ASSERT_TRUE(response.ok()) << response.status().to_string();
  EXPECT_THAT(response->body, HasSubstr("GET /v1/credentials HTTP/1.1"));
  EXPECT_EQ(asked, 0);
  EXPECT_TRUE(transport.send(request_to("GET", "http://elsewhere.test/")).ok());
  EXPECT_EQ(asked, 1) << "there is a proxy";
  ASSERT_EQ(unsetenv("http_proxy"), 0);
}

TEST(CurlTransport, AServerThatDoesNotSpeakTlsGetsNothing) {
  std::atomic<int> asked = 0;
  LoopbackServer server([&](const std::string& head, const std::string& body) -> Answer {
    ++asked;
    return echo(head, body);
  });
  CurlTransport transport;
  HttpRequest request = request_to("PUT", "https" + server.url().substr(4), "b");
  request.timeout = std::chrono::milliseconds(300);
  EXPECT_EQ(transport.send(request).status().code(), Code::unavailable);
  EXPECT_EQ(asked, 0);
}

}  // namespace
}  // namespace talea::s3
