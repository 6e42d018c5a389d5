// Two digits are an octet.
#include "base/hex.h"

int hex_value(uint8_t digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool hex_decode(const char *digits, size_t octets, uint8_t *decoded)
{
	for (size_t i = 0; i < octets; i++) {
		int high = hex_value((uint8_t)digits[2 * i]);
		int low = hex_value((uint8_t)digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		decoded[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
