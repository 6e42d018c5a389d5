// The options of a TCP header, walked for the maximum segment size.
#include "proto/tcp_mss.h"

#define TCP_DATA_OFFSET 12
#define TCP_CHECKSUM 16
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_MSS_OCTETS 4

// The option may begin at any octet, the checksum is of words.
static void replace(uint8_t *tcp, uint32_t at, uint16_t value)
{
	uint8_t octets[4] = {tcp[at & ~1u], tcp[(at & ~1u) + 1], 0, 0};
	uint32_t first = at & ~1u;
	uint16_t word;

	if (at % 2 == 0) {
		store_be16(octets, value);
		memcpy(&word, octets, sizeof(word));
		checksum_replace(tcp + TCP_CHECKSUM, tcp + first, word);
		return;
	}
	store_be16(octets + 1, value);
	octets[3] = tcp[first + 3];
	memcpy(&word, octets, sizeof(word));
	checksum_replace(tcp + TCP_CHECKSUM, tcp + first, word);
	memcpy(&word, octets + 2, sizeof(word));
	checksum_replace(tcp + TCP_CHECKSUM, tcp + first + 2, word);
}

void tcp_mss_lower(uint8_t *tcp, uint32_t octets, uint16_t most)
{
	uint32_t end = (tcp[TCP_DATA_OFFSET] >> 4) * 4u;
	uint32_t at = TCP_HEADER_MIN;

	if (most == 0 || end > octets)
		return;
	while (at < end && tcp[at] != OPTION_END) {
		uint32_t length;

		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		length = at + 1 < end ? tcp[at + 1] : 0;
		if (length < 2 || length > end - at)
			return;
		if (tcp[at] == OPTION_MSS && length == OPTION_MSS_OCTETS &&
			load_be16(tcp + at + 2) > most)
			replace(tcp, at + 2, most);
		at += length;
	}
}
