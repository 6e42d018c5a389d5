// Hexadecimal digits, of either case.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// 0 to 15, or -1: it is none.
int hex_value(uint8_t digit);
// So many octets from twice as many digits. false: there is something else among them; some of the
// octets may have been written.
bool hex_decode(const char *digits, size_t octets, uint8_t *decoded);
