// An error on its way to a person: a negative errno for the program, a sentence for the operator.
#pragma once

#include "base/compiler.h"

#define ERROR_TEXT 512

struct error {
	char text[ERROR_TEXT];
};

// Writes the sentence (cut to fit) and returns -errnum, so that a caller can `return
// error_set(...)`. The sentence says what is wrong and what would be right; it never holds a
// secret.
int error_set(struct error *err, int errnum, const char *format, ...) PRINTF_LIKE(3, 4);

// Puts the formatted words (separator included) before the sentence that is already there.
void error_prefix(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);
