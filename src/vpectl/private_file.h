// Files whose contents may be what tunnels are for.
#pragma once

#include <stdio.h>

// A file that nobody but its owner reads, for writing. NULL with errno set.
FILE *private_file_create(const char *path);
