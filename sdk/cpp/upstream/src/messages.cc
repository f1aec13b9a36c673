// Encoding, decoding and description of the messages in grps.pb.h.
#include <sstream>

#include "grps.pb.h"
#include "wire.h"

namespace grps::protos::v1 {
namespace {

using detail::Reader;
using detail::Writer;

const std::string &NameIn(const std::string *names, int count, int value) {
  static const std::string none;
  return value >= 0 && value < count ? names[value] : none;
}

// The fields of a message as lines for people; fields with their default value are left out.
class Lines {
 public:
  Lines(std::string end, std::string indent) : end_(std::move(end)), indent_(std::move(indent)) {}

  template <typename T>
  void Value(const char *name, const T &value) {
    text_ << indent_ << name << ": " << value << end_;
  }
  void Text(const char *name, const std::string &value) {
    text_ << indent_ << name << ": \"";
    for (const char letter : value) Letter(letter);
    text_ << '"' << end_;
  }
  template <typename T>
  void Numbers(const char *name, const Repeated<T> &values) {
    for (const T value : values) Value(name, value);
  }
  void Texts(const char *name, const Repeated<std::string> &values) {
    for (const std::string &value : values) Text(name, value);
  }
  template <typename M>
  void Nested(const char *name, const M &message) {
    text_ << indent_ << name << " {" << end_ << message.Describe(end_, Deeper()) << indent_ << '}'
          << end_;
  }
  template <typename T>
  void Entries(const char *name, const Map<T> &map) {
    for (const auto &[key, value] : map) {
      Lines entry(end_, Deeper());
      entry.Text("key", key);
      if constexpr (std::is_class_v<T>) {
        entry.Text("value", value);
      } else {
        entry.Value("value", value);
      }
      text_ << indent_ << name << " {" << end_ << entry.text() << indent_ << '}' << end_;
    }
  }
  std::string text() const { return text_.str(); }

 private:
  std::string Deeper() const { return end_ == "\n" ? indent_ + "  " : ""; }
  void Letter(char letter) {
    static constexpr char digits[] = "01234567";
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      text_ << '\\' << letter;
    } else if (letter == '\n') {
      text_ << "\\n";
    } else if (code < 0x20 || code >= 0x7f) {
      text_ << '\\' << digits[code >> 6] << digits[code >> 3 & 7] << digits[code & 7];
    } else {
      text_ << letter;
    }
  }

  std::ostringstream text_;
  std::string end_;
  std::string indent_;
};

}  // namespace

const std::string &DataType_Name(int value) {
  static const std::string names[] = {"DT_INVALID", "DT_UINT8", "DT_INT8",    "DT_INT16",
                                      "DT_INT32",   "DT_INT64", "DT_FLOAT16", "DT_FLOAT32",
                                      "DT_FLOAT64", "DT_STRING"};
  return NameIn(names, 10, value);
}

const std::string &Status::StatusFlag_Name(int value) {
  static const std::string names[] = {"UNKNOWN", "SUCCESS", "FAILURE"};
  return NameIn(names, 3, value);
}

#define GRPS_DEFAULT_INSTANCE(type)      \
  const type &type::default_instance() { \
    static const type instance;          \
    return instance;                     \
  }

GRPS_DEFAULT_INSTANCE(Status)
GRPS_DEFAULT_INSTANCE(GenericTensor)
GRPS_DEFAULT_INSTANCE(GenericTensorData)
GRPS_DEFAULT_INSTANCE(NDArrayData)
GRPS_DEFAULT_INSTANCE(GenericMapData)
GRPS_DEFAULT_INSTANCE(GrpsMessage)
GRPS_DEFAULT_INSTANCE(EmptyGrpsMessage)
#undef GRPS_DEFAULT_INSTANCE

void Status::Encode(std::string *output) const {
  Writer writer(output);
  writer.Value(1, code_);
  writer.Text(2, msg_);
  writer.Value(3, static_cast<int32_t>(status_));
}

