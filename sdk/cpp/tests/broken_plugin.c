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
  OLDER_CLASS
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

static const grps_inferer_class class_of_mine = {
    FAULT == SMALL_CLASS   ? 39
    : FAULT == OLDER_CLASS ? 40
                           : sizeof(grps_inferer_class),
    FAULT == UNKNOWN_FLAG ? 2 : 0,
    FAULT == BAD_NAME    ? "a b"
    : FAULT == LONG_NAME ? LONGEST LONGEST "x"
                         : LONGEST LONGEST,
    create,
    FAULT == NO_INFER ? NULL : infer,
    destroy,
    NULL,
    FAULT == OLDER_CLASS ? warm_up : NULL,
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
