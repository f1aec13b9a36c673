// A listener that answers as told and then breaks its connections, which no real service does.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

// Answers the first requests with the given bytes, and closes the connection instead of answering
// the next one; `closes` closes it also after each answer. Runs until its destructor.
class BrokenServer {
 public:
  explicit BrokenServer(std::vector<std::string> answers, bool closes = false);
  ~BrokenServer();
  BrokenServer(const BrokenServer&) = delete;
  BrokenServer& operator=(const BrokenServer&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int requests() const { return requests_; }
  // The head of the latest request.
  std::string head() const { return head_; }

 private:
  void serve();
  void serve_connection(int connection);

  std::vector<std::string> answers_;
  bool closes_;
  int listener_;
  int port_ = 0;
  std::atomic<int> requests_ = 0;
  std::string head_;
  std::thread thread_;
};
