// Repeated fields and maps of messages: the accessors that code written for protobuf uses.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace grps::protos::v1 {

// Elements of a repeated field. References to an element are valid until one is added or removed.
template <typename T>
class Repeated {
 public:
  using value_type = T;
  using iterator = typename std::vector<T>::iterator;
  using const_iterator = typename std::vector<T>::const_iterator;

  Repeated() = default;
  template <typename Iterator>
  Repeated(Iterator first, Iterator last) : values_(first, last) {}

  int size() const { return static_cast<int>(values_.size()); }
  bool empty() const { return values_.empty(); }
  const T &Get(int index) const { return values_[static_cast<size_t>(index)]; }
  T *Mutable(int index) { return &values_[static_cast<size_t>(index)]; }
  void Set(int index, const T &value) { values_[static_cast<size_t>(index)] = value; }
  const T &at(int index) const { return values_.at(static_cast<size_t>(index)); }
  T &at(int index) { return values_.at(static_cast<size_t>(index)); }
  const T &operator[](int index) const { return Get(index); }
  T &operator[](int index) { return values_[static_cast<size_t>(index)]; }

  T *Add() { return &values_.emplace_back(); }
  void Add(const T &value) { values_.push_back(value); }
  void Add(T &&value) { values_.push_back(std::move(value)); }
  template <typename Iterator>
  void Add(Iterator first, Iterator last) {
    values_.insert(values_.end(), first, last);
  }
  template <typename Iterator>
  void Assign(Iterator first, Iterator last) {
    values_.assign(first, last);
  }
  void RemoveLast() { values_.pop_back(); }
  void Clear() { values_.clear(); }
  void Reserve(int size) { values_.reserve(static_cast<size_t>(size)); }
  void Resize(int size, const T &value) { values_.resize(static_cast<size_t>(size), value); }
  void Truncate(int size) { values_.resize(static_cast<size_t>(size)); }
  int Capacity() const { return static_cast<int>(values_.capacity()); }
  void CopyFrom(const Repeated &other) { values_ = other.values_; }
  void MergeFrom(const Repeated &other) { Add(other.begin(), other.end()); }
  void Swap(Repeated *other) { values_.swap(other->values_); }

  const T *data() const { return values_.data(); }
  T *mutable_data() { return values_.data(); }

  iterator begin() { return values_.begin(); }
  iterator end() { return values_.end(); }
  const_iterator begin() const { return values_.begin(); }
  const_iterator end() const { return values_.end(); }
  const_iterator cbegin() const { return values_.begin(); }
  const_iterator cend() const { return values_.end(); }

 private:
  std::vector<T> values_;
};

// Entries of a map field, in the order of their keys.
template <typename Value>
class Map : public std::map<std::string, Value> {
 public:
  bool contains(const std::string &key) const { return this->count(key) != 0; }
};

}  // namespace grps::protos::v1
