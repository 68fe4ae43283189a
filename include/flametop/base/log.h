/* The log: logfmt lines to stderr or a file, and the newest ones kept in memory for `:log`.
 *
 * One log for the process, set up by main before any thread starts; log_write may be called from
 * any thread. While the screen is open nothing goes to the terminal: main sets the descriptor to
 * -1. A message that repeats within a second is counted, not written. */
#ifndef FLAMETOP_BASE_LOG_H
#define FLAMETOP_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/macros.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

#define LOG_LINES_KEPT 256
#define LOG_LINE_BYTES 240

void log_open(int fd, enum log_level level);
void log_set_fd(int fd);
void log_set_level(enum log_level level);
bool log_level_parse(const char *text, enum log_level *ret_level);

void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Copies the newest lines, oldest first; answers how many. */
size_t log_tail(char (*dst)[LOG_LINE_BYTES], size_t max);

#endif
