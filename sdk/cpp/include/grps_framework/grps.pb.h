// The messages of the wire protocol, with the accessors that protoc generates for them, and without
// protobuf: a project may link any version of it, or none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

#include "detail/fields.h"
#include "detail/message.h"
#include "detail/repeated.h"

namespace grps::protos::v1 {

enum DataType : int {
  DT_INVALID = 0,
  DT_UINT8 = 1,
  DT_INT8 = 2,
  DT_INT16 = 3,
  DT_INT32 = 4,
  DT_INT64 = 5,
  DT_FLOAT16 = 6,
  DT_FLOAT32 = 7,
  DT_FLOAT64 = 8,
  DT_STRING = 9
};
// The name of a value, such as DT_FLOAT32; empty for a number without one.
const std::string &DataType_Name(int value);
inline bool DataType_IsValid(int value) { return value >= DT_INVALID && value <= DT_STRING; }

enum Status_StatusFlag : int {
  Status_StatusFlag_UNKNOWN = 0,
  Status_StatusFlag_SUCCESS = 1,
  Status_StatusFlag_FAILURE = 2
};

// Outcome of a call.
class Status : public detail::Message<Status> {
 public:
  using StatusFlag = Status_StatusFlag;
  static constexpr StatusFlag UNKNOWN = Status_StatusFlag_UNKNOWN;
  static constexpr StatusFlag SUCCESS = Status_StatusFlag_SUCCESS;
  static constexpr StatusFlag FAILURE = Status_StatusFlag_FAILURE;
  static const std::string &StatusFlag_Name(int value);

  static const Status &default_instance();
  GRPS_FIELD_VALUE(int32_t, code)
  GRPS_FIELD_TEXT(msg)
  GRPS_FIELD_VALUE(StatusFlag, status)

  void Encode(std::string *output) const;
  bool Decode(const char *data, size_t size);
  std::string Describe(const std::string &end, const std::string &indent) const;

 private:
  int32_t code_ = 0;
  std::string msg_;
  StatusFlag status_ = UNKNOWN;
};

// One tensor; the flat_* field that goes with its type holds the elements in row-major order.
class GenericTensor : public detail::Message<GenericTensor> {
 public:
  static const GenericTensor &default_instance();
  GRPS_FIELD_TEXT(name)
  GRPS_FIELD_VALUE(DataType, dtype)
  GRPS_FIELD_NUMBERS(uint32_t, shape)
  GRPS_FIELD_NUMBERS(uint32_t, flat_uint8)
  GRPS_FIELD_NUMBERS(int32_t, flat_int8)
  GRPS_FIELD_NUMBERS(int32_t, flat_int16)
  GRPS_FIELD_NUMBERS(int32_t, flat_int32)
  GRPS_FIELD_NUMBERS(int64_t, flat_int64)
  GRPS_FIELD_NUMBERS(float, flat_float16)
  GRPS_FIELD_NUMBERS(float, flat_float32)
  GRPS_FIELD_NUMBERS(double, flat_float64)
  GRPS_FIELD_TEXTS(flat_string)
  GRPS_FIELD_TEXTS(flat_bytes)

  void Encode(std::string *output) const;
  bool Decode(const char *data, size_t size);
  std::string Describe(const std::string &end, const std::string &indent) const;

 private:
  std::string name_;
  DataType dtype_ = DT_INVALID;
  Repeated<uint32_t> shape_;
  Repeated<uint32_t> flat_uint8_;
  Repeated<int32_t> flat_int8_;
  Repeated<int32_t> flat_int16_;
  Repeated<int32_t> flat_int32_;
  Repeated<int64_t> flat_int64_;
  Repeated<float> flat_float16_;
  Repeated<float> flat_float32_;
  Repeated<double> flat_float64_;
  Repeated<std::string> flat_string_;
  Repeated<std::string> flat_bytes_;
};

class GenericTensorData : public detail::Message<GenericTensorData> {
 public:
  static const GenericTensorData &default_instance();
  GRPS_FIELD_MESSAGES(GenericTensor, tensors)

  void Encode(std::string *output) const;
  bool Decode(const char *data, size_t size);
  std::string Describe(const std::string &end, const std::string &indent) const;

