// What the code under test says in the log.
#pragma once

#include <stddef.h>

// From now on it is kept instead of shown.
void log_lines_begin(void);
// To the end of text, which has so much room; it is shown again.
void log_lines_end(char *text, size_t room);
