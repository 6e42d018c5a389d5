// Log of the control thread: one line per event on stderr, with journald priorities where journald
// listens. The data path never logs. No secret is ever an argument.
#pragma once

#include "base/compiler.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_DEBUG };

// Lines above this level are dropped. Default LOG_LEVEL_NOTICE. journald's "<N>" prefix is used
// when the environment says that stderr is the journal (JOURNAL_STREAM).
void log_init(enum log_level level);

void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
