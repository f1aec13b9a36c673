// One HTTP exchange, by the names of bRPC. It has the request and takes the response; nothing of
// bRPC itself is behind it.
#pragma once

#include <string>

#include "brpc/http_constants.h"
#include "brpc/http_header.h"
#include "butil/iobuf.h"

namespace brpc {

class ProgressiveAttachment;

// One thread at a time uses it.
class Controller {
 public:
  Controller() = default;
  Controller(const Controller &) = delete;
  Controller &operator=(const Controller &) = delete;

  HttpHeader &http_request() { return request_; }
  const HttpHeader &http_request() const { return request_; }
  HttpHeader &http_response() { return response_; }
  const HttpHeader &http_response() const { return response_; }
  bool has_http_request() const { return true; }
  bool has_http_response() const { return true; }

  butil::IOBuf &request_attachment() { return request_attachment_; }
  const butil::IOBuf &request_attachment() const { return request_attachment_; }
  butil::IOBuf &response_attachment() { return response_attachment_; }
  const butil::IOBuf &response_attachment() const { return response_attachment_; }

  // Makes the request a failed one: status 500 unless another one is set, with this text.
  void SetFailed(const std::string &reason) {
    failed_ = true;
    error_text_ = reason;
    if (response_.status_code() == HTTP_STATUS_OK) {
      response_.set_status_code(HTTP_STATUS_INTERNAL_SERVER_ERROR);
    }
  }
  bool Failed() const { return failed_; }
  const std::string &ErrorText() const { return error_text_; }

 private:
  HttpHeader request_;
  HttpHeader response_;
  butil::IOBuf request_attachment_;
  butil::IOBuf response_attachment_;
  bool failed_ = false;
  std::string error_text_;
};

}  // namespace brpc
