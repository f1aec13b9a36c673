// Accessors of the fields of messages, named as protoc names them. For detail and grps.pb.h only.

// A number or an enumeration.
#define GRPS_FIELD_VALUE(type, name)               \
  type name() const { return name##_; }            \
  void set_##name(type value) { name##_ = value; } \
  void clear_##name() { name##_ = {}; }

// A text or bytes. `set` runs before a change, which is how a oneof selects the field.
#define GRPS_FIELD_TEXT_OF(name, set)                      \
  const std::string &name() const { return name##_; }      \
  void set_##name(const std::string &value) {              \
    set;                                                   \
    name##_ = value;                                       \
  }                                                        \
  void set_##name(std::string &&value) {                   \
    set;                                                   \
    name##_ = std::move(value);                            \
  }                                                        \
  void set_##name(const char *value) {                     \
    set;                                                   \
    name##_ = value;                                       \
  }                                                        \
  void set_##name(const void *data, size_t size) {         \
    set;                                                   \
    name##_.assign(static_cast<const char *>(data), size); \
  }                                                        \
  std::string *mutable_##name() {                          \
    set;                                                   \
    return &name##_;                                       \
  }

#define GRPS_FIELD_TEXT(name)       \
  GRPS_FIELD_TEXT_OF(name, (void)0) \
  void clear_##name() { name##_.clear(); }

// Numbers.
#define GRPS_FIELD_NUMBERS(type, name)                                  \
  int name##_size() const { return name##_.size(); }                    \
  type name(int index) const { return name##_.Get(index); }             \
  void set_##name(int index, type value) { name##_.Set(index, value); } \
  void add_##name(type value) { name##_.Add(value); }                   \
  const Repeated<type> &name() const { return name##_; }                \
  Repeated<type> *mutable_##name() { return &name##_; }                 \
  void clear_##name() { name##_.Clear(); }

// Texts or bytes.
#define GRPS_FIELD_TEXTS(name)                                                        \
  int name##_size() const { return name##_.size(); }                                  \
  const std::string &name(int index) const { return name##_.Get(index); }             \
  std::string *mutable_##name(int index) { return name##_.Mutable(index); }           \
  void set_##name(int index, const std::string &value) { name##_.Set(index, value); } \
  std::string *add_##name() { return name##_.Add(); }                                 \
  void add_##name(const std::string &value) { name##_.Add(value); }                   \
  void add_##name(std::string &&value) { name##_.Add(std::move(value)); }             \
  void add_##name(const char *value) { name##_.Add(std::string(value)); }             \
  void add_##name(const void *data, size_t size) {                                    \
    name##_.Add(std::string(static_cast<const char *>(data), size));                  \
  }                                                                                   \
  const Repeated<std::string> &name() const { return name##_; }                       \
  Repeated<std::string> *mutable_##name() { return &name##_; }                        \
  void clear_##name() { name##_.Clear(); }

// Messages.
#define GRPS_FIELD_MESSAGES(type, name)                              \
  int name##_size() const { return name##_.size(); }                 \
  const type &name(int index) const { return name##_.Get(index); }   \
  type *mutable_##name(int index) { return name##_.Mutable(index); } \
  type *add_##name() { return name##_.Add(); }                       \
  const Repeated<type> &name() const { return name##_; }             \
  Repeated<type> *mutable_##name() { return &name##_; }              \
  void clear_##name() { name##_.Clear(); }

// A map.
#define GRPS_FIELD_MAP(type, name)                                     \
  int name##_size() const { return static_cast<int>(name##_.size()); } \
  const Map<type> &name() const { return name##_; }                    \
  Map<type> *mutable_##name() { return &name##_; }                     \
  void clear_##name() { name##_.clear(); }
