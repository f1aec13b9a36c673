// The head of an HTTP request or response.
#pragma once

#include <strings.h>

#include <cstdint>
#include <map>
#include <string>

#include "brpc/http_constants.h"

namespace brpc {

// Where a request goes to.
class URI {
 public:
  using QueryMap = std::map<std::string, std::string>;
  using QueryIterator = QueryMap::const_iterator;

  const std::string &path() const { return path_; }
  void set_path(const std::string &path) { path_ = path; }
  // The part behind the question mark, as it came.
  const std::string &query() const { return query_; }
  const std::string &host() const { return host_; }
  void set_host(const std::string &host) { host_ = host; }
  // A decoded parameter of the query; nullptr without one. Valid until the query changes.
  const std::string *GetQuery(const std::string &name) const {
    const auto found = queries_.find(name);
    return found == queries_.end() ? nullptr : &found->second;
  }
  void SetQuery(const std::string &name, const std::string &value) { queries_[name] = value; }
  size_t QueryCount() const { return queries_.size(); }
  QueryIterator QueryBegin() const { return queries_.begin(); }
  QueryIterator QueryEnd() const { return queries_.end(); }
  // Takes a path with its query. Returns 0.
  int SetHttpURL(const std::string &url);
  int operator=(const std::string &url) { return SetHttpURL(url); }

 private:
  std::string path_;
  std::string query_;
  std::string host_;
  QueryMap queries_;
};

class HttpHeader {
 public:
  // Names of headers do not depend on their case.
  struct Less {
    bool operator()(const std::string &one, const std::string &other) const {
      return strcasecmp(one.c_str(), other.c_str()) < 0;
    }
  };
  using HeaderMap = std::map<std::string, std::string, Less>;
  using HeaderIterator = HeaderMap::const_iterator;

  // A header; nullptr without one. Valid until the headers change.
  const std::string *GetHeader(const std::string &name) const {
    const auto found = headers_.find(name);
    return found == headers_.end() ? nullptr : &found->second;
  }
  void SetHeader(const std::string &name, const std::string &value) { headers_[name] = value; }
  // Adds a value; a second one follows the first behind a comma.
  void AppendHeader(const std::string &name, const std::string &value) {
    std::string &present = headers_[name];
    present += present.empty() ? value : "," + value;
  }
  void RemoveHeader(const std::string &name) { headers_.erase(name); }
  size_t HeaderCount() const { return headers_.size(); }
  HeaderIterator HeaderBegin() const { return headers_.begin(); }
  HeaderIterator HeaderEnd() const { return headers_.end(); }

  const std::string &content_type() const { return content_type_; }
  void set_content_type(const std::string &type) { content_type_ = type; }

  HttpMethod method() const { return method_; }
  void set_method(HttpMethod method) { method_ = method; }
  URI &uri() { return uri_; }
  const URI &uri() const { return uri_; }
  const std::string &unresolved_path() const { return unresolved_path_; }

  int status_code() const { return status_code_; }
  void set_status_code(int code) { status_code_ = code; }
  const char *reason_phrase() const;

  int major_version() const { return 1; }
  int minor_version() const { return 1; }

 private:
  HeaderMap headers_;
  std::string content_type_;
  HttpMethod method_ = HTTP_METHOD_GET;
  URI uri_;
  std::string unresolved_path_;
  int status_code_ = HTTP_STATUS_OK;
};

}  // namespace brpc