 private:
  Repeated<GenericTensor> tensors_;
};

// A nested JSON array; the server turns it into a tensor before a project sees it.
class NDArrayData : public detail::Message<NDArrayData> {
 public:
  static const NDArrayData &default_instance();
  void Encode(std::string *output) const;
  bool Decode(const char *data, size_t size);
  std::string Describe(const std::string &end, const std::string &indent) const;
};

class GenericMapData : public detail::Message<GenericMapData> {
 public:
  static const GenericMapData &default_instance();
  GRPS_FIELD_MAP(std::string, s_s)
  GRPS_FIELD_MAP(std::string, s_b)
  GRPS_FIELD_MAP(int32_t, s_i32)
  GRPS_FIELD_MAP(int64_t, s_i64)
  GRPS_FIELD_MAP(float, s_f)
  GRPS_FIELD_MAP(double, s_d)

  void Encode(std::string *output) const;
  bool Decode(const char *data, size_t size);
  std::string Describe(const std::string &end, const std::string &indent) const;

 private:
  Map<std::string> s_s_;
  Map<std::string> s_b_;
  Map<int32_t> s_i32_;
  Map<int64_t> s_i64_;
  Map<float> s_f_;
  Map<double> s_d_;
};

// A field of the oneof that holds a message.
#define GRPS_ONEOF_MESSAGE(type, name, number)        \
  const type &name() const { return name##_; }        \
  type *mutable_##name() {                            \
    Select(number);                                   \
    return &name##_;                                  \
  }                                                   \
  bool has_##name() const { return case_ == number; } \
  void clear_##name() { Deselect(number); }

class GrpsMessage : public detail::Message<GrpsMessage> {
 public:
  enum DataOneofCase {
    DATA_ONEOF_NOT_SET = 0,
    kBinData = 3,
    kStrData = 4,
    kGtensors = 5,
    kNdarray = 6,
    kGmap = 7
  };

  static const GrpsMessage &default_instance();

  const Status &status() const { return status_; }
  Status *mutable_status() {
    has_status_ = true;
    return &status_;
  }
  bool has_status() const { return has_status_; }
  void clear_status() {
    has_status_ = false;
    status_.Clear();
  }
  GRPS_FIELD_TEXT(model)

  // At most one of these is set: to change one clears the others.
  DataOneofCase data_oneof_case() const { return case_; }
  void clear_data_oneof() { Select(DATA_ONEOF_NOT_SET); }
  GRPS_FIELD_TEXT_OF(bin_data, Select(kBinData))
  bool has_bin_data() const { return case_ == kBinData; }
  void clear_bin_data() { Deselect(kBinData); }
  GRPS_FIELD_TEXT_OF(str_data, Select(kStrData))
  bool has_str_data() const { return case_ == kStrData; }
  void clear_str_data() { Deselect(kStrData); }
  GRPS_ONEOF_MESSAGE(GenericTensorData, gtensors, kGtensors)
  GRPS_ONEOF_MESSAGE(NDArrayData, ndarray, kNdarray)
  GRPS_ONEOF_MESSAGE(GenericMapData, gmap, kGmap)

  void Encode(std::string *output) const;
  bool Decode(const char *data, size_t size);
  std::string Describe(const std::string &end, const std::string &indent) const;

 private:
  void Select(DataOneofCase field);
  void Deselect(DataOneofCase field) {
    if (case_ == field) Select(DATA_ONEOF_NOT_SET);
  }

  bool has_status_ = false;
  DataOneofCase case_ = DATA_ONEOF_NOT_SET;
  Status status_;
  std::string model_;
  std::string bin_data_;
  std::string str_data_;
  GenericTensorData gtensors_;
  NDArrayData ndarray_;
  GenericMapData gmap_;
};

class EmptyGrpsMessage : public detail::Message<EmptyGrpsMessage> {
 public:
  static const EmptyGrpsMessage &default_instance();
  void Encode(std::string *output) const;
  bool Decode(const char *data, size_t size);
  std::string Describe(const std::string &end, const std::string &indent) const;
};

}  // namespace grps::protos::v1

#undef GRPS_ONEOF_MESSAGE
#undef GRPS_FIELD_VALUE
#undef GRPS_FIELD_TEXT_OF
#undef GRPS_FIELD_TEXT
#undef GRPS_FIELD_NUMBERS
#undef GRPS_FIELD_TEXTS
#undef GRPS_FIELD_MESSAGES
#undef GRPS_FIELD_MAP
