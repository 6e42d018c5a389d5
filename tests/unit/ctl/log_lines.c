// Standard error in a file.
#include "log_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static FILE *kept;
static int before;

void log_lines_begin(void)
{
	kept = tmpfile();
	assert_non_null(kept);
	before = dup(STDERR_FILENO);
	dup2(fileno(kept), STDERR_FILENO);
}

void log_lines_end(char *text, size_t room)
{
	dup2(before, STDERR_FILENO);
	close(before);
	rewind(kept);
	text[fread(text, 1, room - 1, kept)] = '\0';
	fclose(kept);
}
