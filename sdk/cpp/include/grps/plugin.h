/* Native code that runs as a model of a GRPS service. C11 and C++17; needs neither Rust nor Python.
 * plugin.hpp beside this file is the same for C++ with types, exceptions and RAII.
 *
 * A plugin is a shared library that exports grps_plugin_open. It gets the table of the host and
 * returns its own, with the classes of inferers that it has. A model of inference.yml names one of
 * them: `inferer_type: plugin`, `inferer_path: ./libNAME.so`, `inferer_name: CLASS`.
 *
 * Rules
 * - Structs begin with their size, and later versions only append to them. Whoever makes a struct
 *   sets struct_size to the size that it knows.
 * - Texts are UTF-8 with a length, without a zero at the end unless it is said.
 * - Pointers that a function takes are borrowed for the call. Pointers that it returns or fills in
 *   are valid until the function of the plugin that is running returns.
 * - No exception and no longjmp may leave a function of a plugin.
 * - A library is never unloaded.
 *
 * This interface is frozen: while MAJOR is 1 it only grows, and a plugin that was built with an
 * older minor version runs. */
#ifndef GRPS_PLUGIN_H
#define GRPS_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

/* Ends the declaration of every function: none may throw. */
#ifdef __cplusplus
#define GRPS_NOEXCEPT noexcept
extern "C" {
#else
#define GRPS_NOEXCEPT
#endif

/* A plugin is loaded if its major version is the host's and its minor version is not newer. */
#define GRPS_PLUGIN_MAJOR 1
#define GRPS_PLUGIN_MINOR 2

/* Element types of tensors. */
enum grps_dtype {
  GRPS_BOOL = 0, /* a byte each, 0 or 1 */
  GRPS_UINT8 = 1,
  GRPS_UINT16 = 2,
  GRPS_UINT32 = 3,
  GRPS_UINT64 = 4,
  GRPS_INT8 = 5,
  GRPS_INT16 = 6,
  GRPS_INT32 = 7,
  GRPS_INT64 = 8,
  GRPS_FLOAT16 = 9,
  GRPS_BFLOAT16 = 10,
  GRPS_FLOAT32 = 11,
  GRPS_FLOAT64 = 12,
  GRPS_STRING = 13 /* byte strings of any length each */
};

/* What functions return. Functions of a plugin return GRPS_OK, or anything else for a failure,
 * after a call of grps_host.fail. */
enum grps_status {
  GRPS_OK = 0,            /* done */
  GRPS_ERROR = 1,         /* the call was wrong; its message fails the batch */
  GRPS_CLIENT_LEFT = 2,   /* nobody receives any more: stop */
  GRPS_NOT_STREAMING = 3, /* the client takes one whole output */
  GRPS_NONE = 4,          /* there is no such thing */
  GRPS_CALL_FAILED = 5    /* the called model failed */
};

/* Kinds of failures. 400 to 499 are faults of the client, with this HTTP status. */
enum grps_failure {
  GRPS_FAILED = 1, /* the run failed */
  GRPS_BROKEN = 2, /* the inferer is unusable: it is destroyed, and another one is created */
  GRPS_PLAIN = 3   /* as GRPS_FAILED, but what fail_request says reaches the client as it is, empty
                      or not, without the identifier by which the log names the request */
};

/* What an inferer is called with; flags of its class. */
enum grps_class_flag {
  GRPS_TAKES_MESSAGES = 1 /* encoded GrpsMessages of single requests; without it joined tensors */
};

/* Flags of an HTTP request. */
enum grps_http_flag {
  GRPS_HTTP_STREAMING = 1 /* the client requested a stream */
};

/* Levels of lines in the log. */
enum grps_log_level { GRPS_DEBUG = 0, GRPS_INFO = 1, GRPS_WARNING = 2, GRPS_ERROR_LEVEL = 3 };

/* Kinds of values in the arguments of a model. */
enum grps_kind {
  GRPS_MISSING = 0, /* there is no such value */
  GRPS_NULL = 1,
  GRPS_BOOLEAN = 2,
  GRPS_INTEGER = 3,
  GRPS_NUMBER = 4,
  GRPS_TEXT = 5,
  GRPS_LIST = 6,
  GRPS_MAP = 7
};

typedef struct grps_error grps_error;     /* where a failure is described */
typedef struct grps_args grps_args;       /* inferer_args of a model */
typedef struct grps_batch grps_batch;     /* requests that run together, for one call of infer */
typedef struct grps_request grps_request; /* one of them */
typedef struct grps_outputs grps_outputs; /* tensors on their way out */
typedef struct grps_signature grps_signature; /* inputs and outputs of a model */
typedef struct grps_call grps_call;           /* a call of another model */
typedef struct grps_slots grps_slots;         /* slots of a step model */

/* A tensor: row-major elements without gaps, in the memory of the CPU. */
typedef struct grps_tensor {
  uint32_t struct_size;
  int32_t dtype; /* a grps_dtype */
  uint32_t rank; /* dimensions, at most 32; 0 for a scalar */
  uint32_t reserved;
  const int64_t *shape;    /* `rank` dimensions, outermost first; may be NULL for a scalar */
  const void *data;        /* the elements, aligned to their type; NULL for strings */
  uint64_t bytes;          /* size of the elements; 0 for strings */
  const uint64_t *offsets; /* strings only: where each begins in `text`, and the end of the last */
  const char *text;        /* strings only: all of them, one behind the other */
  const char *name;        /* may be NULL when name_length is 0 */
  uint64_t name_length;    /* its bytes */
} grps_tensor;

/* A value in the arguments of a model. */
typedef struct grps_value {
  uint32_t struct_size;
  int32_t kind;     /* a grps_kind */
  int64_t integer;  /* of GRPS_INTEGER; 0 or 1 of GRPS_BOOLEAN */
  double number;    /* of GRPS_INTEGER and GRPS_NUMBER */
  const char *text; /* of GRPS_TEXT */
  uint64_t length;  /* bytes of a text, entries of a list or map */
} grps_value;

/* A borrowed text. */
typedef struct grps_text {
  const char *data; /* may be NULL when length is 0 */
  uint64_t length;  /* its bytes */
} grps_text;

/* A header of HTTP. A value need not be UTF-8 in a request. */
typedef struct grps_http_header {
  grps_text name;  /* in lower case in a request */
  grps_text value; /* without the name and the colon */
} grps_http_header;

/* An HTTP request as it came (`customized_predict_http` of server.yml); valid until infer returns.
 */
typedef struct grps_http_request {
  uint32_t struct_size;
  uint32_t flags;     /* of grps_http_flag */
  grps_text method;   /* such as POST */
  grps_text path;     /* as sent, percent-encoded */
  grps_text query;    /* as sent, without the question mark */
  grps_text peer;     /* address of the other end of the connection */
  uint32_t peer_port; /* its port */
  uint32_t reserved;
  grps_text body;                  /* decoded, if it had a content coding */
  const grps_http_header *headers; /* `header_count` of them */
  uint64_t header_count;           /* how many headers */
} grps_http_request;

/* The response of a plugin to an HTTP request. */
typedef struct grps_http_response {
  uint32_t struct_size;
  int32_t status;                  /* from 200 to 999 */
  const grps_http_header *headers; /* `header_count` of them */
  uint64_t header_count;           /* without Content-Length, which the server sets */
  grps_text body;                  /* the whole body; not sent if send_body is called */
} grps_http_response;

/* What an inferer is created by. Texts end with a zero and are never NULL. */
typedef struct grps_settings {
  uint32_t struct_size;
  uint32_t instance;     /* which copy of the model it is, from 0 */
  const char *model;     /* its name and version, such as "vad-1.0.0" */
  const char *folder;    /* the project, which relative paths start from */
  const char *library;   /* the file of the plugin */
  const char *device;    /* `device` of inference.yml; empty without one */
  const char *json;      /* inferer_args as JSON, which is YAML as well */
  const grps_args *args; /* the same, for grps_host.argument */
} grps_settings;

/* Gives lent memory back. Called once, on any thread. */
typedef void (*grps_release)(void *context) GRPS_NOEXCEPT;

/* What the host offers. The table is valid until the process ends.
 *
 * Functions on a batch are called by the thread that runs infer; the others by any thread, those on
 * requests and outputs until infer returns, or the function of a step model that got them. */
typedef struct grps_host {
  uint32_t struct_size;
  uint32_t major; /* GRPS_PLUGIN_MAJOR of the host */
  uint32_t minor; /* GRPS_PLUGIN_MINOR of the host */
  uint32_t reserved;
  const char *version; /* of GRPS; ends with a zero */

  /* Writes a line to the log of the server. */
  void (*log)(int32_t level, const char *text, uint64_t length) GRPS_NOEXCEPT;
  /* Records a metric, as grps_monitor_api.record of monitor.h does. */
  int32_t (*record)(int32_t kind, const char *name, size_t length, double value) GRPS_NOEXCEPT;
  /* Describes why a function of the plugin fails; a grps_failure, or an HTTP status from 400 to
   * 499. */
  void (*fail)(grps_error *error, int32_t failure, const char *text, uint64_t length) GRPS_NOEXCEPT;
  /* Looks up a value by its JSON pointer (RFC 6901), such as "/labels/0"; "" for all of them. */
  int32_t (*argument)(const grps_args *args, const char *pointer, uint64_t length,
                      grps_value *value) GRPS_NOEXCEPT;

  /* How many requests run together. */
  uint64_t (*request_count)(const grps_batch *batch) GRPS_NOEXCEPT;
  /* Rows that each output of the batch must have; UINT64_MAX when the only request takes any. */
  uint64_t (*rows)(const grps_batch *batch) GRPS_NOEXCEPT;
  /* How many inputs the batch has. */
  uint64_t (*input_count)(const grps_batch *batch) GRPS_NOEXCEPT;
  /* Fills in a view of an input: the rows of all requests. */
  int32_t (*input)(const grps_batch *batch, uint64_t index, grps_tensor *view) GRPS_NOEXCEPT;
  /* The outputs of the whole batch, of which each request gets its rows. NULL for a wrong call. */
  grps_outputs *(*batch_outputs)(const grps_batch *batch)GRPS_NOEXCEPT;
  /* A single request. NULL for a wrong call. */
  grps_request *(*request)(const grps_batch *batch, uint64_t index)GRPS_NOEXCEPT;

  /* The identifier of a request, as in the log. */
  const char *(*request_id)(const grps_request *request, uint64_t *length)GRPS_NOEXCEPT;
  /* Its rows in the inputs. */
  int32_t (*request_rows)(const grps_request *request, uint64_t *first,
                          uint64_t *count) GRPS_NOEXCEPT;
  /* Whether the client takes chunks. */
  int32_t (*is_streaming)(const grps_request *request) GRPS_NOEXCEPT;
  /* Whether nobody waits any more: the client left, or the deadline passed. */
  int32_t (*is_cancelled)(const grps_request *request) GRPS_NOEXCEPT;
  /* Microseconds until the client stops waiting; INT64_MAX without a deadline. */
  int64_t (*remaining_us)(const grps_request *request) GRPS_NOEXCEPT;
  /* Fails one request of the batch; the others go on. */
  int32_t (*fail_request)(grps_request *request, int32_t failure, const char *text,
                          uint64_t length) GRPS_NOEXCEPT;
  /* Outputs of this request alone: its answer, or its next chunk. It takes no part of the outputs
   * of the batch then. NULL for a wrong call. */
  grps_outputs *(*request_outputs)(grps_request *request)GRPS_NOEXCEPT;
  /* Sends the outputs of this request as a chunk, and waits while the client is slow. */
  int32_t (*send_chunk)(grps_request *request) GRPS_NOEXCEPT;

  /* Adds a tensor of this name, type and shape, and returns the memory for its elements: zeroed,
   * aligned to 64 bytes, to be written until infer returns or the chunk is sent. No strings. */
  int32_t (*allocate)(grps_outputs *outputs, const grps_tensor *like, void **data) GRPS_NOEXCEPT;
  /* Adds a copy of a tensor. */
  int32_t (*copy)(grps_outputs *outputs, const grps_tensor *tensor) GRPS_NOEXCEPT;
  /* Adds a tensor whose memory does not change until release(context) is called, which happens once
   * in every case, also when the tensor is refused. No strings. */
  int32_t (*lend)(grps_outputs *outputs, const grps_tensor *tensor, grps_release release,
                  void *context) GRPS_NOEXCEPT;

  /* The encoded GrpsMessage of a request, with GRPS_TAKES_MESSAGES; NULL without it. */
  const void *(*message)(const grps_request *request, uint64_t *length)GRPS_NOEXCEPT;
  /* Makes a copy of an encoded GrpsMessage the outputs of a request, in place of tensors. */
  int32_t (*put_message)(grps_outputs *outputs, const void *data, uint64_t length) GRPS_NOEXCEPT;

  /* Fills in the HTTP request, if the plugin is to respond to it itself: for a class with
   * GRPS_TAKES_MESSAGES, whose message is then empty. GRPS_NONE for other requests. */
  int32_t (*http_request)(const grps_request *request, grps_http_request *view) GRPS_NOEXCEPT;
  /* Sets a copy of the HTTP response, which replaces an earlier one, until the first part of the
   * body was sent. A request that then fails has its response all the same. */
  int32_t (*respond)(grps_request *request, const grps_http_response *response) GRPS_NOEXCEPT;
  /* Sends a copy of bytes as the next part of the body of the HTTP response, whether or not the
   * client requested a stream, and waits while the client is slow. The status and the headers that
   * were set last go with the first part; their body does not. */
  int32_t (*send_body)(grps_request *request, const void *data, uint64_t length) GRPS_NOEXCEPT;

  /* Keeps data with the request, in place of earlier data: until it has ended, so for the next
   * models of a sequential graph as well, if they run in the same process. `type` says what the
   * data is; with a NULL pointer nothing is kept. release(data) is called once in every case. */
  int32_t (*set_user_data)(grps_request *request, const char *type, uint64_t type_length,
                           void *data, grps_release release) GRPS_NOEXCEPT;
  /* The data that is kept, if it is of this type; NULL otherwise. It is valid until it is replaced,
   * and at least until infer returns if it is not. */
  void *(*user_data)(const grps_request *request, const char *type,
                     uint64_t type_length)GRPS_NOEXCEPT;

  /* Adds an input to a signature, in the model's order: its name, type and shape, of which a
   * negative dimension may have any size. Its elements are not looked at. */
  int32_t (*add_input)(grps_signature *signature, const grps_tensor *like) GRPS_NOEXCEPT;
  /* Adds an output to a signature, as add_input adds an input. */
  int32_t (*add_output)(grps_signature *signature, const grps_tensor *like) GRPS_NOEXCEPT;

  /* Begins a call of another model or graph of the service, by its name or name-version, for a
   * request. end_call frees it, before infer returns. One thread at a time uses it. NULL for a
   * wrong call. */
  grps_call *(*begin_call)(const grps_request *request, const char *model,
                           uint64_t model_length)GRPS_NOEXCEPT;
  /* Where its inputs are added: tensors, or one message. Valid until run_call. */
  grps_outputs *(*call_inputs)(grps_call *call)GRPS_NOEXCEPT;
  /* Runs it, once, and waits for the outputs. It has the deadline of the request and ends when its
   * client leaves: GRPS_CLIENT_LEFT. GRPS_CALL_FAILED when the model failed, or is unknown, or
   * calls this one. */
  int32_t (*run_call)(grps_call *call) GRPS_NOEXCEPT;
  /* How many outputs it has. They are tensors if its inputs are. */
  uint64_t (*call_output_count)(const grps_call *call) GRPS_NOEXCEPT;
  /* Fills in a view of an output, which is valid until end_call. */
  int32_t (*call_output)(const grps_call *call, uint64_t index, grps_tensor *view) GRPS_NOEXCEPT;
  /* Its encoded GrpsMessage; NULL without one. */
  const void *(*call_message)(const grps_call *call, uint64_t *length)GRPS_NOEXCEPT;
  /* Why it failed: fills in a message that is valid until end_call, and returns a grps_failure or
   * an HTTP status from 400 to 499; 0 if it did not fail. */
  int32_t (*call_failure)(const grps_call *call, grps_text *message) GRPS_NOEXCEPT;
  /* Frees it; NULL is nothing. */
  void (*end_call)(grps_call *call) GRPS_NOEXCEPT;

  /* Adds a slot of a step model: its name, and the type and shape of a row. No strings. */
  int32_t (*add_slot)(grps_slots *slots, const grps_tensor *like) GRPS_NOEXCEPT;
  /* How many inputs the request of a sequence has; until begin returns. */
  uint64_t (*request_input_count)(const grps_request *request) GRPS_NOEXCEPT;
  /* Fills in a view of an input of a sequence, which is valid until begin returns. */
  int32_t (*request_input)(const grps_request *request, uint64_t index,
                           grps_tensor *view) GRPS_NOEXCEPT;
  /* How many outputs a sequence has that begins again (`preemption: recompute`), as it lost its
   * state; 0 for one that is new. Until begin returns. */
  uint64_t (*earlier_output_count)(const grps_request *request) GRPS_NOEXCEPT;
  /* Fills in a view of such an output: of all steps that the sequence has made, joined along the
   * first dimension. The sequence goes on behind them. Valid until begin returns. */
  int32_t (*earlier_output)(const grps_request *request, uint64_t index,
                            grps_tensor *view) GRPS_NOEXCEPT;
} grps_host;

/* Sequences that a step model runs together; valid until the function that gets it returns. Element
 * i of each list belongs to sequence i. */
typedef struct grps_sequences {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t count;                /* how many; at least 1 */
  grps_request *const *requests; /* the requests: fail_request fails a sequence alone */
  void *const *states;           /* what begin has set; NULL in begin */
  const uint64_t *rows;          /* the row of each in the slots; in step they are 0 to count - 1 */
  void *const *slots;            /* row 0 of each slot, in the order of add_slot: rows without gaps,
                                    aligned to 64 bytes, to be read and written */
  const uint64_t *starts;        /* in prefill the first position of each; NULL elsewhere */
  const uint64_t *stops; /* in prefill the position behind the last of each; NULL elsewhere */
} grps_sequences;

/* Where a step puts what it returns. Element i of each list belongs to sequence i. */
typedef struct grps_step_result {
  uint32_t struct_size;
  uint32_t reserved;
  grps_outputs *outputs; /* tensors with a row per sequence, the same in each step */
  uint8_t *finished;     /* all 0 before: 1 for a sequence that has ended with this step */
  uint64_t *state_bytes; /* all UINT64_MAX before: the bytes of a state whose size has changed */
} grps_step_result;

/* How a class makes steps (`batching.type: continuous`). The thread of the inferer calls all
 * functions, one after the other; declare is called before there is an inferer.
 *
 * Each sequence has a row in each slot and a state. The host makes the slots, and moves, saves and
 * restores rows between the calls; so a row is found by its number only. The state is a pointer
 * that the host keeps and never follows. */
typedef struct grps_step_class {
  uint32_t struct_size;
  uint32_t reserved;
  /* May be NULL. Adds the slots of a model, once before its copies are created. */
  int32_t (*declare)(const grps_settings *settings, grps_slots *slots,
                     grps_error *error) GRPS_NOEXCEPT;
  /* Begins sequences: writes their rows, which are zeroed, and sets element i of `states`, which is
   * NULL, to the state of sequence i; NULL is a state as well. fail_request refuses one of them: it
   * has begun only if its state is set. After a failure none has begun, and several are tried again
   * one by one. */
  int32_t (*begin)(void *inferer, const grps_sequences *sequences, void **states,
                   grps_error *error) GRPS_NOEXCEPT;
  /* May be NULL. Reads positions of long inputs, with `batching.steps.max_chunk`. A failure fails
   * all of these sequences. */
  int32_t (*prefill)(void *inferer, const grps_sequences *sequences,
                     grps_error *error) GRPS_NOEXCEPT;
  /* Makes one step of each sequence. A failure fails all of these sequences. */
  int32_t (*step)(void *inferer, const grps_sequences *sequences, const grps_step_result *result,
                  grps_error *error) GRPS_NOEXCEPT;
  /* Releases the states of `count` sequences that have ended, for whatever reason: once for each
   * sequence that has begun. */
  void (*end)(void *inferer, void *const *states, uint64_t count) GRPS_NOEXCEPT;
} grps_step_class;

/* A class of inferers. */
typedef struct grps_inferer_class {
  uint32_t struct_size;
  uint32_t flags;   /* of grps_class_flag */
  const char *name; /* ends with a zero; 1 to 128 letters, digits, '.', '_' and '-' */
  /* Loads one copy of a model; NULL after a failure. One thread creates, runs and destroys it. */
  void *(*create)(const grps_settings *settings, grps_error *error)GRPS_NOEXCEPT;
  /* Runs the requests of a batch. */
  int32_t (*infer)(void *inferer, const grps_batch *batch, grps_error *error) GRPS_NOEXCEPT;
  /* Frees the inferer; the last call for it. */
  void (*destroy)(void *inferer) GRPS_NOEXCEPT;

  /* May be NULL. Describes the inputs and outputs of a model, once before its copies are created.
   * Requests are checked against them, and clients can read them. Without inputs, requests of every
   * kind are passed on, as they are without this function. */
  int32_t (*describe)(const grps_settings *settings, grps_signature *signature,
                      grps_error *error) GRPS_NOEXCEPT;
  /* May be NULL. Runs once after create, before the model is ready, unless the model has
   * `warm_up: false`. */
  int32_t (*warm_up)(void *inferer, grps_error *error) GRPS_NOEXCEPT;

  /* NULL unless the inferers are step models; infer may be NULL then, and is not called. */
  const grps_step_class *steps;
} grps_inferer_class;

/* What a plugin offers. All of it is valid until the process ends. */
typedef struct grps_plugin {
  uint32_t struct_size;
  uint32_t major;                            /* GRPS_PLUGIN_MAJOR */
  uint32_t minor;                            /* GRPS_PLUGIN_MINOR */
  uint32_t inferer_count;                    /* from 1 to 1024 */
  const char *name;                          /* for people; ends with a zero */
  const char *version;                       /* for people; ends with a zero */
  const grps_inferer_class *const *inferers; /* `inferer_count` classes with different names */
} grps_plugin;

/* The one function that a plugin exports. Returns NULL after a failure. */
typedef const grps_plugin *(*grps_plugin_open_function)(const grps_host *host,
                                                        grps_error *error)GRPS_NOEXCEPT;

#ifdef __cplusplus
}
#endif