bool Status::Decode(const char *data, size_t size) {
  Reader reader(data, size);
  while (reader.Next()) {
    int32_t status = status_;
    switch (reader.field()) {
      case 1:
        reader.Value(&code_);
        break;
      case 2:
        reader.Text(&msg_);
        break;
      case 3:
        reader.Value(&status);
        status_ = static_cast<StatusFlag>(status);
        break;
      default:
        reader.Skip();
    }
  }
  return reader.ok();
}

std::string Status::Describe(const std::string &end, const std::string &indent) const {
  Lines lines(end, indent);
  if (code_ != 0) lines.Value("code", code_);
  if (!msg_.empty()) lines.Text("msg", msg_);
  if (status_ != UNKNOWN) lines.Value("status", StatusFlag_Name(status_));
  return lines.text();
}

void GenericTensor::Encode(std::string *output) const {
  Writer writer(output);
  writer.Text(1, name_);
  writer.Value(2, static_cast<int32_t>(dtype_));
  writer.Numbers(3, shape_);
  writer.Numbers(4, flat_uint8_);
  writer.Numbers(5, flat_int8_);
  writer.Numbers(6, flat_int16_);
  writer.Numbers(7, flat_int32_);
  writer.Numbers(8, flat_int64_);
  writer.Numbers(9, flat_float16_);
  writer.Numbers(10, flat_float32_);
  writer.Numbers(11, flat_float64_);
  writer.Texts(12, flat_string_);
  writer.Texts(100, flat_bytes_);
}

bool GenericTensor::Decode(const char *data, size_t size) {
  Reader reader(data, size);
  int32_t dtype = dtype_;
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        reader.Text(&name_);
        break;
      case 2:
        reader.Value(&dtype);
        break;
      case 3:
        reader.Numbers(&shape_);
        break;
      case 4:
        reader.Numbers(&flat_uint8_);
        break;
      case 5:
        reader.Numbers(&flat_int8_);
        break;
      case 6:
        reader.Numbers(&flat_int16_);
        break;
      case 7:
        reader.Numbers(&flat_int32_);
        break;
      case 8:
        reader.Numbers(&flat_int64_);
        break;
      case 9:
        reader.Numbers(&flat_float16_);
        break;
      case 10:
        reader.Numbers(&flat_float32_);
        break;
      case 11:
        reader.Numbers(&flat_float64_);
        break;
      case 12:
        reader.Text(flat_string_.Add());
        break;
      case 100:
        reader.Text(flat_bytes_.Add());
        break;
      default:
        reader.Skip();
    }
  }
  dtype_ = static_cast<DataType>(dtype);
  return reader.ok();
}

std::string GenericTensor::Describe(const std::string &end, const std::string &indent) const {
  Lines lines(end, indent);
  if (!name_.empty()) lines.Text("name", name_);
  if (dtype_ != DT_INVALID) lines.Value("dtype", DataType_Name(dtype_));
  lines.Numbers("shape", shape_);
  lines.Numbers("flat_uint8", flat_uint8_);
  lines.Numbers("flat_int8", flat_int8_);
  lines.Numbers("flat_int16", flat_int16_);
  lines.Numbers("flat_int32", flat_int32_);
  lines.Numbers("flat_int64", flat_int64_);
  lines.Numbers("flat_float16", flat_float16_);
  lines.Numbers("flat_float32", flat_float32_);
  lines.Numbers("flat_float64", flat_float64_);
  lines.Texts("flat_string", flat_string_);
  lines.Texts("flat_bytes", flat_bytes_);
  return lines.text();
}

void GenericTensorData::Encode(std::string *output) const {
  Writer writer(output);
  for (const GenericTensor &tensor : tensors_) writer.Nested(1, tensor);
}

bool GenericTensorData::Decode(const char *data, size_t size) {
  Reader reader(data, size);
  while (reader.Next()) {
    if (reader.field() == 1) {
      reader.Nested(tensors_.Add());
    } else {
      reader.Skip();
    }
  }
  return reader.ok();
}

std::string GenericTensorData::Describe(const std::string &end, const std::string &indent) const {
  Lines lines(end, indent);
  for (const GenericTensor &tensor : tensors_) lines.Nested("tensors", tensor);
  return lines.text();
}

