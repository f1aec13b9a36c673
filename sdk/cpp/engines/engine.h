/* An engine whose library has a C++ interface, such as libtorch, for grps-server and for native
 * threads of Python's server.
 *
 * A shim is built once for each installed version of the engine and implements this interface. It
 * is private: the shim and its host are of one version of GRPS, so it changes without notice.
 * Tensors, texts, errors and outputs are those of plugin.h, and so are its rules: structs begin
 * with their size, what a function takes is borrowed for the call, no exception leaves a function,
 * and a library is never unloaded. Any thread may call the functions, for one model one at a time.
 */
#ifndef GRPS_ENGINE_H
#define GRPS_ENGINE_H

#include <grps/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A shim is loaded if its version is the host's. */
#define GRPS_ENGINE_VERSION 1

/* Behind the name of what only the engine in Python can do. */
#define GRPS_NEEDS_PYTHON \
  " is not possible in native code; inferer_args.native: false runs it in Python"

/* Kinds of failures of a run besides those of grps_failure. 400 is certainly the client's fault,
 * GRPS_FAILED certainly not. */
enum grps_engine_failure {
  GRPS_UNJUDGED = 422 /* the text is the engine's: the host finds out whose fault it describes */
};

/* What is not known of a tensor: its element type, or its rank. */
enum grps_engine_unknown { GRPS_UNKNOWN = -1 };

/* Flags of a tensor of a signature. */
enum grps_engine_tensor_flag {
  GRPS_OPTIONAL = 1 /* an input that may be left out, as may all after it */
};

/* Flags of a signature. */
enum grps_engine_signature_flag {
  GRPS_STRICT_NAMES = 1 /* inputs go by name; without it their order counts where names differ */
};

/* What a copy of a model is loaded by. Texts end with a zero and are never NULL. */
typedef struct grps_engine_settings {
  uint32_t struct_size;
  uint32_t threads;      /* the processors that a run may keep busy, at least 1 */
  const char *path;      /* the file; absolute */
  const char *device;    /* where it runs, in lower case, such as "cpu" or "cuda:0" */
  const grps_args *args; /* checked arguments of the model, for grps_host.argument */
} grps_engine_settings;

/* An input or output of a signature. */
typedef struct grps_engine_tensor {
  uint32_t struct_size;
  int32_t dtype;        /* a grps_dtype, or GRPS_UNKNOWN */
  int32_t rank;         /* dimensions, at most 32, or GRPS_UNKNOWN */
  uint32_t flags;       /* of grps_engine_tensor_flag */
  const int64_t *shape; /* `rank` dimensions; a negative one may have any size; may be NULL */
  grps_text name;
} grps_engine_tensor;

/* Inputs and outputs of a model, in its order. */
typedef struct grps_engine_signature {
  uint32_t struct_size;
  uint32_t flags;                   /* of grps_engine_signature_flag */
  const grps_engine_tensor *inputs; /* with none of them, all that a request has is passed on */
  uint64_t input_count;
  const grps_engine_tensor *outputs; /* none if they are not known */
  uint64_t output_count;
  const grps_text *notes; /* more that the host's part for this engine reads */
  uint64_t note_count;
} grps_engine_signature;

/* What a shim offers. All of it is valid until the process ends. */
typedef struct grps_engine {
  uint32_t struct_size;
  uint32_t version;  /* GRPS_ENGINE_VERSION */
  const char *name;  /* the inferer_type; ends with a zero */
  const char *title; /* the engine and its version, for people; ends with a zero */
  /* Loads a copy of a model; NULL after a failure. */
  void *(*open)(const grps_engine_settings *settings, grps_error *error)GRPS_NOEXCEPT;
  /* Fills in the signature, which is valid until the model is closed. */
  int32_t (*describe)(const void *model, grps_engine_signature *signature,
                      grps_error *error) GRPS_NOEXCEPT;
  /* Runs it once: adds to `outputs` by copy, lend or allocate of grps_host. Inputs are in the order
   * of the signature; their memory must not be written to, and is not used after the call. */
  int32_t (*run)(void *model, const grps_tensor *inputs, uint64_t count, grps_outputs *outputs,
                 grps_error *error) GRPS_NOEXCEPT;
  /* Frees the model; the last call for it. */
  void (*close)(void *model) GRPS_NOEXCEPT;
} grps_engine;

/* The one function that a shim exports, as grps_engine_open. It uses only these functions of the
 * host: log, fail, argument, allocate, copy and lend. Returns NULL after a failure. */
typedef const grps_engine *(*grps_engine_open_function)(const grps_host *host,
                                                        grps_error *error)GRPS_NOEXCEPT;

#ifdef __cplusplus
}
#define GRPS_ENGINE_LAYOUT(condition) static_assert(condition, "the host has the same layout")
#else
#define GRPS_ENGINE_LAYOUT(condition) _Static_assert(condition, "the host has the same layout")
#endif

/* crates/grps-plugin/src/engines/abi.rs asserts the same. */
GRPS_ENGINE_LAYOUT(offsetof(grps_engine_settings, path) == 8);
GRPS_ENGINE_LAYOUT(offsetof(grps_engine_settings, device) == 16);
GRPS_ENGINE_LAYOUT(offsetof(grps_engine_settings, args) == 24);
GRPS_ENGINE_LAYOUT(sizeof(grps_engine_settings) == 32);
GRPS_ENGINE_LAYOUT(offsetof(grps_engine_tensor, rank) == 8);
GRPS_ENGINE_LAYOUT(offsetof(grps_engine_tensor, shape) == 16);
GRPS_ENGINE_LAYOUT(offsetof(grps_engine_tensor, name) == 24 && sizeof(grps_engine_tensor) == 40);
GRPS_ENGINE_LAYOUT(offsetof(grps_engine_signature, inputs) == 8);
GRPS_ENGINE_LAYOUT(offsetof(grps_engine_signature, outputs) == 24);
GRPS_ENGINE_LAYOUT(offsetof(grps_engine_signature, notes) == 40);
GRPS_ENGINE_LAYOUT(sizeof(grps_engine_signature) == 56);
GRPS_ENGINE_LAYOUT(offsetof(grps_engine, name) == 8 && offsetof(grps_engine, title) == 16);
GRPS_ENGINE_LAYOUT(offsetof(grps_engine, open) == 24 && offsetof(grps_engine, describe) == 32);
GRPS_ENGINE_LAYOUT(offsetof(grps_engine, run) == 40 && offsetof(grps_engine, close) == 48);
GRPS_ENGINE_LAYOUT(sizeof(grps_engine) == 56);
#undef GRPS_ENGINE_LAYOUT

#endif
