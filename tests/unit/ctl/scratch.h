// A directory for a test program's files that is gone afterwards, however the program ends.
#pragma once

#define SCRATCH_PATH 64

// Makes /tmp/vped-NAME-XXXXXX and goes nowhere. 0 or -1.
int scratch_create(const char *name, char path[SCRATCH_PATH]);
// With all that is in it.
void scratch_remove(const char *path);