void NDArrayData::Encode(std::string *) const {}
bool NDArrayData::Decode(const char *, size_t) { return true; }
std::string NDArrayData::Describe(const std::string &, const std::string &) const { return ""; }
void EmptyGrpsMessage::Encode(std::string *) const {}
bool EmptyGrpsMessage::Decode(const char *, size_t) { return true; }
std::string EmptyGrpsMessage::Describe(const std::string &, const std::string &) const {
  return "";
}

void GenericMapData::Encode(std::string *output) const {
  Writer writer(output);
  writer.Entries(1, s_s_);
  writer.Entries(2, s_b_);
  writer.Entries(3, s_i32_);
  writer.Entries(4, s_i64_);
  writer.Entries(5, s_f_);
  writer.Entries(6, s_d_);
}

bool GenericMapData::Decode(const char *data, size_t size) {
  Reader reader(data, size);
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        reader.Entry(&s_s_);
        break;
      case 2:
        reader.Entry(&s_b_);
        break;
      case 3:
        reader.Entry(&s_i32_);
        break;
      case 4:
        reader.Entry(&s_i64_);
        break;
      case 5:
        reader.Entry(&s_f_);
        break;
      case 6:
        reader.Entry(&s_d_);
        break;
      default:
        reader.Skip();
    }
  }
  return reader.ok();
}

std::string GenericMapData::Describe(const std::string &end, const std::string &indent) const {
  Lines lines(end, indent);
  lines.Entries("s_s", s_s_);
  lines.Entries("s_b", s_b_);
  lines.Entries("s_i32", s_i32_);
  lines.Entries("s_i64", s_i64_);
  lines.Entries("s_f", s_f_);
  lines.Entries("s_d", s_d_);
  return lines.text();
}

void GrpsMessage::Select(DataOneofCase field) {
  if (case_ == field) return;
  bin_data_.clear();
  str_data_.clear();
  gtensors_.Clear();
  gmap_.Clear();
  case_ = field;
}

void GrpsMessage::Encode(std::string *output) const {
  Writer writer(output);
  if (has_status_) writer.Nested(1, status_);
  writer.Text(2, model_);
  switch (case_) {
    case DATA_ONEOF_NOT_SET:
      break;
    case kBinData:
      writer.TextOrEmpty(kBinData, bin_data_);
      break;
    case kStrData:
      writer.TextOrEmpty(kStrData, str_data_);
      break;
    case kGtensors:
      writer.Nested(kGtensors, gtensors_);
      break;
    case kNdarray:
      writer.Nested(kNdarray, ndarray_);
      break;
    case kGmap:
      writer.Nested(kGmap, gmap_);
      break;
  }
}

bool GrpsMessage::Decode(const char *data, size_t size) {
  Reader reader(data, size);
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        reader.Nested(mutable_status());
        break;
      case 2:
        reader.Text(&model_);
        break;
      case kBinData:
        reader.Text(mutable_bin_data());
        break;
      case kStrData:
        reader.Text(mutable_str_data());
        break;
      case kGtensors:
        reader.Nested(mutable_gtensors());
        break;
      case kNdarray:
        reader.Nested(mutable_ndarray());
        break;
      case kGmap:
        reader.Nested(mutable_gmap());
        break;
      default:
        reader.Skip();
    }
  }
  return reader.ok();
}

std::string GrpsMessage::Describe(const std::string &end, const std::string &indent) const {
  Lines lines(end, indent);
  if (has_status_) lines.Nested("status", status_);
  if (!model_.empty()) lines.Text("model", model_);
  if (case_ == kBinData) lines.Text("bin_data", bin_data_);
  if (case_ == kStrData) lines.Text("str_data", str_data_);
  if (case_ == kGtensors) lines.Nested("gtensors", gtensors_);
  if (case_ == kNdarray) lines.Nested("ndarray", ndarray_);
  if (case_ == kGmap) lines.Nested("gmap", gmap_);
  return lines.text();
}

}  // namespace grps::protos::v1
