// What the tests of the configuration share: a directory with fresh keys, and loading from it.
#pragma once

#include "crypto/engines.h"
#include "ctl/config.h"

// The program's own tables.
extern const struct proto_table fixture_protos;

// Makes a directory and, in it, key files (16.key, 32-1.key ... 36-6.key: their octets first), and
// goes there. setup and teardown of a cmocka group; *state is the path.
int fixture_enter(void **state);
int fixture_leave(void **state);

// Writes a file of the current directory.
void fixture_write(const char *name, const void *text, size_t octets, unsigned mode);
void fixture_copy(const char *from, const char *name);
// All of a file, with a zero octet behind; for free().
char *fixture_read(const char *path, size_t *octets);

int fixture_load(const char *file, struct config **config, struct error *err);
// Loads text, which must be right.
struct config *fixture_load_text(const char *text);
// Loads text, which must be wrong, and compares "FILE:" and what follows.
void fixture_refuse_text(const char *text, const char *expected);

// No octets of a key file of this directory, no run of 16 hex digits.
void fixture_assert_no_secret(const char *text);
