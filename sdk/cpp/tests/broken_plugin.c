/* A library that breaks one rule of the plugin interface: that of the macro FAULT. */

#include <grps/plugin.h>

enum {
  NONE,
  NO_ENTRY,
  FAILS,
  FAILS_WITH_A_TABLE,
  RETURNS_NULL,
  OLDER,
  NEWER_MAJOR,
  NEWER_MINOR,
  SMALL_TABLE,
  NO_NAME,
  NO_INFERERS,
  TOO_MANY_INFERERS,
  NULL_LIST,
  NULL_CLASS,
  SMALL_CLASS,
  BAD_NAME,
  LONG_NAME,
  NAMED_TWICE,
  NO_INFER,
  UNKNOWN_FLAG,
  CREATES_NOTHING,
  LARGER_TABLE,
  OLDER_CLASS,
  SMALL_STEPS,
  NO_BEGIN,
  NO_STEP,
  NO_END,
  STEPS_OF_MESSAGES,
  CLASS_BEFORE_STEPS
};

#define LONGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char inferer;

static void *create(const grps_settings *settings, grps_error *error) {
  (void)settings, (void)error;
  return FAULT == CREATES_NOTHING ? NULL : &inferer;
}

static int32_t infer(void *self, const grps_batch *batch, grps_error *error) {
  (void)self, (void)batch, (void)error;
  return 7;
}

static void destroy(void *self) { (void)self; }

/* Behind what an older version has: never called. */
static int32_t warm_up(void *self, grps_error *error) {
  (void)self, (void)error;
  return 7;
}

static int32_t begin(void *self, const grps_sequences *sequences, void **states,
                     grps_error *error) {
  (void)self, (void)sequences, (void)states, (void)error;
  return 7;
}

static int32_t step(void *self, const grps_sequences *sequences, const grps_step_result *result,
                    grps_error *error) {
  (void)self, (void)sequences, (void)result, (void)error;
  return 7;
}

static void end(void *self, void *const *states, uint64_t count) {
  (void)self, (void)states, (void)count;
}

static const grps_step_class steps = {
    FAULT == SMALL_STEPS ? 47 : sizeof(grps_step_class),
    0,
    NULL,
    FAULT == NO_BEGIN ? NULL : begin,
    NULL,
    FAULT == NO_STEP ? NULL : step,
    FAULT == NO_END ? NULL : end,
};

static const grps_inferer_class class_of_mine = {
    FAULT == SMALL_CLASS          ? 39
    : FAULT == OLDER_CLASS        ? 40
    : FAULT == CLASS_BEFORE_STEPS ? 56
                                  : sizeof(grps_inferer_class),
    FAULT == UNKNOWN_FLAG        ? 2
    : FAULT == STEPS_OF_MESSAGES ? GRPS_TAKES_MESSAGES
                                 : 0,
    FAULT == BAD_NAME    ? "a b"
    : FAULT == LONG_NAME ? LONGEST LONGEST "x"
                         : LONGEST LONGEST,
    create,
    FAULT == NO_INFER ? NULL : infer,
    destroy,
    NULL,
    FAULT == OLDER_CLASS ? warm_up : NULL,
    FAULT >= SMALL_STEPS ? &steps : NULL,
};

static const grps_inferer_class *const list[] = {
    FAULT == NULL_CLASS ? NULL : &class_of_mine,
    &class_of_mine,
};

/* What a later minor version may append. */
static const struct {
  grps_plugin table;
  void *appended;
} table __attribute__((unused)) = {
    {
        FAULT == SMALL_TABLE    ? 39
        : FAULT == LARGER_TABLE ? sizeof(grps_plugin) + sizeof(void *)
                                : sizeof(grps_plugin),
        FAULT == OLDER         ? 0
        : FAULT == NEWER_MAJOR ? 2
                               : GRPS_PLUGIN_MAJOR,
        FAULT == NEWER_MINOR   ? GRPS_PLUGIN_MINOR + 1
        : FAULT == OLDER_CLASS ? 0
                               : GRPS_PLUGIN_MINOR,
        FAULT == NO_INFERERS         ? 0
        : FAULT == TOO_MANY_INFERERS ? 1025
        : FAULT == NAMED_TWICE       ? 2
                                     : 1,
        FAULT == NO_NAME ? NULL : "broken",
        "1.2.3",
        FAULT == NULL_LIST ? NULL : list,
    },
    NULL,
};

#if FAULT != 1
__attribute__((visibility("default"))) const grps_plugin *grps_plugin_open(const grps_host *host,
                                                                           grps_error *error) {
  if (FAULT == FAILS || FAULT == FAILS_WITH_A_TABLE)
    host->fail(error, GRPS_FAILED, "no license", 10);
  return FAULT == FAILS || FAULT == RETURNS_NULL ? NULL : &table.table;
}
#endif
