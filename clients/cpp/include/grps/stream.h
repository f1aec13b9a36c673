// The pieces of a response, one after another.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>

#include "grps/content.h"

namespace grps {

namespace internal {
class Pieces;
}

// A stream is read by one thread at a time. It reads from the connection only when the next piece
// is asked for, so a slow reader slows the service down and needs no memory. Its end, by close()
// or the destructor, cancels what has not arrived.
class Stream {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Result;
    using difference_type = std::ptrdiff_t;
    using pointer = const Result*;
    using reference = const Result&;

    reference operator*() const { return *piece_; }
    pointer operator->() const { return &*piece_; }
    iterator& operator++() {
      piece_ = stream_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& left, const iterator& right) {
      return left.piece_.has_value() == right.piece_.has_value();
    }
    friend bool operator!=(const iterator& left, const iterator& right) { return !(left == right); }

   private:
    friend class Stream;
    iterator() = default;
    explicit iterator(Stream* stream) : stream_(stream), piece_(stream->next()) {}

    Stream* stream_ = nullptr;
    std::optional<Result> piece_;
  };

  explicit Stream(std::unique_ptr<internal::Pieces> pieces);
  ~Stream();
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;

  // The next piece, or nothing at the end. Throws what predict throws.
  std::optional<Result> next();

  // Ends the stream; next() returns nothing afterwards.
  void close();

  // A range that can be read once: for (const grps::Result& piece : stream) ...
  iterator begin() { return iterator(this); }
  iterator end() { return {}; }

 private:
  std::unique_ptr<internal::Pieces> pieces_;
};

}  // namespace grps
