#include "broken_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

BrokenServer::BrokenServer(std::vector<std::string> answers, bool closes)
    : answers_(std::move(answers)), closes_(closes), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 8) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("can't listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

BrokenServer::~BrokenServer() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

void BrokenServer::serve() {
  for (int connection = accept(listener_, nullptr, nullptr); connection >= 0;
       connection = accept(listener_, nullptr, nullptr)) {
    serve_connection(connection);
    close(connection);
  }
}

void BrokenServer::serve_connection(int connection) {
  std::array<char, 65536> buffer{};
  // Requests of the tests are so small that each comes in one part or two.
  std::string request;
  for (;;) {
    const ssize_t count = recv(connection, buffer.data(), buffer.size(), 0);
    if (count <= 0) return;
    request.append(buffer.data(), static_cast<std::size_t>(count));
    if (request.find("\r\n\r\n") == std::string::npos || request.back() != '}') continue;
    head_ = std::exchange(request, std::string());
    const auto number = static_cast<std::size_t>(requests_++);
    if (number >= answers_.size()) return;
    send(connection, answers_[number].data(), answers_[number].size(), MSG_NOSIGNAL);
    if (closes_) return;
  }
}
