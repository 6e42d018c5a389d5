// A key from its own file: raw octets or hex digits, in a file that nobody else can read.
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

// Whether this open file is one that only root or this process's user can read, or a credential.
// path is for the error. 0 or -errno.
int keyfile_check(int fd, const char *path, struct error *err);

// The digits of a file that holds nothing but hex digits, "0x" before and blanks around them: their
// number, and where the first is. 0: it is not such a file.
size_t keyfile_digits(const uint8_t *text, size_t octets, const uint8_t **digits);

// Decodes text: raw octets, or hex digits. name: what the text is in errors, never shown itself.
int keyfile_parse(const char *name, const uint8_t *text, size_t text_octets, size_t octets,
	size_t salt_octets, uint8_t **key, uint8_t *salt, struct error *err);

// Reads octets of cipher key, and salt_octets behind it, from path. *key is in secret memory, for
// secret_free. 0 or -errno with err filled: what is wrong with the file, never what is in it;
// -EMSGSIZE if a key of another length is.
int keyfile_read(const char *path, size_t octets, size_t salt_octets, uint8_t **key, uint8_t *salt,
	struct error *err);