/* The layout is frozen; crates/grps-plugin/src/plugins/abi.rs asserts the same. */
#ifdef __cplusplus
#define GRPS_LAYOUT(condition) static_assert(condition, "the layout of the interface is frozen")
#else
#define GRPS_LAYOUT(condition) _Static_assert(condition, "the layout of the interface is frozen")
#endif
GRPS_LAYOUT(sizeof(void *) == 8);
GRPS_LAYOUT(offsetof(grps_tensor, shape) == 16 && offsetof(grps_tensor, data) == 24);
GRPS_LAYOUT(offsetof(grps_tensor, bytes) == 32 && offsetof(grps_tensor, offsets) == 40);
GRPS_LAYOUT(offsetof(grps_tensor, text) == 48 && offsetof(grps_tensor, name) == 56);
GRPS_LAYOUT(offsetof(grps_tensor, name_length) == 64 && sizeof(grps_tensor) == 72);
GRPS_LAYOUT(offsetof(grps_value, integer) == 8 && offsetof(grps_value, number) == 16);
GRPS_LAYOUT(offsetof(grps_value, text) == 24 && offsetof(grps_value, length) == 32);
GRPS_LAYOUT(sizeof(grps_value) == 40);
GRPS_LAYOUT(offsetof(grps_text, length) == 8 && sizeof(grps_text) == 16);
GRPS_LAYOUT(offsetof(grps_http_header, value) == 16 && sizeof(grps_http_header) == 32);
GRPS_LAYOUT(offsetof(grps_http_request, method) == 8 && offsetof(grps_http_request, path) == 24);
GRPS_LAYOUT(offsetof(grps_http_request, query) == 40 && offsetof(grps_http_request, peer) == 56);
GRPS_LAYOUT(offsetof(grps_http_request, peer_port) == 72);
GRPS_LAYOUT(offsetof(grps_http_request, body) == 80);
GRPS_LAYOUT(offsetof(grps_http_request, headers) == 96);
GRPS_LAYOUT(offsetof(grps_http_request, header_count) == 104);
GRPS_LAYOUT(sizeof(grps_http_request) == 112);
GRPS_LAYOUT(offsetof(grps_http_response, status) == 4);
GRPS_LAYOUT(offsetof(grps_http_response, headers) == 8);
GRPS_LAYOUT(offsetof(grps_http_response, header_count) == 16);
GRPS_LAYOUT(offsetof(grps_http_response, body) == 24 && sizeof(grps_http_response) == 40);
GRPS_LAYOUT(offsetof(grps_settings, model) == 8 && offsetof(grps_settings, folder) == 16);
GRPS_LAYOUT(offsetof(grps_settings, library) == 24 && offsetof(grps_settings, device) == 32);
GRPS_LAYOUT(offsetof(grps_settings, json) == 40 && offsetof(grps_settings, args) == 48);
GRPS_LAYOUT(sizeof(grps_settings) == 56);
GRPS_LAYOUT(offsetof(grps_host, version) == 16 && offsetof(grps_host, log) == 24);
GRPS_LAYOUT(offsetof(grps_host, record) == 32 && offsetof(grps_host, fail) == 40);
GRPS_LAYOUT(offsetof(grps_host, argument) == 48 && offsetof(grps_host, request_count) == 56);
GRPS_LAYOUT(offsetof(grps_host, rows) == 64 && offsetof(grps_host, input_count) == 72);
GRPS_LAYOUT(offsetof(grps_host, input) == 80 && offsetof(grps_host, batch_outputs) == 88);
GRPS_LAYOUT(offsetof(grps_host, request) == 96 && offsetof(grps_host, request_id) == 104);
GRPS_LAYOUT(offsetof(grps_host, request_rows) == 112 && offsetof(grps_host, is_streaming) == 120);
GRPS_LAYOUT(offsetof(grps_host, is_cancelled) == 128 && offsetof(grps_host, remaining_us) == 136);
GRPS_LAYOUT(offsetof(grps_host, fail_request) == 144);
GRPS_LAYOUT(offsetof(grps_host, request_outputs) == 152 && offsetof(grps_host, send_chunk) == 160);
GRPS_LAYOUT(offsetof(grps_host, allocate) == 168 && offsetof(grps_host, copy) == 176);
GRPS_LAYOUT(offsetof(grps_host, lend) == 184 && offsetof(grps_host, message) == 192);
GRPS_LAYOUT(offsetof(grps_host, put_message) == 200 && offsetof(grps_host, http_request) == 208);
GRPS_LAYOUT(offsetof(grps_host, respond) == 216 && offsetof(grps_host, send_body) == 224);
GRPS_LAYOUT(offsetof(grps_host, set_user_data) == 232 && offsetof(grps_host, user_data) == 240);
GRPS_LAYOUT(offsetof(grps_host, add_input) == 248 && offsetof(grps_host, add_output) == 256);
GRPS_LAYOUT(offsetof(grps_host, begin_call) == 264 && offsetof(grps_host, call_inputs) == 272);
GRPS_LAYOUT(offsetof(grps_host, run_call) == 280);
GRPS_LAYOUT(offsetof(grps_host, call_output_count) == 288);
GRPS_LAYOUT(offsetof(grps_host, call_output) == 296 && offsetof(grps_host, call_message) == 304);
GRPS_LAYOUT(offsetof(grps_host, call_failure) == 312 && offsetof(grps_host, end_call) == 320);
GRPS_LAYOUT(offsetof(grps_host, add_slot) == 328);
GRPS_LAYOUT(offsetof(grps_host, request_input_count) == 336);
GRPS_LAYOUT(offsetof(grps_host, request_input) == 344);
GRPS_LAYOUT(offsetof(grps_host, earlier_output_count) == 352);
GRPS_LAYOUT(offsetof(grps_host, earlier_output) == 360 && sizeof(grps_host) == 368);
GRPS_LAYOUT(offsetof(grps_sequences, count) == 8 && offsetof(grps_sequences, requests) == 16);
GRPS_LAYOUT(offsetof(grps_sequences, states) == 24 && offsetof(grps_sequences, rows) == 32);
GRPS_LAYOUT(offsetof(grps_sequences, slots) == 40 && offsetof(grps_sequences, starts) == 48);
GRPS_LAYOUT(offsetof(grps_sequences, stops) == 56 && sizeof(grps_sequences) == 64);
GRPS_LAYOUT(offsetof(grps_step_result, outputs) == 8);
GRPS_LAYOUT(offsetof(grps_step_result, finished) == 16);
GRPS_LAYOUT(offsetof(grps_step_result, state_bytes) == 24 && sizeof(grps_step_result) == 32);
GRPS_LAYOUT(offsetof(grps_step_class, declare) == 8 && offsetof(grps_step_class, begin) == 16);
GRPS_LAYOUT(offsetof(grps_step_class, prefill) == 24 && offsetof(grps_step_class, step) == 32);
GRPS_LAYOUT(offsetof(grps_step_class, end) == 40 && sizeof(grps_step_class) == 48);
GRPS_LAYOUT(offsetof(grps_inferer_class, name) == 8 && offsetof(grps_inferer_class, create) == 16);
GRPS_LAYOUT(offsetof(grps_inferer_class, infer) == 24);
GRPS_LAYOUT(offsetof(grps_inferer_class, destroy) == 32);
GRPS_LAYOUT(offsetof(grps_inferer_class, describe) == 40);
GRPS_LAYOUT(offsetof(grps_inferer_class, warm_up) == 48);
GRPS_LAYOUT(offsetof(grps_inferer_class, steps) == 56 && sizeof(grps_inferer_class) == 64);
GRPS_LAYOUT(offsetof(grps_plugin, major) == 4 && offsetof(grps_plugin, minor) == 8);
GRPS_LAYOUT(offsetof(grps_plugin, inferer_count) == 12 && offsetof(grps_plugin, name) == 16);
GRPS_LAYOUT(offsetof(grps_plugin, version) == 24 && offsetof(grps_plugin, inferers) == 32);
GRPS_LAYOUT(sizeof(grps_plugin) == 40);
#undef GRPS_LAYOUT

#endif
