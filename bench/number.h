// Numbers of the command line, as strict as they can be: digits alone, within limits.
#pragma once

#include <stdint.h>

// All return 0 or -EINVAL and then leave the result alone.
int number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *number);
// Seconds with up to nine decimals, in nanoseconds.
int number_parse_seconds(const char *text, uint64_t most_s, uint64_t *ns);
// Six octets of two hexadecimal digits with colons between them, no group's address, not zero.
int number_parse_mac(const char *text, uint8_t mac[6]);
